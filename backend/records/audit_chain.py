"""The chain through the permanent history, and the proof that nobody has changed it.

Guarantees: each event carries, in `AuditLink`, the SHA-256 of its whole content, its number and the link before it, so
that a changed, removed or inserted event breaks every link from there on. Links are made in the last act of the
transaction that wrote the events, one transaction at a time: the chain never forks, and nobody waits for a row while
holding its lock. Who keeps a link somewhere else can prove that even the owner of the database has not made the
history anew (`verify(..., kept=...)`).
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlmodel import Session, col, exists, select

from backend.tables import AuditEvent, AuditLink
from mobile_models.document import Sha256, sha256

Transaction = Callable[[], AbstractContextManager[Session]]
BEGINNING = Sha256("0" * 64)
_ADVISORY_LOCK = 0x41554449  # "AUDI"; held until the end of the transaction, which is what follows.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Verification:
    """What a walk along the chain found."""

    events: int
    """Number of the last link that holds."""
    last: Sha256
    """Of the last link that holds. Keep it elsewhere: it stands for everything before it."""
    broken_at: int | None = None
    """Number of the first link that does not hold."""
    why: str = ""
    """A word for it: missing, changed, unchained, other_history."""
    is_end: bool = True
    """Whether there is nothing behind it that has not been walked along."""

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def link_of(previous: str, number: int, event: AuditEvent) -> Sha256:
    """Return the SHA-256 of the canonical JSON: sorted keys, no spaces, ASCII, UTC with microseconds."""
    content = {
        "action": event.action,
        "actor": event.actor,
        "at": event.at.isoformat(timespec="microseconds"),
        "detail": event.detail,
        "id": event.id,
        "number": number,
        "previous": previous,
        "subject": event.subject,
    }
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def extend(session: Session, event_ids: Sequence[int]) -> None:
    """Chain these events, as they are stored. Call it last in a transaction: it locks the end of the chain."""
    session.flush()  # What may wait for a row does so before the lock, never while holding it.
    if session.get_bind().dialect.name == "postgresql":  # On SQLite there is one writer at a time anyway.
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    number, previous = end(session)
    stored = select(AuditEvent).where(col(AuditEvent.id).in_(event_ids)).order_by(col(AuditEvent.id))
    for event in session.exec(stored.execution_options(populate_existing=True)):
        number, previous = number + 1, link_of(previous, number + 1, event)
        session.add(AuditLink(number=number, event_id=event.id or 0, sha256=previous))
    session.flush()


def end(session: Session) -> tuple[int, Sha256]:
    """Return number and SHA-256 of the newest link; of an empty history 0 and `BEGINNING`."""
    newest = select(AuditLink.number, AuditLink.sha256).order_by(col(AuditLink.number).desc()).limit(1)
    found = session.exec(newest).first()
    return (0, BEGINNING) if found is None else (found[0], Sha256(found[1]))


def verify(
    transaction: Transaction, kept: tuple[int, str] | None = None, *, after: int = 0, most: int | None = None
) -> Verification:
    """Walk along the chain. `kept` is a link (number and SHA-256) that somebody has written down before.

    `after` a link whose past was proven by an earlier walk, and along at most about `most` links: an answer that
    somebody waits for. Each page is read in a transaction of its own, so that nobody who writes waits for the end.
    """
    found = _start(transaction, after)
    while found.intact:
        with transaction() as session:
            page = _page(session, found.events)
            if not page:
                return _ended(session, found, kept)
            if most is not None and found.events - after >= most:
                return replace(found, is_end=False)
            for link, event in page:
                found = _step(found, link, event, kept)
                if not found.intact:
                    break
    return found


def _start(transaction: Transaction, after: int) -> Verification:
    if after == 0:
        return Verification(0, BEGINNING)
    with transaction() as session:
        link = session.get(AuditLink, after)
    if link is None:
        return Verification(0, BEGINNING, after, "missing")
    return Verification(after, Sha256(link.sha256))


def _step(
    so_far: Verification, link: AuditLink, event: AuditEvent | None, kept: tuple[int, str] | None
) -> Verification:
    number = so_far.events + 1
    if link.number != number or event is None:
        return replace(so_far, broken_at=number, why="missing")
    if link_of(so_far.last, number, event) != link.sha256:
        return replace(so_far, broken_at=number, why="changed")
    if kept is not None and kept[0] == number and kept[1] != link.sha256:
        return replace(so_far, broken_at=number, why="other_history")
    return Verification(number, Sha256(link.sha256))


def _ended(session: Session, found: Verification, kept: tuple[int, str] | None) -> Verification:
    if kept is not None and kept[0] > found.events:
        return replace(found, broken_at=found.events + 1, why="missing")
    if _has_unchained(session):
        return replace(found, broken_at=found.events + 1, why="unchained")
    return found


def _page(session: Session, after: int) -> Sequence[tuple[AuditLink, AuditEvent | None]]:
    return session.exec(
        select(AuditLink, AuditEvent)
        .join(AuditEvent, col(AuditEvent.id) == col(AuditLink.event_id), isouter=True)
        .where(col(AuditLink.number) > after)
        .order_by(col(AuditLink.number))
        .limit(_AT_ONCE)
    ).all()


def _has_unchained(session: Session) -> bool:
    chained = exists().where(col(AuditLink.event_id) == col(AuditEvent.id))
    return session.exec(select(AuditEvent.id).where(~chained).limit(1)).first() is not None
