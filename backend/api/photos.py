"""`/v1/photos`: photos found by filters, counted, noted on, covered and hidden, for programs of the city."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from backend.api.dependencies import PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import DataKeeper, DataReader
from backend.database import Text
from backend.errors import DomainError, Forbidden
from backend.intake import moderation, thumbnails
from backend.intake.moderation import Note, Reason
from backend.reviewing.review_items import found_by
from backend.searching import photo_counts, photo_details, photo_search
from backend.searching.photo_search import MOST, Mark, Search
from backend.tables import LocationPrecision, Photo, PhotoId, PhotoSource, PhotoState, ReviewVerdict
from mobile_models.label_set import LabelId

router = APIRouter(prefix="/v1/photos", tags=["photos"])
_Words = Annotated[Text, StringConstraints(strip_whitespace=True, max_length=200)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Pixel = Annotated[int, Field(ge=0, le=100_000)]


class PhotoQuery(BaseModel):
    """What is left out limits nothing."""

    text: _Words = ""
    gold: LabelId | None = None
    predicted: LabelId | None = None
    corrected: LabelId | None = None
    place: _Words = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    release: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    least_confidence: _Share | None = None
    most_confidence: _Share | None = None
    disagrees: bool | None = None
    state: PhotoState | None = None
    split: Literal["train", "validation", "holdout"] | None = None
    source: PhotoSource | None = None

    @property
    def search(self) -> Search:
        given = {name: value for name, value in self if value is not None}
        return Search(**given)


def _wanted(given: Annotated[PhotoQuery, Query()]) -> Search:
    return given.search


Wanted = Annotated[Search, Depends(_wanted)]


class PhotoAnswer(BaseModel):
    id: str
    source: PhotoSource
    state: PhotoState
    received_at: datetime
    captured_on: date | None
    place: str | None
    latitude: float | None
    longitude: float | None
    location_precision: LocationPrecision | None
    width: int
    height: int
    predicted_label: str | None
    predicted_release: int | None
    confidence: float | None
    corrected_label: str | None
    gold_label: str | None
    split: str | None
    image_url: str | None
    """Null where you may not look at it."""


class PhotoList(BaseModel):
    photos: list[PhotoAnswer]
    after: str | None
    """Ask with it for the next ones; null at the end."""


class OpinionAnswer(BaseModel):
    by: str
    verdict: ReviewVerdict
    label: str | None
    at: datetime
    taken_back: bool


class NoteAnswer(BaseModel):
    by: str
    text: str
    at: datetime


class UseAnswer(BaseModel):
    snapshot_id: int
    split: str
    label: str
    releases: tuple[int, ...]


class PhotoDetails(PhotoAnswer):
    note: str | None
    """The resident's."""
    hidden_reason: str | None
    notes: list[NoteAnswer]
    opinions: list[OpinionAnswer]
    """Those of others are not told while the photo waits, unless you have said something, too."""
    snapshots: list[UseAnswer]


class PlaceAnswer(BaseModel):
    place: str | None
    photos: int
    corrected: int
    latitude: float | None
    longitude: float | None


class Places(BaseModel):
    places: list[PlaceAnswer]


class LabelCounts(BaseModel):
    label: str | None
    photos: tuple[int, ...]


class OverTimeAnswer(BaseModel):
    steps: tuple[date, ...]
    labels: list[LabelCounts]


class NoteBody(BaseModel):
    text: Note


class ReasonBody(BaseModel):
    reason: Reason


class BlockBody(ReasonBody):
    hide_earlier: bool = False


class BlockAnswer(BaseModel):
    hidden: int


class Region(BaseModel):
    """In pixels of the stored photo; right and bottom are just outside."""

    left: _Pixel
    top: _Pixel
    right: _Pixel
    bottom: _Pixel


class RedactBody(BaseModel):
    regions: list[Region] = Field(min_length=1, max_length=moderation.MOST_REGIONS)


@router.get("")
def find(
    person: DataReader,
    session: Transaction,
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    after: Annotated[str, Query(max_length=100)] = "",
) -> PhotoList:
    """Photos, newest first."""
    found = photo_search.page(session, person, wanted, limit=limit, after=_mark(after))
    last = str(Mark(found[-1].received_at, PhotoId(found[-1].id))) if len(found) == limit else None
    return PhotoList(photos=[_answer(row, photo_details.may_be_seen(person, row)) for row in found], after=last)


@router.get("/places")
def places(person: DataReader, session: Transaction, wanted: Wanted) -> Places:
    """How many photos come from which place, and of how many the resident said something else than the model.

    Of a year at most: the last one, or that before `until`."""
    found = photo_counts.by_place(session, person, wanted)
    return Places(places=[PlaceAnswer.model_validate(each, from_attributes=True) for each in found])


@router.get("/over-time")
def over_time(
    person: DataReader, session: Transaction, wanted: Wanted, step: Literal["day", "week"] = "day"
) -> OverTimeAnswer:
    """Photos of each day or week (UTC, from Monday), by the best label that is known; of a year at most, as places."""
    found = photo_counts.over_time(session, person, wanted, step)
    labels = [LabelCounts(label=label, photos=numbers) for label, numbers in found.photos.items()]
    return OverTimeAnswer(steps=found.steps, labels=labels)


@router.get("/{photo_id}")
def one(photo_id: UUID, person: DataReader, session: Transaction) -> PhotoDetails:
    details = photo_details.of(session, person, PhotoId(str(photo_id)))
    return PhotoDetails(
        **_answer(details.photo, details.may_be_seen).model_dump(),
        note=details.photo.note,
        hidden_reason=details.photo.hidden_reason,
        notes=[NoteAnswer(**vars(each)) for each in details.notes],
        opinions=[OpinionAnswer(**vars(each)) for each in details.opinions],
        snapshots=[UseAnswer(**vars(each)) for each in details.snapshots],
    )


@router.get("/{photo_id}/image", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def image(photo_id: UUID, person: DataReader, parts: PartsOfServer) -> Response:
    """The photo itself, if its sender lets staff look at it."""
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        row = found_by(session, person, PhotoId(str(photo_id)))
    if not photo_details.may_be_seen(person, row):
        raise Forbidden("This photo may not be looked at.", code="not_to_be_seen")
    content = thumbnails.original(parts.storage, PhotoId(row.id))
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.post("/{photo_id}/notes", status_code=201)
def note(photo_id: UUID, given: NoteBody, person: DataReader, session: Transaction) -> NoteAnswer:
    row = moderation.add_note(session, person, PhotoId(str(photo_id)), given.text)
    return NoteAnswer(by=person.name, text=row.text, at=row.created_at)


@router.post("/{photo_id}/redact")
def redact(photo_id: UUID, given: RedactBody, person: DataKeeper, parts: PartsOfServer) -> PhotoAnswer:
    """Cover regions for good: what they showed is nowhere kept here, and the photo is inspected anew."""
    regions = [(each.left, each.top, each.right, each.bottom) for each in given.regions]
    wanted = PhotoId(str(photo_id))
    row = moderation.redact(lambda: transaction_of(parts), parts.storage, parts.sandbox, person, wanted, regions)
    return _answer(row, photo_details.may_be_seen(person, row))


@router.post("/{photo_id}/hide")
def hide(photo_id: UUID, given: ReasonBody, person: DataKeeper, session: Transaction) -> PhotoAnswer:
    """Keep the photo from review and training until it is shown again."""
    row = moderation.hide(session, person, PhotoId(str(photo_id)), given.reason)
    return _answer(row, photo_details.may_be_seen(person, row))


@router.post("/{photo_id}/show")
def show(photo_id: UUID, person: DataKeeper, session: Transaction) -> PhotoAnswer:
    row = moderation.show(session, person, PhotoId(str(photo_id)))
    return _answer(row, photo_details.may_be_seen(person, row))


@router.post("/{photo_id}/block-device")
def block_device(photo_id: UUID, given: BlockBody, person: DataKeeper, session: Transaction) -> BlockAnswer:
    """Take nothing more from the device that sent this photo. Nobody is told which one it is."""
    hidden = moderation.block_device(
        session, person, PhotoId(str(photo_id)), given.reason, hide_earlier=given.hide_earlier
    )
    return BlockAnswer(hidden=hidden)


def _mark(after: str) -> Mark | None:
    try:
        return Mark.parse(after) if after else None
    except (ValueError, OverflowError):
        raise DomainError("This is no mark that an answer gave as `after`.", code="bad_page") from None


def _answer(row: Photo, may_be_seen: bool) -> PhotoAnswer:
    known = {name: getattr(row, name) for name in PhotoAnswer.model_fields if name != "image_url"}
    return PhotoAnswer(**known, image_url=f"/v1/photos/{row.id}/image" if may_be_seen else None)
