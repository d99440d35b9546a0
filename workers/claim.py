"""The three acts of a job: claim in one transaction, work in none, settle in one.

Guarantees: of all who hear the bell one works; while it works its lease is kept alive; its results are committed
together with the settling of the job, by the holder of the newest token only. Work that fails is tried again with
growing delay; work that cannot succeed, or has failed too often, is given up with the reason on its domain row.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend import job_queue
from backend.errors import DomainError, Unavailable
from backend.job_queue import Claim, LeaseLost
from backend.tables import JobKind
from workers.workplace import Workplace

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
FIRST_RETRY = timedelta(seconds=5)
HEARTBEATS_PER_LEASE = 3


class CannotBeDone(Exception):
    """Trying again would not help; the message says why, in words for the people who read the row."""


class Stopped(Exception):
    """This process is told to end, and the work can go on elsewhere."""


class NotYet(Exception):
    """What this work needs is still being made; whoever makes it rings again."""


@dataclass
class Work:
    """A claimed job in the hands of its worker."""

    place: Workplace
    claim: Claim
    lost: threading.Event = field(default_factory=threading.Event)

    @property
    def subject(self) -> str:
        return self.claim.subject

    def check(self) -> None:
        """Long work calls this now and then: raise `LeaseLost` or `Stopped` when it has to end."""
        if self.lost.is_set():
            raise LeaseLost(f"{self.claim.kind} of {self.subject} is no longer ours")
        if self.place.stopping.is_set():
            raise Stopped

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction in the middle of the work (progress); it commits only while the job is still ours."""
        with self.place.transaction() as session:
            job_queue.heartbeat(session, self.claim, self.place.settings.job_lease)
            yield session


Settle = Callable[[Session], None]
"""Writes the results, in the transaction that settles the job."""


@dataclass(frozen=True)
class Task:
    """How one kind of job is done."""

    act: Callable[[Work], Settle]
    give_up: Callable[[Session, str, str], None]
    """`give_up(session, subject, reason)` writes on the domain row that it will not happen."""


class Outcome(StrEnum):
    NOT_OURS = "not_ours"  # done, not due, or in other hands
    DONE = "done"
    RETRIED_LATER = "retried_later"
    GIVEN_UP = "given_up"
    GIVEN_BACK = "given_back"  # this process is ending, or it is too early
    LEASE_LOST = "lease_lost"


def work(place: Workplace, job_id: int, task: Task) -> Outcome:
    """Do the job if it is due and nobody has it. Errors of the database itself are raised; the sweep rings again."""
    with place.transaction() as session:
        claim = job_queue.claim(session, job_id, place.settings.job_lease)
    if claim is None:
        return Outcome.NOT_OURS
    try:
        outcome = _do(Work(place, claim), task)
    except LeaseLost as lost:
        log.warning("%s: another worker goes on with it", lost)
        return Outcome.LEASE_LOST
    log.info("%s of %s: %s", claim.kind, claim.subject, outcome)
    return outcome


def work_through(place: Workplace, kind: JobKind, job_id: int, task: Task) -> None:
    """Do the job that a bell named, then whatever of its kind is due: a bell says that work waits, not how much.

    After a turn of `settings.sweep_seconds` it rings for the rest and ends, so that many photos that came at once do
    not keep this worker from publishing that a release was halted. What is too early is left to the next sweep.
    """
    wanted: int | None = job_id
    ends_at = time.monotonic() + place.settings.sweep_seconds
    while wanted is not None and not place.stopping.is_set():
        if work(place, wanted, task) == Outcome.GIVEN_BACK:
            return
        with place.transaction() as session:
            wanted = job_queue.next_due(session, kind)
        if wanted is not None and time.monotonic() > ends_at:
            place.doorbell(kind, wanted)
            return


def _do(job: Work, task: Task) -> Outcome:
    try:
        _refuse_what_kills_workers(job.claim)
        with _kept_alive(job):
            settle = task.act(job)
        with job.place.transaction() as session:
            job_queue.check_held(session, job.claim)
            # Rows are locked first and the job last, as in every request that asks for work: the other way round two
            # could wait for each other.
            settle(session)
            job_queue.succeed(session, job.claim)
    except LeaseLost:
        raise
    except (Stopped, NotYet):
        with job.place.transaction() as session:
            job_queue.release(session, job.claim)
        return Outcome.GIVEN_BACK
    except Unavailable as error:
        return _fail(job, task, error.detail, retry=True)
    except DomainError as error:
        return _fail(job, task, error.detail, retry=False)
    except CannotBeDone as error:
        return _fail(job, task, str(error), retry=False)
    except Exception as error:
        log.exception("%s of %s failed", job.claim.kind, job.subject)
        return _fail(job, task, f"{type(error).__name__}: {error}", retry=True)
    return Outcome.DONE


def _refuse_what_kills_workers(claim: Claim) -> None:
    if claim.attempt > MAX_ATTEMPTS:
        raise CannotBeDone(f"Its worker was lost {MAX_ATTEMPTS} times while working on it; see the worker's log.")


def _fail(job: Work, task: Task, reason: str, *, retry: bool) -> Outcome:
    """As in `_do`, rows are locked first and the job last."""
    retry_after = FIRST_RETRY * 4 ** (job.claim.attempt - 1) if retry and job.claim.attempt < MAX_ATTEMPTS else None
    with job.place.transaction() as session:
        job_queue.check_held(session, job.claim)
        if retry_after is None:
            task.give_up(session, job.subject, reason)
        job_queue.fail(session, job.claim, reason, retry_after=retry_after)
    return Outcome.GIVEN_UP if retry_after is None else Outcome.RETRIED_LATER


@contextmanager
def _kept_alive(job: Work) -> Iterator[None]:
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(job, ended), name=f"heart of job {job.claim.job_id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _beat(job: Work, ended: threading.Event) -> None:
    """Extend the lease long before it ends. A database that is away is asked again until the lease has run out."""
    lease = job.place.settings.job_lease
    good_until = time.monotonic() + lease.total_seconds()
    while not ended.wait(lease.total_seconds() / HEARTBEATS_PER_LEASE):
        asked_at = time.monotonic()
        try:
            with job.transaction():
                pass
            good_until = asked_at + lease.total_seconds()
        except LeaseLost:
            job.lost.set()
            return
        except SQLAlchemyError:
            log.warning("no heartbeat for %s of %s", job.claim.kind, job.subject, exc_info=True)
            if time.monotonic() > good_until:
                job.lost.set()
                return
