"""`/v1/review`: the queue of photos for reviewers, and their verdicts."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from backend import known_labels
from backend.api.dependencies import PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Reviewer
from backend.errors import NotFound
from backend.intake import photo_store
from backend.reviewing import labelling, review_items, review_queue
from backend.reviewing.labelling import Verdict
from backend.reviewing.review_items import Item
from backend.reviewing.review_queue import MOST_CLAIMS
from backend.tables import CorrectionReason, Opinionated, PhotoId, RejectReason, ReviewVerdict
from mobile_models.label_set import LabelId

router = APIRouter(prefix="/v1/review", tags=["review"])


class PredictionAnswer(BaseModel):
    made_by: Opinionated
    release_version: int
    label: str
    scores: dict[str, float]


class ItemAnswer(BaseModel):
    photo_id: str
    photo_url: str
    """Needs the same token as this call."""
    expires_at: datetime | None
    """Until when it is yours."""
    received_at: datetime
    captured_on: date | None
    width: int
    height: int
    shown_label: str | None
    """The best opinion so far; `agree` has to name it."""
    correction: str | None
    correction_reason: CorrectionReason | None
    predictions: list[PredictionAnswer]
    review_value: float
    review_parts: dict[str, float]
    """Why it is worth a review, each reason from 0 to 1; empty where nobody knows."""
    needs_second_opinion: bool


class Items(BaseModel):
    items: list[ItemAnswer]


class QueueAnswer(BaseModel):
    waiting: int
    claimed: int
    second_opinions: int
    awaiting_inspection: int
    """Photos, imported ones among them, that come later: no worker has looked at them yet."""
    yours_today: int
    labels: tuple[str, ...]
    """What a photo can be labelled as."""
    next: list[ItemAnswer]


class ClaimBody(BaseModel):
    count: int = Field(default=1, ge=1, le=MOST_CLAIMS)


class VerdictBody(BaseModel):
    verdict: ReviewVerdict
    label: LabelId | None = None
    """For `agree` the label that was shown, for `relabel` the right one; absent for the others."""
    reason: RejectReason | None = None
    """For `reject`."""


class CheckAnswer(BaseModel):
    expected: str
    is_right: bool


class UndoAnswer(BaseModel):
    held: bool


class RenewedAnswer(BaseModel):
    expires_at: datetime


class VerdictAnswer(BaseModel):
    photo_id: str
    gold_label: str | None
    rejected: bool
    rejected_as: ReviewVerdict | None
    needs_second_opinion: bool
    in_random_share: bool
    """Drawn by chance. Told after the verdict alone."""
    check: CheckAnswer | None
    """It was decided already, and what you said was compared. Told after the verdict alone."""


@router.get("/queue")
def queue(
    person: Reviewer, session: Transaction, preview: Annotated[int, Query(ge=0, le=MOST_CLAIMS)] = 5
) -> QueueAnswer:
    """How much waits, and what comes next; nothing is claimed."""
    counts = review_queue.queue_counts(session, person)
    return QueueAnswer(
        **vars(counts),
        labels=known_labels.label_set(session).ids,
        next=[_item(item) for item in review_queue.preview(session, person, preview)],
    )


@router.post("/claims")
def claim(given: ClaimBody, person: Reviewer, parts: PartsOfServer, session: Transaction) -> Items:
    """Hold `count` photos for some minutes: those held already, then the next. Nobody else gets them meanwhile."""
    return Items(items=[_item(item) for item in review_queue.claim(session, parts.settings, person, given.count)])


@router.get("/photos/{photo_id}", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def photo(photo_id: UUID, person: Reviewer, parts: PartsOfServer) -> Response:
    """The photo itself, if its sender lets staff look at it."""
    wanted = PhotoId(str(photo_id))
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        review_items.check_reviewable(review_items.found_by(session, person, wanted))
    try:
        content = photo_store.read(parts.storage, wanted)
    except FileNotFoundError:
        raise NotFound("The photo was withdrawn a moment ago.") from None
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.post("/photos/{photo_id}/claim")
def claim_one(photo_id: UUID, person: Reviewer, parts: PartsOfServer, session: Transaction) -> ItemAnswer:
    """Hold this very photo, also one that is decided: to say something else, which then is a further opinion."""
    return _item(review_queue.claim_one(session, parts.settings, person, PhotoId(str(photo_id))))


@router.delete("/photos/{photo_id}/claim", status_code=204)
def unclaim(photo_id: UUID, person: Reviewer, session: Transaction) -> None:
    """Give the photo back to the queue."""
    review_queue.unclaim(session, person, PhotoId(str(photo_id)))


@router.post("/photos/{photo_id}/verdict")
def verdict(
    photo_id: UUID, given: VerdictBody, person: Reviewer, parts: PartsOfServer, session: Transaction
) -> VerdictAnswer:
    """Say what it is. The same again is answered the same; without a claim it is a conflict (409)."""
    wanted = PhotoId(str(photo_id))
    said = Verdict(given.verdict, given.label, given.reason)
    decision = labelling.give_verdict(session, parts.settings, person, wanted, said)
    told = labelling.told(session, person, wanted)
    return VerdictAnswer(
        photo_id=wanted,
        gold_label=decision.gold_label,
        rejected=decision.rejected,
        rejected_as=decision.rejected_as,
        needs_second_opinion=decision.needs_second_opinion,
        in_random_share=told.in_random_share,
        check=None if told.check is None else CheckAnswer(expected=told.check.expected, is_right=told.check.is_right),
    )


@router.post("/photos/{photo_id}/undo")
def undo(photo_id: UUID, person: Reviewer, parts: PartsOfServer, session: Transaction) -> UndoAnswer:
    """Take back the last word on it, if it is among your last 20. The photo is yours again unless another has it."""
    return UndoAnswer(held=labelling.undo(session, parts.settings, person, PhotoId(str(photo_id))))


@router.post("/photos/{photo_id}/skip", status_code=204)
def skip(photo_id: UUID, person: Reviewer, session: Transaction) -> None:
    """Give the photo back; for some hours it is offered to others alone."""
    review_queue.skip(session, person, PhotoId(str(photo_id)))


@router.post("/claims/renew")
def renew(person: Reviewer, parts: PartsOfServer, session: Transaction) -> RenewedAnswer:
    """Hold what is yours for some minutes more."""
    return RenewedAnswer(expires_at=review_queue.renew(session, parts.settings, person))


def _item(item: Item) -> ItemAnswer:
    content = {name: value for name, value in vars(item).items() if name != "predictions"}
    predictions = [PredictionAnswer.model_validate(row, from_attributes=True) for row in item.predictions]
    return ItemAnswer(**content, photo_url=f"/v1/review/photos/{item.photo_id}", predictions=predictions)
