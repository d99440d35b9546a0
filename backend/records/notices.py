"""Notices: telling the staff what they should know at once.

Guarantees: a notice is written in the transaction of what it tells about, so neither exists without the other. It goes
out by each way that is set up, and is tried again with growing delay until it has arrived or `MOST_ATTEMPTS` have
failed; then people see it in the warnings of `GET /readyz`. A delivery is claimed before it is sent, and for longer
than sending takes, so two senders never send it at once; only one that was killed while it sent is sent again, under
the same id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.database import now
from backend.settings import Settings
from backend.tables import Notice, NoticeDelivery, NoticeState, NoticeWay

MOST_ATTEMPTS = 12
"""The last one about three days after the first: longer than a weekend without the mail server."""
HELD = timedelta(minutes=10)
"""A mail server that answers each of a dozen commands at the last moment takes four."""
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=12)
_SHOWN = timedelta(days=14)
"""Failures older than this are in the database and no longer in the warnings."""


@dataclass(frozen=True)
class Letter:
    """A claimed delivery in the hands of its sender."""

    notice_id: str
    way: NoticeWay
    attempt: int
    subject: str
    text: str
    written_at: datetime


def tell_staff(session: Session, subject: str, text: str, *, moment: datetime | None = None) -> Notice:
    """Let the staff know; `subject` is one line, `text` says what happened and what to do."""
    notice = Notice(subject=" ".join(subject.split()), text=text, created_at=moment or now())
    session.add(notice)
    session.flush()
    return notice


def ways(settings: Settings) -> Collection[NoticeWay]:
    """Return the ways that are set up."""
    found = []
    if settings.notices_webhook_url:
        found.append(NoticeWay.WEBHOOK)
    if settings.notices_email_to:
        found.append(NoticeWay.EMAIL)
    return found


def address(session: Session, settings: Settings, moment: datetime) -> None:
    """Make the deliveries of new notices."""
    statement = select(Notice).where(col(Notice.addressed_at).is_(None)).with_for_update(skip_locked=True)
    for notice in session.exec(statement):
        notice.addressed_at = moment
        session.add(notice)
        for way in ways(settings):
            session.add(NoticeDelivery(notice_id=notice.id, way=way, available_at=moment))


def claim(session: Session, moment: datetime) -> Letter | None:
    """Take a delivery that is due, else return None. Commit before sending."""
    waiting = select(NoticeDelivery).where(
        NoticeDelivery.state == NoticeState.WAITING, col(NoticeDelivery.available_at) <= moment
    )
    row = session.exec(waiting.order_by(col(NoticeDelivery.available_at)).limit(1)).first()
    if row is None:
        return None
    taken = (
        update(NoticeDelivery)
        .where(
            col(NoticeDelivery.notice_id) == row.notice_id,
            col(NoticeDelivery.way) == row.way,
            col(NoticeDelivery.attempts) == row.attempts,
            col(NoticeDelivery.state) == NoticeState.WAITING,
        )
        .values(attempts=row.attempts + 1, available_at=moment + HELD)
        .execution_options(synchronize_session=False)
    )
    if session.connection().execute(taken).rowcount != 1:
        return None  # Another sender was first; the next look finds the next one.
    notice = session.get_one(Notice, row.notice_id)
    return Letter(notice.id, row.way, row.attempts + 1, notice.subject, notice.text, notice.created_at)


def settle_sent(session: Session, letter: Letter, moment: datetime) -> None:
    row = session.get_one(NoticeDelivery, (letter.notice_id, letter.way))
    row.state, row.settled_at, row.error = NoticeState.SENT, moment, None
    session.add(row)


def settle_failed(session: Session, letter: Letter, error: str, moment: datetime, *, again: bool = True) -> None:
    """Leave it for a later attempt, unless this was the last one, or another would do harm."""
    row = session.get_one(NoticeDelivery, (letter.notice_id, letter.way))
    row.error, row.available_at = error, moment + _delay(row.attempts)
    if row.attempts >= MOST_ATTEMPTS or not again:
        row.state, row.settled_at = NoticeState.FAILED, moment
    session.add(row)


def problems(session: Session, moment: datetime) -> Sequence[str]:
    """Return what people should mend, in words that anybody may read."""
    statement = (
        select(NoticeDelivery, Notice)
        .join(Notice, col(Notice.id) == col(NoticeDelivery.notice_id))
        .where(
            col(NoticeDelivery.error).is_not(None),
            NoticeDelivery.state != NoticeState.SENT,
            Notice.created_at > moment - _SHOWN,
        )
        .order_by(col(Notice.created_at))
    )
    return [
        f"staff have not been told by {delivery.way} yet, after {delivery.attempts} attempts: {notice.subject}"
        for delivery, notice in session.exec(statement)
    ]


def _delay(attempt: int) -> timedelta:
    return min(_LONGEST_DELAY, _FIRST_DELAY * 3.0 ** (attempt - 1))
