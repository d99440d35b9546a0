"""Jobs are done once, by the holder of the newest token, and none is forgotten; on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select, update

from backend import job_queue
from backend.database import connect, now, transaction
from backend.job_queue import Claim, LeaseLost
from backend.tables import Job, JobKind, JobState

LEASE = timedelta(minutes=1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def job_id(engine: Engine) -> int:
    return ask(engine)


def ask(engine: Engine, subject: str = "run", rung: list[int] | None = None) -> int:
    with transaction(engine) as session:
        if rung is not None:
            session.info["doorbell"] = lambda kind, job_id: rung.append(job_id)
        job = job_queue.enqueue(session, JobKind.RETRAIN, subject)
        assert job.id is not None
        return job.id


def take(engine: Engine, job_id: int) -> Claim | None:
    with transaction(engine) as session:
        return job_queue.claim(session, job_id, LEASE)


def take_surely(engine: Engine, job_id: int) -> Claim:
    claim = take(engine, job_id)
    assert claim is not None
    return claim


def read(engine: Engine, job_id: int) -> Job:
    with transaction(engine) as session:
        return session.get_one(Job, job_id)


def let_the_lease_run_out(engine: Engine, job_id: int) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).where(col(Job.id) == job_id).values(lease_until=now() - timedelta(seconds=1)))


def test_a_claim_names_the_work_and_makes_the_job_busy(engine: Engine, job_id: int) -> None:
    assert take(engine, job_id) == Claim(job_id, JobKind.RETRAIN, "run", token=1, attempt=1)
    assert take(engine, job_id) is None


def test_of_many_who_claim_at_once_one_gets_it(engine: Engine, job_id: int) -> None:
    gate, claims = threading.Barrier(8), list[Claim | None]()

    def compete() -> None:
        gate.wait()
        claims.append(take(engine, job_id))

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 8
    assert sum(claim is not None for claim in claims) == 1


def test_a_settled_job_is_not_claimed_again(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.succeed(session, claim)
    assert take(engine, job_id) is None
    assert read(engine, job_id).state == JobState.DONE


def test_an_abandoned_job_goes_to_another_whose_token_is_newer(engine: Engine, job_id: int) -> None:
    first = take_surely(engine, job_id)
    let_the_lease_run_out(engine, job_id)
    second = take_surely(engine, job_id)
    assert (second.token, second.attempt) == (first.token + 1, 2)


@pytest.mark.parametrize("act", ["heartbeat", "succeed", "fail", "release"])
def test_whoever_lost_the_lease_can_settle_nothing(engine: Engine, job_id: int, act: str) -> None:
    late = take_surely(engine, job_id)
    let_the_lease_run_out(engine, job_id)
    newer = take_surely(engine, job_id)
    acts = {
        "heartbeat": lambda session: job_queue.heartbeat(session, late, LEASE),
        "succeed": lambda session: job_queue.succeed(session, late),
        "fail": lambda session: job_queue.fail(session, late, "late", retry_after=None),
        "release": lambda session: job_queue.release(session, late),
    }
    with pytest.raises(LeaseLost), transaction(engine) as session:
        acts[act](session)
    job = read(engine, job_id)
    assert (job.state, job.token, job.error) == (JobState.RUNNING, newer.token, None)


def test_what_a_late_worker_wrote_is_rolled_back_with_its_settling(engine: Engine, job_id: int) -> None:
    late = take_surely(engine, job_id)
    let_the_lease_run_out(engine, job_id)
    take_surely(engine, job_id)
    with pytest.raises(LeaseLost), transaction(engine) as session:
        job_queue.enqueue(session, JobKind.PUBLISH, "updates")
        job_queue.succeed(session, late)
    with transaction(engine) as session:
        assert session.exec(select(Job).where(Job.kind == JobKind.PUBLISH)).all() == []


def test_a_heartbeat_keeps_the_job_from_others(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    let_the_lease_run_out(engine, job_id)
    with transaction(engine) as session:
        job_queue.heartbeat(session, claim, LEASE)
    assert take(engine, job_id) is None


def test_a_failure_is_tried_again_and_counted_until_it_is_the_last(engine: Engine, job_id: int) -> None:
    for attempt, retry_after in ((1, timedelta()), (2, timedelta()), (3, None)):
        claim = take_surely(engine, job_id)
        assert claim.attempt == attempt
        with transaction(engine) as session:
            job_queue.fail(session, claim, "no disk", retry_after=retry_after)
    job = read(engine, job_id)
    assert (job.state, job.error) == (JobState.FAILED, "no disk")
    assert take(engine, job_id) is None


def test_a_job_that_waits_for_its_next_attempt_is_not_taken_before(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.fail(session, claim, "network", retry_after=timedelta(hours=1))
    assert take(engine, job_id) is None


def test_a_job_given_back_is_free_at_once_and_costs_no_attempt(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.release(session, claim)
    assert take_surely(engine, job_id).attempt == 1


def test_asking_twice_is_asking_once(engine: Engine, job_id: int) -> None:
    assert ask(engine) == job_id
    with transaction(engine) as session:
        assert len(session.exec(select(Job)).all()) == 1


def test_asking_anew_does_not_wait_for_the_retry_of_what_failed(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.fail(session, claim, "the bucket is away", retry_after=timedelta(hours=1))
    assert take(engine, job_id) is None
    ask(engine)
    assert take_surely(engine, job_id).attempt == 2


def test_two_who_ask_at_once_get_the_same_job(engine: Engine) -> None:
    gate, ids = threading.Barrier(6), list[int]()

    def compete() -> None:
        gate.wait()
        ids.append(ask(engine))

    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


@pytest.mark.parametrize("outcome", ["done", "failed", "failed for now"])
def test_what_is_asked_for_while_it_runs_is_done_once_more_at_once(engine: Engine, job_id: int, outcome: str) -> None:
    claim = take_surely(engine, job_id)
    ask(engine)
    rung: list[int] = []
    with transaction(engine) as session:
        session.info["doorbell"] = lambda kind, job_id: rung.append(job_id)
        if outcome == "done":
            job_queue.succeed(session, claim)
        else:
            job_queue.fail(session, claim, "broken", retry_after=None if outcome == "failed" else timedelta(hours=1))
    assert rung == [job_id]
    again = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.succeed(session, again)
    assert read(engine, job_id).state == JobState.DONE


def test_a_finished_job_can_be_asked_for_anew_with_all_its_attempts(engine: Engine, job_id: int) -> None:
    claim = take_surely(engine, job_id)
    with transaction(engine) as session:
        job_queue.fail(session, claim, "broken", retry_after=None)
    assert ask(engine) == job_id
    assert take_surely(engine, job_id).attempt == 1


def test_the_bell_rings_after_the_commit_and_for_each_kind_of_asking(engine: Engine) -> None:
    rung: list[int] = []
    job_id = ask(engine, rung=rung)
    assert rung == [job_id]
    with pytest.raises(RuntimeError), transaction(engine) as session:
        session.info["doorbell"] = lambda kind, job_id: rung.append(job_id)
        job_queue.enqueue(session, JobKind.RETRAIN, "other")
        raise RuntimeError
    assert rung == [job_id]


def test_the_sweep_rings_for_what_waits_and_what_was_abandoned_and_nothing_else(engine: Engine) -> None:
    waiting, abandoned, running, done, later = (ask(engine, name) for name in "abcde")
    take_surely(engine, abandoned)
    let_the_lease_run_out(engine, abandoned)
    take_surely(engine, running)
    finished = take_surely(engine, done)
    with transaction(engine) as session:
        job_queue.succeed(session, finished)
        session.get_one(Job, later).available_at = now() + timedelta(hours=1)
    with transaction(engine) as session:
        rung = job_queue.bells(session)
        found = {job_queue.next_due(session, JobKind.RETRAIN) for _ in range(50)}
        assert job_queue.next_due(session, JobKind.INSPECT) is None
    assert sorted(rung) == [(JobKind.RETRAIN, waiting), (JobKind.RETRAIN, abandoned)]
    assert found == {waiting, abandoned}


def test_a_long_queue_gets_a_few_bells_and_not_one_for_each_job(engine: Engine) -> None:
    for number in range(30):
        ask(engine, str(number))
    with transaction(engine) as session:
        assert 0 < len(job_queue.bells(session)) < 10


def test_a_job_that_kills_its_workers_is_counted_each_time(engine: Engine, job_id: int) -> None:
    attempts = []
    for _ in range(3):
        attempts.append(take_surely(engine, job_id).attempt)
        let_the_lease_run_out(engine, job_id)
    assert attempts == [1, 2, 3]


def test_jobs_are_kept_apart_by_kind_and_subject(engine: Engine) -> None:
    with Session(engine) as session:
        ids = {
            job_queue.enqueue(session, kind, subject).id
            for kind in (JobKind.INSPECT, JobKind.FREEZE)
            for subject in ("1", "2")
        }
        session.commit()
    assert len(ids) == 4
