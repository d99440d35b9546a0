"""Finding photos: by label, place, date, release, confidence, disagreement, state, and the words of notes.

Guarantees: nobody finds a photo outside of their areas, and nobody one that was withdrawn. Pages are cut by the last
photo seen and not by a number, so that page one hundred is as quick as the first and none is shown twice while more
come in. Each filter has an index that also gives the order (`tables.SEARCHED`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, tuple_
from sqlalchemy.orm import load_only
from sqlmodel import Session, col, select

from backend.database import UtcDateTime
from backend.people import staff
from backend.people.staff import Person
from backend.searching import note_words
from backend.tables import Photo, PhotoId, PhotoSource, PhotoState

MOST = 100


@dataclass(frozen=True)
class Search:
    """What somebody looks for; what is empty limits nothing."""

    gold: str = ""
    predicted: str = ""
    corrected: str = ""
    place: str = ""
    since: datetime | None = None
    until: datetime | None = None
    release: int | None = None
    least_confidence: float | None = None
    most_confidence: float | None = None
    disagrees: bool | None = None
    """Whether the resident said something else than the model; None: either."""
    state: PhotoState | None = None
    split: str = ""
    source: PhotoSource | None = None
    text: str = ""


@dataclass(frozen=True)
class Mark:
    """The last photo of a page."""

    received_at: datetime
    photo_id: PhotoId

    def __str__(self) -> str:
        return f"{self.received_at.isoformat()}_{self.photo_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise `ValueError` for what is no mark."""
        came, _, photo_id = text.partition("_")
        return cls(datetime.fromisoformat(came).astimezone(UTC), PhotoId(str(UUID(photo_id))))


def remember_prediction(photo: Photo, label: str, release: int, scores: Mapping[str, float]) -> None:
    """Let the photo be found by what a model said of it. The phone's opinion comes first, and stays."""
    if photo.predicted_label is None:
        photo.predicted_label, photo.predicted_release = label, release
        photo.confidence = max(scores.values(), default=None)


def where(person: Person, wanted: Search) -> ColumnElement[bool]:
    """What the photos fulfil that `person` finds by `wanted`."""
    conditions = [staff.in_areas(person), *_equal(wanted), *_within(wanted)]
    if wanted.state in (None, PhotoState.WITHDRAWN):
        conditions.append(col(Photo.state) != PhotoState.WITHDRAWN)
    if wanted.disagrees is not None:
        conditions.append(disagrees() if wanted.disagrees else agrees())
    if wanted.text:
        conditions.append(note_words.has_words(wanted.text))
    return and_(*conditions)


def disagrees() -> ColumnElement[bool]:
    corrected, predicted = col(Photo.corrected_label), col(Photo.predicted_label)
    return and_(corrected.is_not(None), or_(predicted.is_(None), corrected != predicted))


def agrees() -> ColumnElement[bool]:
    return or_(col(Photo.corrected_label).is_(None), col(Photo.corrected_label) == col(Photo.predicted_label))


def page(session: Session, person: Person, wanted: Search, *, limit: int, after: Mark | None = None) -> Sequence[Photo]:
    """Return photos, newest first, without what they look like to a model: embeddings would be most of the bytes."""
    columns: list[Any] = [each for each in Photo.__table__.columns if each.name not in _HEAVY]  # type: ignore[attr-defined]
    loaded = load_only(*(getattr(Photo, each.name) for each in columns))
    statement = select(Photo).options(loaded).where(where(person, wanted))
    if after is not None:
        came = tuple_(col(Photo.received_at), col(Photo.id))
        statement = statement.where(
            came < tuple_(literal(after.received_at, UtcDateTime()), literal(str(after.photo_id)))
        )
    return session.exec(statement.order_by(*_newest_first()).limit(limit)).all()


def count(session: Session, person: Person, wanted: Search, most: int) -> int:
    """Return how many there are, and `most` if there are more: nobody waits for all to be counted.

    They are counted in their order, which an index gives: a database that expects many would read the table otherwise.
    """
    found = select(Photo.id).where(where(person, wanted)).order_by(*_newest_first()).limit(most).subquery()
    return session.exec(select(func.count()).select_from(found)).one()


def _newest_first() -> tuple[ColumnElement[Any], ...]:
    return col(Photo.received_at).desc(), col(Photo.id).desc()


_HEAVY = ("embedding", "review_parts")


def _equal(wanted: Search) -> list[ColumnElement[bool]]:
    pairs: list[tuple[Any, Any]] = [
        (Photo.gold_label, wanted.gold),
        (Photo.predicted_label, wanted.predicted),
        (Photo.corrected_label, wanted.corrected),
        (Photo.place, wanted.place),
        (Photo.split, wanted.split),
        (Photo.predicted_release, wanted.release),
        (Photo.state, wanted.state),
        (Photo.source, wanted.source),
    ]
    return [col(column) == value for column, value in pairs if value not in (None, "")]


def _within(wanted: Search) -> list[ColumnElement[bool]]:
    came, sure = col(Photo.received_at), col(Photo.confidence)
    limits: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
        (wanted.since, lambda value: came >= value),
        (wanted.until, lambda value: came < value),
        (wanted.least_confidence, lambda value: sure >= value),
        (wanted.most_confidence, lambda value: sure <= value),
    ]
    return [condition(value) for value, condition in limits if value is not None]
