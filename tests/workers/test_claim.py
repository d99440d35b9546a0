"""Claim, work, settle: once, by one, and never silently; on SQLite and PostgreSQL."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select, update

from backend import job_queue
from backend.database import now, transaction
from backend.errors import Conflict, Unavailable
from backend.job_queue import LeaseLost
from backend.tables import Job, JobKind, JobState, Schedule
from tests.waiting import PATIENCE_SECONDS, somebody_waits, wait_until
from tests.workers.world import Bell
from workers.claim import MAX_ATTEMPTS, CannotBeDone, NotYet, Outcome, Settle, Task, Work, work, work_through
from workers.workplace import Workplace


@pytest.fixture
def job_id(place: Workplace) -> int:
    with place.transaction() as session:
        job = job_queue.enqueue(session, JobKind.FREEZE, "7")
    assert job.id is not None
    return job.id


@pytest.fixture
def quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat every 0.3 seconds, and a lease that outlasts any wait for a busy processor."""
    monkeypatch.setattr("workers.claim.HEARTBEATS_PER_LEASE", 200)


def write(session: Session, name: str) -> None:
    """Stands for a result or a reason on the domain row."""
    session.add(Schedule(name=name, due_at=now()))


def doing(act: object) -> Task:
    """A task whose act is `act(work)`, which settles with a row "result", and which gives up with a row."""

    def perform(job: Work) -> Settle:
        act(job)  # type: ignore[operator]
        return lambda session: write(session, "result")

    return Task(act=perform, give_up=lambda session, subject, reason: write(session, f"{subject} given up: {reason}"))


def raising(error: Exception) -> Task:
    def fail(job: Work) -> None:
        raise error

    return doing(fail)


def written(engine: Engine) -> list[str]:
    with transaction(engine) as session:
        return sorted(session.exec(select(Schedule.name)).all())


def job_of(place: Workplace, job_id: int) -> Job:
    with place.transaction() as session:
        return session.get_one(Job, job_id)


def lease_until(place: Workplace, job_id: int) -> datetime:
    until = job_of(place, job_id).lease_until
    assert until is not None
    return until


def make_due(place: Workplace, job_id: int) -> None:
    with place.transaction() as session:
        session.execute(update(Job).where(col(Job.id) == job_id).values(available_at=now(), lease_until=now()))


def test_the_result_is_committed_together_with_the_job(place: Workplace, job_id: int) -> None:
    assert work(place, job_id, doing(lambda job: None)) == Outcome.DONE
    assert written(place.engine) == ["result"]
    assert job_of(place, job_id).state == JobState.DONE


def test_no_transaction_is_open_while_it_works(place: Workplace, job_id: int) -> None:
    def needs_the_database(job: Work) -> None:
        with transaction(place.engine) as session:
            write(session, "by somebody else")

    assert work(place, job_id, doing(needs_the_database)) == Outcome.DONE


def test_of_many_who_hear_the_bell_one_works(place: Workplace, job_id: int) -> None:
    gate, worked, outcomes = threading.Barrier(6), list[str](), list[Outcome]()

    def hear() -> None:
        gate.wait()
        outcomes.append(work(place, job_id, doing(lambda job: worked.append("once"))))

    threads = [threading.Thread(target=hear) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worked == ["once"]
    assert sorted(outcomes) == [Outcome.DONE] + [Outcome.NOT_OURS] * 5


@pytest.mark.usefixtures("quick_heart")
def test_the_heart_beats_as_long_as_the_work_goes_on(place: Workplace, job_id: int) -> None:
    """A broker that redelivers while the work still goes on starts nothing twice."""
    redelivered: list[Outcome] = []

    def takes_three_heartbeats(job: Work) -> None:
        for _ in range(3):
            before = lease_until(place, job_id)
            wait_until(lambda before=before: lease_until(place, job_id) > before)
        redelivered.append(work(place, job_id, doing(lambda job: None)))

    assert work(place, job_id, doing(takes_three_heartbeats)) == Outcome.DONE
    assert redelivered == [Outcome.NOT_OURS]
    assert written(place.engine) == ["result"]


def steal(place: Workplace, job_id: int) -> None:
    with place.transaction() as session:
        session.execute(update(Job).where(col(Job.id) == job_id).values(lease_until=now() - timedelta(seconds=1)))
        assert job_queue.claim(session, job_id, timedelta(minutes=5)) is not None


@pytest.mark.usefixtures("quick_heart")
def test_who_lost_the_lease_is_told_and_settles_nothing(place: Workplace, job_id: int) -> None:
    told = threading.Event()

    def is_robbed(job: Work) -> None:
        steal(place, job_id)
        assert job.lost.wait(PATIENCE_SECONDS)
        with pytest.raises(LeaseLost):
            job.check()
        told.set()

    assert work(place, job_id, doing(is_robbed)) == Outcome.LEASE_LOST
    assert told.is_set()
    assert written(place.engine) == []
    assert job_of(place, job_id).state == JobState.RUNNING


def test_a_failure_after_the_lease_was_lost_leaves_no_trace(place: Workplace, job_id: int) -> None:
    def is_robbed_and_fails(job: Work) -> None:
        steal(place, job_id)
        raise CannotBeDone("too late to say")

    assert work(place, job_id, doing(is_robbed_and_fails)) == Outcome.LEASE_LOST
    assert written(place.engine) == []
    assert job_of(place, job_id).error is None


def test_progress_is_written_only_by_the_holder(place: Workplace, job_id: int) -> None:
    def reports_after_it_was_robbed(job: Work) -> None:
        with job.transaction() as session:
            write(session, "epoch 1")
        steal(place, job_id)
        with job.transaction() as session:
            write(session, "epoch 2")

    assert work(place, job_id, doing(reports_after_it_was_robbed)) == Outcome.LEASE_LOST
    assert written(place.engine) == ["epoch 1"]


@pytest.mark.parametrize(
    "error", [CannotBeDone("nothing to freeze"), Conflict("nothing to freeze")], ids=["task", "domain"]
)
def test_what_cannot_succeed_is_given_up_at_once_with_its_reason(
    place: Workplace, job_id: int, error: Exception
) -> None:
    assert work(place, job_id, raising(error)) == Outcome.GIVEN_UP
    assert written(place.engine) == ["7 given up: nothing to freeze"]
    assert (job_of(place, job_id).state, job_of(place, job_id).error) == (JobState.FAILED, "nothing to freeze")


@pytest.mark.parametrize("error", [OSError("disk full"), Unavailable("disk full")], ids=["unforeseen", "unavailable"])
def test_what_fails_is_tried_again_later_and_at_last_given_up(place: Workplace, job_id: int, error: Exception) -> None:
    for _ in range(MAX_ATTEMPTS - 1):
        assert work(place, job_id, raising(error)) == Outcome.RETRIED_LATER
        assert written(place.engine) == []
        assert work(place, job_id, raising(error)) == Outcome.NOT_OURS, "it waits before the next attempt"
        make_due(place, job_id)
    assert work(place, job_id, raising(error)) == Outcome.GIVEN_UP
    assert len(written(place.engine)) == 1
    assert "disk full" in (job_of(place, job_id).error or "")


def test_the_delay_grows_with_each_attempt(place: Workplace, job_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    moment, delays = now() + timedelta(hours=1), []
    monkeypatch.setattr(job_queue, "now", lambda: moment)
    for _ in range(3):
        assert work(place, job_id, raising(OSError("away"))) == Outcome.RETRIED_LATER
        delays.append((job_of(place, job_id).available_at - moment).total_seconds())
        make_due(place, job_id)
    assert delays == [5, 20, 80]


def test_giving_up_and_asking_anew_never_wait_for_each_other(place: Workplace, job_id: int) -> None:
    """Both lock the row that it is about first and the job last."""
    if place.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    with place.transaction() as session:
        write(session, "what it is about")

    def lock(session: Session) -> None:
        session.get_one(Schedule, "what it is about", with_for_update=True)

    def cannot(_: Work) -> Settle:
        raise CannotBeDone("nothing to freeze")

    outcomes: list[Outcome] = []
    task = Task(cannot, lambda session, *_: lock(session))
    giving_up = threading.Thread(target=lambda: outcomes.append(work(place, job_id, task)))
    with place.transaction() as session:
        lock(session)
        giving_up.start()
        wait_until(lambda: somebody_waits(place.engine))
        job_queue.enqueue(session, JobKind.FREEZE, "7")
    giving_up.join()
    assert outcomes == [Outcome.GIVEN_UP]
    assert job_of(place, job_id).state == JobState.QUEUED, "it was asked for anew"


def test_a_settling_that_fails_commits_nothing_and_is_tried_again(place: Workplace, job_id: int) -> None:
    def settle(session: Session) -> None:
        write(session, "half")
        raise OSError("storage went away")

    task = Task(act=lambda job: settle, give_up=lambda *_: None)
    assert work(place, job_id, task) == Outcome.RETRIED_LATER
    assert written(place.engine) == []


def test_work_that_kills_its_worker_each_time_is_given_up(place: Workplace, job_id: int) -> None:
    for _ in range(MAX_ATTEMPTS):
        with place.transaction() as session:
            assert job_queue.claim(session, job_id, timedelta()) is not None
    assert work(place, job_id, doing(lambda job: pytest.fail("it was started again"))) == Outcome.GIVEN_UP
    assert "lost 5 times" in written(place.engine)[0]


def test_long_work_is_given_back_when_the_process_is_told_to_end(place: Workplace, job_id: int) -> None:
    def is_told_to_end(job: Work) -> None:
        place.stopping.set()
        job.check()

    assert work(place, job_id, doing(is_told_to_end)) == Outcome.GIVEN_BACK
    place.stopping.clear()
    assert job_of(place, job_id).attempts == 0
    assert work(place, job_id, doing(lambda job: None)) == Outcome.DONE


@pytest.mark.usefixtures("quick_heart")
def test_a_database_that_hiccups_does_not_end_the_work(place: Workplace, job_id: int) -> None:
    hiccups: list[str] = []

    def fail_once(*_: object) -> None:
        if threading.current_thread().name.startswith("heart") and not hiccups:
            hiccups.append("hiccup")
            raise OperationalError("heartbeat", None, Exception("connection reset"))

    def waits(job: Work) -> None:
        before = lease_until(place, job_id)
        event.listen(place.engine, "before_cursor_execute", fail_once)
        wait_until(lambda: bool(hiccups) and lease_until(place, job_id) > before)
        assert not job.lost.is_set()

    assert work(place, job_id, doing(waits)) == Outcome.DONE
    assert hiccups == ["hiccup"]


def test_a_database_that_stays_away_for_a_lease_ends_the_work(place: Workplace, job_id: int) -> None:
    short = replace(place, settings=place.settings.model_copy(update={"job_lease_seconds": 0.9}))

    def fail(*_: object) -> None:
        if threading.current_thread().name.startswith("heart"):
            raise OperationalError("heartbeat", None, Exception("no route"))

    def waits(job: Work) -> None:
        event.listen(place.engine, "before_cursor_execute", fail)
        assert job.lost.wait(PATIENCE_SECONDS)
        job.check()

    assert work(short, job_id, doing(waits)) == Outcome.LEASE_LOST
    assert written(place.engine) == []


def test_what_is_asked_for_meanwhile_is_done_once_more(place: Workplace, job_id: int) -> None:
    def is_asked_again(job: Work) -> None:
        with place.transaction() as session:
            job_queue.enqueue(session, JobKind.FREEZE, "7")

    assert work(place, job_id, doing(is_asked_again)) == Outcome.DONE
    assert job_of(place, job_id).state == JobState.QUEUED


def test_one_bell_gets_everything_of_its_kind_done(place: Workplace, job_id: int) -> None:
    with place.transaction() as session:
        for subject in ("8", "9"):
            job_queue.enqueue(session, JobKind.FREEZE, subject)
        other = job_queue.enqueue(session, JobKind.PUBLISH, "updates").id
    done: list[str] = []
    work_through(place, JobKind.FREEZE, job_id, Task(lambda job: lambda _: done.append(job.subject), lambda *_: None))
    assert sorted(done) == ["7", "8", "9"]
    assert other is not None
    assert job_of(place, other).state == JobState.QUEUED


def test_a_process_that_is_ending_begins_nothing_new(place: Workplace, job_id: int) -> None:
    place.stopping.set()
    work_through(place, JobKind.FREEZE, job_id, doing(lambda job: None))
    assert written(place.engine) == []
    assert job_of(place, job_id).state == JobState.QUEUED


def test_whoever_works_for_long_rings_for_the_rest_and_lets_others_in(
    place: Workplace, bell: Bell, job_id: int
) -> None:
    with place.transaction() as session:
        job_queue.enqueue(session, JobKind.FREEZE, "8")
    hurried = replace(place, settings=place.settings.model_copy(update={"sweep_seconds": 0}))
    bell.rung.clear()
    work_through(hurried, JobKind.FREEZE, job_id, doing(lambda job: None))
    assert written(place.engine) == ["result"], "one turn was enough for one job"
    assert [kind for kind, _ in bell.rung] == [JobKind.FREEZE]
    assert job_of(place, bell.rung[0][1]).subject == "8"


def test_what_is_too_early_is_left_to_the_next_bell(place: Workplace, job_id: int) -> None:
    looks: list[str] = []

    def too_early(job: Work) -> Settle:
        looks.append(job.subject)
        raise NotYet

    work_through(place, JobKind.FREEZE, job_id, Task(too_early, lambda *_: None))
    assert looks == ["7"]
    assert job_of(place, job_id).state == JobState.QUEUED
