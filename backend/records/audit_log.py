"""The permanent history: who did what to what, and why.

Guarantees: an event is written in the transaction of what it tells about, so neither exists without the other, and is
chained (`audit_chain`) as the last act of that transaction. Nothing here changes or deletes an event; the database
refuses that, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.database import before_commit
from backend.records import audit_chain
from backend.tables import AuditEvent

Detail = str | int | float | bool | None | list[str] | list[int]
_WRITTEN = "audit_events"


@dataclass(frozen=True)
class Search:
    """What somebody looks for; what is empty limits nothing."""

    actor: str = ""
    action: str = ""
    """A whole action, or the beginning of one: `staff.` finds all that was done with people."""
    subject: str = ""
    """The same: `release/3`, or `release/` for all of them."""
    since: datetime | None = None
    until: datetime | None = None


def record(session: Session, actor: str, action: str, subject: str, **detail: Detail) -> None:
    """`subject` names a thing by kind and id, for example `release/3`; `reason` belongs into `detail`."""
    event = AuditEvent(actor=actor, action=action, subject=subject, detail=dict(detail))
    session.add(event)
    session.flush()
    session.info.setdefault(_WRITTEN, []).append(event.id)
    before_commit(session, _WRITTEN, _chain)


def history(session: Session, subject: str, limit: int = 200) -> Sequence[AuditEvent]:
    """Return the newest `limit` events about `subject`, oldest first."""
    newest = select(AuditEvent).where(AuditEvent.subject == subject).order_by(col(AuditEvent.id).desc()).limit(limit)
    return list(reversed(session.exec(newest).all()))


def search(session: Session, wanted: Search, *, before: int | None = None, limit: int = 50) -> Sequence[AuditEvent]:
    """Return what was found, newest first; `before` is the id of the last event of the page before."""
    statement = _found(wanted)
    if before is not None:
        statement = statement.where(col(AuditEvent.id) < before)
    return session.exec(statement.order_by(col(AuditEvent.id).desc()).limit(limit)).all()


def after(session: Session, wanted: Search, last: int, limit: int = 1000) -> Sequence[AuditEvent]:
    """Return what was found after the event `last`, oldest first: for whoever reads everything, piece by piece."""
    statement = _found(wanted).where(col(AuditEvent.id) > last)
    return session.exec(statement.order_by(col(AuditEvent.id)).limit(limit)).all()


def _found(wanted: Search) -> SelectOfScalar[AuditEvent]:
    statement = select(AuditEvent)
    if wanted.actor:
        statement = statement.where(AuditEvent.actor == wanted.actor)
    if wanted.action:
        statement = statement.where(col(AuditEvent.action).startswith(wanted.action, autoescape=True))
    if wanted.subject:
        statement = statement.where(col(AuditEvent.subject).startswith(wanted.subject, autoescape=True))
    if wanted.since:
        statement = statement.where(col(AuditEvent.at) >= wanted.since)
    return statement.where(col(AuditEvent.at) < wanted.until) if wanted.until else statement


def _chain(session: Session) -> None:
    audit_chain.extend(session, session.info.pop(_WRITTEN))
