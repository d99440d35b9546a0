"""A photo as a reviewer sees it, and the opinions about it that they may know.

Guarantees: what other reviewers said is not told, nor that a photo is decided already or was drawn by chance: a second
opinion is an independent one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.errors import Conflict, NotFound
from backend.people import staff
from backend.people.staff import Person
from backend.tables import (
    Correction,
    CorrectionReason,
    Opinionated,
    Photo,
    PhotoId,
    PhotoState,
    Prediction,
    ReviewClaim,
)
from mobile_models.label_set import UNSURE

_Opinion = TypeVar("_Opinion", Prediction, Correction)


@dataclass(frozen=True)
class Item:
    photo_id: PhotoId
    expires_at: datetime | None
    received_at: datetime
    captured_on: date | None
    width: int
    height: int
    shown_label: str | None
    """The best opinion so far: the resident's, else the phone's, else the server's. `agree` means to agree with it."""
    correction: str | None
    correction_reason: CorrectionReason | None
    predictions: tuple[Prediction, ...]
    review_value: float
    review_parts: dict[str, float]
    """What the value is made of (`opinions.value_parts`)."""
    needs_second_opinion: bool


def items(session: Session, photo_ids: Sequence[PhotoId]) -> list[Item]:
    """Return what a reviewer sees of these photos, in this order: four queries, however many there are."""
    photos = {row.id: row for row in session.exec(select(Photo).where(col(Photo.id).in_(photo_ids)))}
    claims = dict(
        session.exec(
            select(ReviewClaim.photo_id, ReviewClaim.expires_at).where(col(ReviewClaim.photo_id).in_(photo_ids))
        ).all()
    )
    made: dict[str, list[Prediction]] = defaultdict(list)
    for row in session.exec(_oldest_first(Prediction, photo_ids)):
        made[row.photo_id].append(row)
    corrections = {row.photo_id: row for row in session.exec(_oldest_first(Correction, photo_ids))}
    return [
        _item(photos[photo_id], claims.get(photo_id), made[photo_id], corrections.get(photo_id))
        for photo_id in photo_ids
    ]


def shown_label(session: Session, photo_id: str) -> str | None:
    """Return the best opinion so far: the resident's, else the phone's, else the server's."""
    correction = newest_correction(session, photo_id)
    return _shown(None if correction is None else correction.label, predictions(session, photo_id))


def predictions(session: Session, photo_id: str) -> Sequence[Prediction]:
    """Oldest first, so that of each maker the newest wins where they are put into a dict."""
    return session.exec(_oldest_first(Prediction, [photo_id])).all()


def newest_correction(session: Session, photo_id: str) -> Correction | None:
    statement = select(Correction).where(Correction.photo_id == photo_id)
    return session.exec(statement.order_by(col(Correction.id).desc()).limit(1)).one_or_none()


def found(session: Session, photo_id: PhotoId, *, lock: bool = False) -> Photo:
    """Return the photo, or raise `NotFound`; locked, nobody else can claim or decide it until the transaction ends."""
    photo = session.get(Photo, photo_id, with_for_update=lock or None, populate_existing=lock)
    if photo is None:
        raise NotFound("There is no such photo.")
    return photo


def found_by(session: Session, person: Person, photo_id: PhotoId, *, lock: bool = False) -> Photo:
    """Return the photo, or raise `NotFound` as well where it lies outside of the person's areas."""
    photo = found(session, photo_id, lock=lock)
    staff.check_area(person, photo)
    return photo


def check_reviewable(photo: Photo) -> None:
    if photo.state != PhotoState.INSPECTED or not photo.allow_review:
        raise Conflict("This photo is not for review: it was withdrawn, or never offered.", code="not_reviewable")


def _item(photo: Photo, expires_at: datetime | None, made: Sequence[Prediction], correction: Correction | None) -> Item:
    said = None if correction is None else correction.label
    return Item(
        photo_id=PhotoId(photo.id),
        expires_at=expires_at,
        received_at=photo.received_at,
        captured_on=photo.captured_on,
        width=photo.width,
        height=photo.height,
        shown_label=_shown(said, made),
        correction=said,
        correction_reason=None if correction is None else correction.reason,
        predictions=tuple(made),
        review_value=photo.review_value,
        review_parts=photo.review_parts or {},
        needs_second_opinion=photo.needs_second_opinion,
    )


def _oldest_first(opinions: type[_Opinion], photo_ids: Sequence[str]) -> SelectOfScalar[_Opinion]:
    return select(opinions).where(col(opinions.photo_id).in_(photo_ids)).order_by(col(opinions.id))


def _shown(correction: str | None, made: Sequence[Prediction]) -> str | None:
    said = {row.made_by: row.label for row in made if row.label != UNSURE}
    return correction or said.get(Opinionated.PHONE) or said.get(Opinionated.SERVER)
