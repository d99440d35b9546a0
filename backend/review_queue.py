"""The review queue: which photos people look at, in which order, one person each.

Guarantees: no two people hold the same photo at once, on any database and however many connections claim. Photos of
the random share are handed out in the order in which they came, whatever their value, so that accuracy measured on
them is that of the field.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, delete, func, not_, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, exists, select
from sqlmodel.sql.expression import SelectOfScalar

from backend import staff
from backend.database import now
from backend.errors import Conflict, NotFound
from backend.settings import Settings
from backend.staff import Person
from backend.tables import Correction, Opinionated, Photo, PhotoId, PhotoState, Prediction, Review, ReviewClaim
from mobile_models.label_set import UNSURE

_Opinion = TypeVar("_Opinion", Prediction, Correction)

MOST_CLAIMS = 20
"""Photos that one person can hold at once."""


@dataclass(frozen=True)
class Item:
    """A photo as a reviewer sees it. What other reviewers said is not told: a second opinion is an independent one."""

    photo_id: PhotoId
    expires_at: datetime | None
    received_at: datetime
    captured_on: date | None
    width: int
    height: int
    shown_label: str | None
    """The best opinion so far: the resident's, else the phone's, else the server's. `agree` means to agree with it."""
    correction: str | None
    predictions: tuple[Prediction, ...]
    review_value: float
    needs_second_opinion: bool


@dataclass(frozen=True)
class QueueCounts:
    waiting: int
    """Photos that wait for anybody, also those that somebody holds."""
    claimed: int
    second_opinions: int
    awaiting_inspection: int
    """Photos that no worker has looked at yet, imported ones among them: nobody reviews or trains on them so far."""
    yours_today: int


def claim(
    session: Session, settings: Settings, person: Person, count: int, draw: Callable[[], float] | None = None
) -> list[Item]:
    """Let the person hold `count` photos: those held already, then the next of the queue.

    Each new one is taken from the random share with the probability `settings.review_random_fraction`, else by value;
    from the other one where that is empty. `draw` gives numbers from 0 to 1.
    """
    count = min(count, MOST_CLAIMS)
    draw = draw or secrets.SystemRandom().random
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    held = [each for each in _held(session, person)[:count] if _try_claim(session, person, each, expires_at)]
    missing = count - len(held)
    shares = {by_chance: _claim_some(session, person, by_chance, missing, expires_at) for by_chance in (True, False)}
    while len(held) < count:
        by_chance = draw() < settings.review_random_fraction
        taken = next(shares[by_chance], None) or next(shares[not by_chance], None)
        if taken is None:
            break
        held.append(taken)
    return items(session, held)


def claim_one(session: Session, settings: Settings, person: Person, photo_id: PhotoId) -> Item:
    """Let the person hold this very photo, also one that is decided: to look again at what was said."""
    check_reviewable(found_by(session, person, photo_id, lock=True))
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    if not _try_claim(session, person, photo_id, expires_at):
        raise Conflict("Somebody else is looking at this photo.", code="claimed")
    return items(session, [photo_id])[0]


def unclaim(session: Session, person: Person, photo_id: PhotoId) -> None:
    """Give a photo back to the queue; nothing happens if the person does not hold it."""
    session.connection().execute(
        delete(ReviewClaim).where(col(ReviewClaim.photo_id) == photo_id, col(ReviewClaim.staff_id) == person.id)
    )


def check_held(session: Session, person: Person, photo_id: PhotoId) -> None:
    """Raise `Conflict` unless the person holds the photo now."""
    held = session.get(ReviewClaim, photo_id, populate_existing=True)
    if held is None or held.staff_id != person.id or held.expires_at <= now():
        raise Conflict("You do not hold this photo (any longer). Claim it again.", code="not_claimed")


def shown_label(session: Session, photo_id: str) -> str | None:
    """Return the best opinion so far: the resident's, else the phone's, else the server's."""
    return _shown(newest_correction(session, photo_id), predictions(session, photo_id))


def queue_counts(session: Session, person: Person) -> QueueCounts:
    def count(*conditions: ColumnElement[bool]) -> int:
        there = select(func.count()).select_from(Photo).where(staff.in_areas(person), *conditions)
        return session.exec(there).one()

    said_today = select(func.count()).where(
        Review.staff_id == person.id, col(Review.created_at) > now() - timedelta(days=1)
    )
    return QueueCounts(
        waiting=count(_waits()),
        claimed=count(_waits(), _is_held()),
        second_opinions=count(_waits(), col(Photo.needs_second_opinion).is_(True)),
        awaiting_inspection=count(col(Photo.state) == PhotoState.RECEIVED),
        yours_today=session.exec(said_today).one(),
    )


def preview(session: Session, person: Person, limit: int) -> list[Item]:
    """Return the most valuable photos that the person could claim now, without claiming them."""
    statement = select(Photo.id).where(_is_open_for(person)).order_by(*_order(by_chance=False)).limit(limit)
    return items(session, [PhotoId(photo_id) for photo_id in session.exec(statement)])


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
    corrections = {row.photo_id: row.label for row in session.exec(_oldest_first(Correction, photo_ids))}
    return [
        _item(photos[photo_id], claims.get(photo_id), made[photo_id], corrections.get(photo_id))
        for photo_id in photo_ids
    ]


def _item(photo: Photo, expires_at: datetime | None, made: Sequence[Prediction], correction: str | None) -> Item:
    return Item(
        photo_id=PhotoId(photo.id),
        expires_at=expires_at,
        received_at=photo.received_at,
        captured_on=photo.captured_on,
        width=photo.width,
        height=photo.height,
        shown_label=_shown(correction, made),
        correction=correction,
        predictions=tuple(made),
        review_value=photo.review_value,
        needs_second_opinion=photo.needs_second_opinion,
    )


def predictions(session: Session, photo_id: str) -> Sequence[Prediction]:
    """Oldest first, so that of each maker the newest wins where they are put into a dict."""
    return session.exec(_oldest_first(Prediction, [photo_id])).all()


def _oldest_first(opinions: type[_Opinion], photo_ids: Sequence[str]) -> SelectOfScalar[_Opinion]:
    return select(opinions).where(col(opinions.photo_id).in_(photo_ids)).order_by(col(opinions.id))


def newest_correction(session: Session, photo_id: str) -> str | None:
    statement = select(Correction.label).where(Correction.photo_id == photo_id)
    return session.exec(statement.order_by(col(Correction.id).desc()).limit(1)).one_or_none()


def _waits() -> ColumnElement[bool]:
    return and_(
        col(Photo.state) == PhotoState.INSPECTED,
        col(Photo.allow_review).is_(True),
        col(Photo.gold_label).is_(None),
        col(Photo.rejected_at).is_(None),
    )


def _is_held() -> ColumnElement[bool]:
    return exists().where(col(ReviewClaim.photo_id) == col(Photo.id), col(ReviewClaim.expires_at) > now())


def _is_open_for(person: Person) -> ColumnElement[bool]:
    """It lies where the person works, nobody holds it, and the person has not said anything about it yet."""
    spoke = exists().where(col(Review.photo_id) == col(Photo.id), col(Review.staff_id) == person.id)
    return and_(_waits(), staff.in_areas(person), not_(_is_held()), not_(spoke))


def _order(*, by_chance: bool) -> tuple[SQLColumnExpression[Any], ...]:
    """What is half decided first; then as it came, or the most valuable."""
    half_decided, came = col(Photo.needs_second_opinion).desc(), (col(Photo.received_at), col(Photo.id))
    return (half_decided, *came) if by_chance else (half_decided, col(Photo.review_value).desc(), *came)


def _held(session: Session, person: Person) -> Sequence[PhotoId]:
    statement = (
        select(ReviewClaim.photo_id)
        .join(Photo, col(Photo.id) == col(ReviewClaim.photo_id))
        .where(ReviewClaim.staff_id == person.id, col(ReviewClaim.expires_at) > now(), _waits(), staff.in_areas(person))
        .order_by(col(ReviewClaim.expires_at), col(ReviewClaim.photo_id))
    )
    return [PhotoId(photo_id) for photo_id in session.exec(statement)]


def _claim_some(
    session: Session, person: Person, by_chance: bool, most: int, expires_at: datetime
) -> Iterator[PhotoId]:
    """Claim the next one each time that it is asked for; up to `most` are found with one query, which is what is slow.

    Rows that others are claiming at this moment are skipped; the claim itself is a compare-and-set.
    """
    statement = (
        select(Photo.id)
        .where(_is_open_for(person), col(Photo.in_random_share).is_(by_chance))
        .order_by(*_order(by_chance=by_chance))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    while next_ones := session.exec(statement).all():
        for photo_id in map(PhotoId, next_ones):
            if _try_claim(session, person, photo_id, expires_at):
                yield photo_id


def _try_claim(session: Session, person: Person, photo_id: PhotoId, expires_at: datetime) -> bool:
    """Take or renew the claim, unless somebody else holds it; return whether the person holds it now."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ReviewClaim).values(photo_id=photo_id, staff_id=person.id, expires_at=expires_at)
    free = or_(col(ReviewClaim.staff_id) == person.id, col(ReviewClaim.expires_at) <= now())
    upsert = statement.on_conflict_do_update(
        index_elements=[col(ReviewClaim.photo_id)],
        set_={"staff_id": person.id, "expires_at": expires_at},
        where=free,
    )
    return session.connection().execute(upsert.returning(col(ReviewClaim.photo_id))).first() is not None


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


def _shown(correction: str | None, predictions: Sequence[Prediction]) -> str | None:
    said = {row.made_by: row.label for row in predictions if row.label != UNSURE}
    return correction or said.get(Opinionated.PHONE) or said.get(Opinionated.SERVER)
