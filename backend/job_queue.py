"""Jobs: rows that are claimed, kept alive, and settled once.

Guarantees: a job is worked on by the holder of its newest token only. Whoever lost the lease can still work, but what
it settles is refused (`LeaseLost`), so its transaction rolls back. A message that is lost, doubled or late changes
nothing: a sweep rings for whatever is due (`bells`), and a worker goes on until nothing is.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.database import after_commit, now
from backend.tables import Job, JobKind, JobState

log = logging.getLogger(__name__)

Doorbell = Callable[[JobKind, int], None]
"""Tells a worker that a job waits. It may fail or be lost; it must not raise for a broker that is away."""

_BELLS = 4
_REACH = 16


class LeaseLost(Exception):
    """Another worker has claimed this job since; nothing that this one did may be committed."""


@dataclass(frozen=True)
class Claim:
    job_id: int
    kind: JobKind
    subject: str
    token: int
    attempt: int


def enqueue(session: Session, kind: JobKind, subject: str, *, delay: timedelta = timedelta()) -> Job:
    """Ask for `kind` to be done for `subject`; the bell rings after commit.

    Asking while it waits makes it due no later than asked now, so that nobody waits for the retry of something else;
    while it runs, it will run once more; after it ended, it starts anew.
    """
    available_at = now() + delay
    job = _find_locked(session, kind, subject) or _insert(session, kind, subject, available_at)
    if job.state == JobState.RUNNING:
        job.requested_again = True
    elif job.state in (JobState.DONE, JobState.FAILED):
        job.state, job.attempts, job.error, job.available_at = JobState.QUEUED, 0, None, available_at
    else:
        job.available_at = min(job.available_at, available_at)
    session.add(job)
    session.flush()
    doorbell: Doorbell | None = session.info.get("doorbell")
    job_id = job.id
    if doorbell is not None and job_id is not None and not delay:
        ring = doorbell
        after_commit(session, lambda: ring(kind, job_id))
    return job


def _find_locked(session: Session, kind: JobKind, subject: str) -> Job | None:
    statement = select(Job).where(Job.kind == kind, Job.subject == subject).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).one_or_none()


def _insert(session: Session, kind: JobKind, subject: str, available_at: datetime) -> Job:
    job = Job(kind=kind, subject=subject, available_at=available_at)
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:  # Another transaction asked for the same at the same moment and was first.
        found = _find_locked(session, kind, subject)
        if found is None:
            raise
        return found
    return job


def claim(session: Session, job_id: int, lease: timedelta) -> Claim | None:
    """Take the job if it is due, else return None. Commit before working."""
    moment = now()
    statement = (
        update(Job)
        .where(col(Job.id) == job_id, _due(moment))
        .values(
            state=JobState.RUNNING,
            token=col(Job.token) + 1,
            attempts=col(Job.attempts) + 1,
            lease_until=moment + lease,
            requested_again=False,
        )
        .returning(col(Job.kind), col(Job.subject), col(Job.token), col(Job.attempts))
        .execution_options(synchronize_session=False)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else Claim(job_id, row[0], row[1], row[2], row[3])


def heartbeat(session: Session, held: Claim, lease: timedelta) -> None:
    """Extend the lease, or raise `LeaseLost`."""
    _update_held(session, held, lease_until=now() + lease)


def check_held(session: Session, held: Claim) -> None:
    """Raise `LeaseLost` if it is no longer ours, without locking it; `succeed` looks again."""
    statement = select(Job.id).where(Job.id == held.job_id, Job.token == held.token, Job.state == JobState.RUNNING)
    if session.exec(statement).one_or_none() is None:
        raise LeaseLost(f"{held.kind} of {held.subject} was claimed by another worker")


def succeed(session: Session, held: Claim) -> None:
    """Settle as done, in the transaction that writes the results; raise `LeaseLost` if it is no longer ours."""
    _update_held(session, held, state=JobState.DONE, lease_until=None, attempts=0, error=None)
    _requeue_if_requested_again(session, held)


def fail(session: Session, held: Claim, error: str, *, retry_after: timedelta | None) -> None:
    """Settle as failed. With `retry_after` it is tried again then; who asked anew meanwhile does not wait for it."""
    if retry_after is None:
        _update_held(session, held, state=JobState.FAILED, lease_until=None, error=error)
    else:
        _update_held(
            session, held, state=JobState.QUEUED, lease_until=None, error=error, available_at=now() + retry_after
        )
    _requeue_if_requested_again(session, held)


def release(session: Session, held: Claim) -> None:
    """Give the job back untouched, for a worker that is told to stop."""
    _update_held(session, held, state=JobState.QUEUED, lease_until=None, attempts=held.attempt - 1)


def next_due(session: Session, kind: JobKind) -> int | None:
    """Return a job of `kind` that is due, one of the oldest by chance, so that workers seldom reach for the same."""
    oldest = _oldest_due(session, kind, _REACH)
    return random.choice(oldest) if oldest else None  # noqa: S311  # No secret depends on it.


def bells(session: Session) -> list[tuple[JobKind, int]]:
    """Return what to ring for so that everything that is due gets done.

    A few bells for each kind suffice, since a worker that hears one goes on until nothing of that kind is due. One for
    each waiting job would bury the queue whenever work comes faster than it is done.
    """
    return [(kind, job_id) for kind in JobKind for job_id in _oldest_due(session, kind, _BELLS)]


def _oldest_due(session: Session, kind: JobKind, limit: int) -> list[int]:
    statement = select(Job.id).where(_due(now()), Job.kind == kind).order_by(col(Job.available_at), col(Job.id))
    return [job_id for job_id in session.exec(statement.limit(limit)) if job_id is not None]


def _due(moment: datetime) -> ColumnElement[bool]:
    waiting = and_(col(Job.state) == JobState.QUEUED, col(Job.available_at) <= moment)
    abandoned = and_(col(Job.state) == JobState.RUNNING, col(Job.lease_until) < moment)
    return or_(waiting, abandoned)


def _update_held(session: Session, held: Claim, **values: object) -> None:
    statement = (
        update(Job)
        .where(col(Job.id) == held.job_id, col(Job.token) == held.token, col(Job.state) == JobState.RUNNING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if session.connection().execute(statement).rowcount != 1:
        raise LeaseLost(f"{held.kind} of {held.subject} was claimed by another worker")


def _requeue_if_requested_again(session: Session, held: Claim) -> None:
    statement = (
        update(Job)
        .where(col(Job.id) == held.job_id, col(Job.requested_again))
        .values(state=JobState.QUEUED, attempts=0, requested_again=False, available_at=now())
        .execution_options(synchronize_session=False)
    )
    if session.connection().execute(statement).rowcount == 1:
        doorbell: Doorbell | None = session.info.get("doorbell")
        if doorbell is not None:
            after_commit(session, lambda: doorbell(held.kind, held.job_id))
