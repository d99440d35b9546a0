"""The permanent history: who did what to what, and why.

Guarantees: an event is written in the transaction of what it tells about, so neither exists without the other. Nothing
here changes or deletes an event.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from backend.tables import AuditEvent

Detail = str | int | float | bool | None | list[str] | list[int]


def record(session: Session, actor: str, action: str, subject: str, **detail: Detail) -> None:
    """`subject` names a thing by kind and id, for example `release/3`; `reason` belongs into `detail`."""
    session.add(AuditEvent(actor=actor, action=action, subject=subject, detail=dict(detail)))
    session.flush()


def history(session: Session, subject: str, limit: int = 200) -> Sequence[AuditEvent]:
    """Return the newest `limit` events about `subject`, oldest first."""
    newest = select(AuditEvent).where(AuditEvent.subject == subject).order_by(col(AuditEvent.id).desc()).limit(limit)
    return list(reversed(session.exec(newest).all()))
