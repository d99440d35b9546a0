"""`/v1/review`: the queue of photos for reviewers, and their verdicts."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from backend import known_labels, labelling, photo_store, review_queue
from backend.api.dependencies import PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Reviewer
from backend.errors import NotFound
from backend.labelling import Verdict
from backend.review_queue import MOST_CLAIMS, Item
from backend.tables import Opinionated, PhotoId, ReviewVerdict
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
    predictions: list[PredictionAnswer]
    review_value: float
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


class DecisionAnswer(BaseModel):
    photo_id: str
    gold_label: str | None
    rejected: bool
    needs_second_opinion: bool


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
        review_queue.check_reviewable(review_queue.found_by(session, person, wanted))
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
def verdict(photo_id: UUID, given: VerdictBody, person: Reviewer, session: Transaction) -> DecisionAnswer:
    """Say what it is. The same again is answered the same; without a claim it is a conflict (409)."""
    wanted = PhotoId(str(photo_id))
    decision = labelling.give_verdict(session, person, wanted, Verdict(given.verdict, given.label))
    return DecisionAnswer(photo_id=wanted, **vars(decision))


def _item(item: Item) -> ItemAnswer:
    content = {name: value for name, value in vars(item).items() if name != "predictions"}
    predictions = [PredictionAnswer.model_validate(row, from_attributes=True) for row in item.predictions]
    return ItemAnswer(**content, photo_url=f"/v1/review/photos/{item.photo_id}", predictions=predictions)
