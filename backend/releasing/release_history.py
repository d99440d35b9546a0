"""The permanent history of releases: who decided what and why, and what each channel told phones, and when.

Guarantees: nothing here is ever changed or deleted, by this program or by hand: triggers of the database refuse it.
What a channel told phones is written by the publisher after phones could read it; a publisher that was killed in
between leaves it to the next, so that only the time is a little later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from backend import publisher
from backend.records import audit_log
from backend.releasing import channels
from backend.tables import AuditEvent, PublishedPointer, ReleaseChannel
from mobile_models.updates.publishing.repository import Outcome
from mobile_models.updates.update_channel import ChannelPointer

SUBJECTS = ("release/", "channel/", publisher.UPDATES)
"""What the history of releases is about; sign-ins and training runs have histories of their own."""


@dataclass(frozen=True)
class Period:
    """What a channel told phones, from when to when."""

    channel: str
    since: datetime
    until: datetime | None
    """None: still."""
    pointer: ChannelPointer
    metadata_versions: dict[str, int]


def record_published(session: Session, outcome: Outcome, moment: datetime) -> None:
    """Write down each channel that says something else than before."""
    for name, pointer in sorted(outcome.channels.items()):
        if session.get(ReleaseChannel, name) is None or last_published(session, name) == pointer:
            continue
        versions = dict(outcome.metadata_versions)
        row = PublishedPointer(
            at=moment, channel=name, pointer=pointer.model_dump(mode="json"), metadata_versions=versions
        )
        session.add(row)
        candidate = pointer.candidate
        audit_log.record(
            session,
            publisher.NAME,
            "channel.published",
            channels.subject(name),
            current=pointer.current,
            candidate=None if candidate is None else candidate.version,
            rollout_percent=None if candidate is None else candidate.rollout_percent,
            return_to_bundled=pointer.return_to_bundled,
            timestamp=versions.get("timestamp"),
        )


def events(session: Session, after: int = 0, limit: int = 100, subject: str | None = None) -> Sequence[AuditEvent]:
    """Return events in the order in which they were written, those behind number `after`."""
    about = [col(AuditEvent.subject).startswith(each, autoescape=True) for each in SUBJECTS]
    statement = select(AuditEvent).where(or_(*about), col(AuditEvent.id) > after)
    if subject is not None:
        statement = statement.where(AuditEvent.subject == subject)
    return session.exec(statement.order_by(col(AuditEvent.id)).limit(limit)).all()


def periods(session: Session, name: str) -> list[Period]:
    """Return what a channel told phones, oldest first."""
    channels.find(session, name)
    statement = select(PublishedPointer).where(PublishedPointer.channel == name).order_by(col(PublishedPointer.id))
    rows = session.exec(statement).all()
    ends = [*(row.at for row in rows[1:]), None][: len(rows)]
    return [
        Period(name, row.at, until, ChannelPointer.model_validate(row.pointer), row.metadata_versions)
        for row, until in zip(rows, ends, strict=True)
    ]


def last_published(session: Session, name: str) -> ChannelPointer | None:
    """Return what phones were told last; None before anything was published."""
    statement = (
        select(PublishedPointer).where(PublishedPointer.channel == name).order_by(col(PublishedPointer.id).desc())
    )
    row = session.exec(statement.limit(1)).one_or_none()
    return None if row is None else ChannelPointer.model_validate(row.pointer)
