"""The review queue: which photos people look at, in which order, one person each.

Guarantees: no two people hold the same photo at once, on any database and however many connections claim. Photos of
the random share are handed out in the order in which they came, whatever their value, so that accuracy measured on
them is that of the field.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, delete, func, literal_column, not_, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, select

from backend.database import now
from backend.errors import Conflict
from backend.people import staff
from backend.people.staff import Person
from backend.reviewing import review_checks
from backend.reviewing.review_items import Item, check_reviewable, found_by, items
from backend.settings import Settings
from backend.tables import Photo, PhotoId, PhotoState, Review, ReviewClaim, ReviewSkip, ReviewVerdict

MOST_CLAIMS = 20
"""Photos that one person can hold at once."""
SKIPPED_FOR = timedelta(hours=12)
_Order = tuple[SQLColumnExpression[Any], ...]


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

    What is half decided comes first. Each further one is taken from the random share with the probability
    `settings.review_random_fraction`, else by value; from the other one where that is empty. With the probability
    `settings.review_check_fraction` it is a check instead. `draw` gives numbers from 0 to 1.
    """
    count = min(count, MOST_CLAIMS)
    draw = draw or secrets.SystemRandom().random
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    held = [
        each
        for each, is_check in _held(session, person)[:count]
        if try_claim(session, person, each, expires_at, is_check)
    ]
    shares = _shares(session, person, count - len(held), expires_at)
    while len(held) < count:
        taken = _next(shares, settings, draw())
        if taken is None:
            break
        held.append(taken)
    return items(session, held)


def claim_one(session: Session, settings: Settings, person: Person, photo_id: PhotoId) -> Item:
    """Let the person hold this very photo, also one that is decided: to look again at what was said."""
    check_reviewable(found_by(session, person, photo_id, lock=True))
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    if not try_claim(session, person, photo_id, expires_at, is_check=False):
        raise Conflict("Somebody else is looking at this photo.", code="claimed")
    return items(session, [photo_id])[0]


def held_item(session: Session, person: Person, photo_id: PhotoId) -> Item:
    """Return what the person holds; raise `Conflict` if that is somebody else by now, or nobody."""
    check_reviewable(found_by(session, person, photo_id))
    check_held(session, person, photo_id)
    return items(session, [photo_id])[0]


def renew(session: Session, settings: Settings, person: Person) -> datetime:
    """Let the person go on holding what they hold; return until when."""
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    session.connection().execute(
        update(ReviewClaim)
        .where(col(ReviewClaim.staff_id) == person.id, col(ReviewClaim.expires_at) > now())
        .values(expires_at=expires_at)
    )
    return expires_at


def unclaim(session: Session, person: Person, photo_id: PhotoId) -> None:
    """Give a photo back to the queue; nothing happens if the person does not hold it."""
    session.connection().execute(
        delete(ReviewClaim).where(col(ReviewClaim.photo_id) == photo_id, col(ReviewClaim.staff_id) == person.id)
    )


def skip(session: Session, person: Person, photo_id: PhotoId) -> None:
    """Give a photo back; others get it, and this person only after `SKIPPED_FOR`."""
    found_by(session, person, photo_id)
    unclaim(session, person, photo_id)
    session.merge(ReviewSkip(photo_id=photo_id, staff_id=person.id, skipped_at=now()))
    session.flush()


def check_held(session: Session, person: Person, photo_id: PhotoId) -> ReviewClaim:
    """Return the claim; raise `Conflict` unless the person holds the photo now."""
    held = session.get(ReviewClaim, photo_id, populate_existing=True)
    if held is None or held.staff_id != person.id or held.expires_at <= now():
        raise Conflict("You do not hold this photo (any longer). Claim it again.", code="not_claimed")
    return held


def queue_counts(session: Session, person: Person) -> QueueCounts:
    def count(*conditions: ColumnElement[bool]) -> int:
        there = select(func.count()).select_from(Photo).where(staff.in_areas(person), *conditions)
        return session.exec(there).one()

    held = exists().where(col(ReviewClaim.photo_id) == col(Photo.id), col(ReviewClaim.expires_at) > now())
    said_today = select(func.count()).where(
        Review.staff_id == person.id,
        col(Review.created_at) > now() - timedelta(days=1),
        Review.verdict != ReviewVerdict.UNDO,
    )
    return QueueCounts(
        waiting=count(waits()),
        claimed=count(waits(), held),
        second_opinions=count(waits(), col(Photo.needs_second_opinion).is_(True)),
        awaiting_inspection=count(col(Photo.state) == PhotoState.RECEIVED),
        yours_today=session.exec(said_today).one(),
    )


def preview(session: Session, person: Person, limit: int) -> list[Item]:
    """Return the most valuable photos that the person could claim now, without claiming them."""
    chosen: dict[str, None] = {}
    for condition, order in (_HALF_DECIDED, _BY_VALUE):
        statement = select(Photo.id).where(is_open_for(person), condition).order_by(*order).limit(limit)
        chosen |= dict.fromkeys(session.exec(statement))
    return items(session, [PhotoId(photo_id) for photo_id in chosen][:limit])


def waits() -> ColumnElement[bool]:
    """Whether a photo is in the queue: `tables.WAITS`, with its literals, which is what the indexes are for."""
    return and_(
        col(Photo.state) == literal_column(f"'{PhotoState.INSPECTED}'"),
        col(Photo.allow_review).is_(True),
        col(Photo.gold_label).is_(None),
        col(Photo.rejected_at).is_(None),
    )


def is_open_for(person: Person) -> ColumnElement[bool]:
    """It lies where the person works, nobody holds it, and the person has neither skipped it nor spoken about it."""
    held = exists().where(col(ReviewClaim.photo_id) == col(Photo.id), col(ReviewClaim.expires_at) > now())
    taking_back = aliased(Review)
    spoke = exists().where(
        col(Review.photo_id) == col(Photo.id),
        col(Review.staff_id) == person.id,
        col(Review.verdict) != ReviewVerdict.UNDO,
        not_(exists().where(col(taking_back.takes_back) == col(Review.id))),
    )
    skipped = exists().where(
        col(ReviewSkip.photo_id) == col(Photo.id),
        col(ReviewSkip.staff_id) == person.id,
        col(ReviewSkip.skipped_at) > now() - SKIPPED_FOR,
    )
    return and_(waits(), staff.in_areas(person), not_(held), not_(spoke), not_(skipped))


_CAME: _Order = (col(Photo.received_at), col(Photo.id))
_HALF_DECIDED = (col(Photo.needs_second_opinion).is_(True), _CAME)
_BY_CHANCE = (col(Photo.in_random_share).is_(True), _CAME)
_BY_VALUE = (col(Photo.in_random_share).is_(False), (col(Photo.review_value).desc(), *_CAME))


@dataclass(frozen=True)
class _Shares:
    half_decided: Iterator[PhotoId]
    checks: Iterator[PhotoId]
    by_chance: Iterator[PhotoId]
    by_value: Iterator[PhotoId]


def _shares(session: Session, person: Person, most: int, expires_at: datetime) -> _Shares:
    half_decided, by_chance, by_value = (
        _claim_some(session, person, condition, order, most, expires_at)
        for condition, order in (_HALF_DECIDED, _BY_CHANCE, _BY_VALUE)
    )
    return _Shares(half_decided, _claim_checks(session, person, most, expires_at), by_chance, by_value)


def _next(shares: _Shares, settings: Settings, drawn: float) -> PhotoId | None:
    check = [shares.checks] if drawn >= 1 - settings.review_check_fraction else []
    by_chance = drawn < settings.review_random_fraction
    last = (shares.by_chance, shares.by_value) if by_chance else (shares.by_value, shares.by_chance)
    return next((taken for share in (shares.half_decided, *check, *last) for taken in share), None)


def _held(session: Session, person: Person) -> Sequence[tuple[PhotoId, bool]]:
    statement = (
        select(ReviewClaim.photo_id, ReviewClaim.is_check)
        .join(Photo, col(Photo.id) == col(ReviewClaim.photo_id))
        .where(
            ReviewClaim.staff_id == person.id,
            col(ReviewClaim.expires_at) > now(),
            or_(waits(), and_(col(ReviewClaim.is_check).is_(True), col(Photo.allow_review).is_(True))),
            staff.in_areas(person),
        )
        .order_by(col(Photo.needs_second_opinion).desc(), col(Photo.review_value).desc(), *_CAME)
    )
    return [(PhotoId(photo_id), is_check) for photo_id, is_check in session.exec(statement)]


def _claim_some(
    session: Session, person: Person, condition: ColumnElement[bool], order: _Order, most: int, expires_at: datetime
) -> Iterator[PhotoId]:
    """Claim the next one each time that it is asked for; up to `most` are found with one query, which is what is slow.

    Rows that others are claiming at this moment are skipped; the claim itself is a compare-and-set.
    """
    wanted = select(Photo.id).where(is_open_for(person), condition).order_by(*order).limit(most)
    statement = wanted.with_for_update(skip_locked=True)
    while next_ones := session.exec(statement).all():
        yield from _claimed(session, person, map(PhotoId, next_ones), expires_at, is_check=False)


def _claim_checks(session: Session, person: Person, most: int, expires_at: datetime) -> Iterator[PhotoId]:
    yield from _claimed(session, person, review_checks.candidates(session, person, most), expires_at, is_check=True)


def _claimed(
    session: Session, person: Person, photo_ids: Iterable[PhotoId], expires_at: datetime, *, is_check: bool
) -> Iterator[PhotoId]:
    for photo_id in photo_ids:
        if try_claim(session, person, photo_id, expires_at, is_check):
            yield photo_id


def try_claim(
    session: Session, person: Person, photo_id: PhotoId, expires_at: datetime, is_check: bool = False
) -> bool:
    """Take or renew the claim, unless somebody else holds it; return whether the person holds it now."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    given = {"staff_id": person.id, "expires_at": expires_at, "is_check": is_check}
    statement = insert(ReviewClaim).values(photo_id=photo_id, **given)
    free = or_(col(ReviewClaim.staff_id) == person.id, col(ReviewClaim.expires_at) <= now())
    upsert = statement.on_conflict_do_update(index_elements=[col(ReviewClaim.photo_id)], set_=given, where=free)
    return session.connection().execute(upsert.returning(col(ReviewClaim.photo_id))).first() is not None
