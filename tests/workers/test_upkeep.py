"""Whatever was lost, forgotten or left over is found; on SQLite and PostgreSQL."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore
from sqlalchemy import Engine, text
from sqlmodel import SQLModel, col, delete, select, update

from backend import job_queue
from backend.database import connect, now
from backend.intake import photo_store
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotRow,
    Job,
    JobKind,
    JobState,
    Photo,
    PhotoState,
    Release,
    ReleaseState,
    ReviewClaim,
    Role,
    Schedule,
    SignInWay,
    Staff,
    StaffSession,
    StaffTicket,
    TicketPurpose,
    TrainingMode,
    TrainingRun,
    TrainingRunState,
)
from mobile_models.document import sha256
from tests.pictures import draw
from tests.workers.processes import use_stand_in_trainer
from tests.workers.world import Bell, add_gold, job_id, publish_release, receive
from training.feature_cache.feature_store import FeatureStore, Source
from workers import upkeep
from workers.claim import Outcome, work
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.retrain import RETRAIN
from workers.upkeep import claim_schedule
from workers.workplace import Workplace


def add(place: Workplace, *rows: SQLModel) -> None:
    with place.transaction() as session:
        for row in rows:
            session.add(row)
            session.flush()


def jobs(place: Workplace) -> set[tuple[JobKind, str]]:
    with place.transaction() as session:
        return {(job.kind, job.subject) for job in session.exec(select(Job)) if job.state == JobState.QUEUED}


def a_run(run_id: str, version: int, state: TrainingRunState = TrainingRunState.REQUESTED) -> TrainingRun:
    return TrainingRun(
        id=run_id, state=state, recipe={}, mode=TrainingMode.FROM_SCRATCH, weights="random", seed=1, snapshot_id=1,
        trigger="hand", requested_by="ada", release_version=version,
    )  # fmt: skip


def a_release(version: int, state: ReleaseState) -> Release:
    return Release(version=version, state=state, manifest={}, blessing={})


def test_a_received_photo_whose_job_was_lost_gets_one(place: Workplace, bell: Bell) -> None:
    photo_id = receive(place, draw("glass"))
    receive(place, draw("metal"), state=PhotoState.INSPECTED)
    upkeep.ask_again_for_what_was_lost(place)
    assert jobs(place) == {(JobKind.INSPECT, photo_id)}
    assert [kind for kind, _ in bell.rung] == [JobKind.INSPECT]


def test_every_kind_of_pending_row_gets_the_job_that_it_lacks(place: Workplace) -> None:
    add(place, DatasetSnapshotRow(id=1, requested_by="ada"), a_release(9, ReleaseState.APPROVED))
    add(place, a_run("waiting", 5), a_run("interrupted", 6, TrainingRunState.RUNNING))
    upkeep.ask_again_for_what_was_lost(place)
    assert jobs(place) == {
        (JobKind.FREEZE, "1"),
        (JobKind.RETRAIN, "waiting"),
        (JobKind.RETRAIN, "interrupted"),
        (JobKind.PUBLISH, "updates"),
    }


def test_what_has_ended_or_has_its_job_gets_none(place: Workplace) -> None:
    photo_id = receive(place, draw("glass"))
    add(place, DatasetSnapshotRow(id=1, requested_by="ada", state="frozen"), a_release(9, ReleaseState.PUBLISHED))
    add(place, a_run("over", 5, TrainingRunState.BLOCKED), a_run("cancelled", 6, TrainingRunState.CANCELLED))
    with place.transaction() as session:
        asked = job_queue.enqueue(session, JobKind.INSPECT, photo_id)
    upkeep.ask_again_for_what_was_lost(place)
    with place.transaction() as session:
        assert session.exec(select(Job.id)).all() == [asked.id]


def test_a_bell_that_was_lost_rings_again(place: Workplace, bell: Bell) -> None:
    with place.transaction() as session:
        job = job_queue.enqueue(session, JobKind.INSPECT, "photo")
    bell.rung.clear()
    upkeep.run(place)
    assert (JobKind.INSPECT, job.id) in bell.rung


def test_a_job_of_a_killed_worker_rings_once_its_lease_is_over(place: Workplace, bell: Bell) -> None:
    with place.transaction() as session:
        waiting = job_queue.enqueue(session, JobKind.INSPECT, "photo").id
        assert waiting is not None
        assert job_queue.claim(session, waiting, timedelta(minutes=1)) is not None
    bell.rung.clear()
    upkeep.ring_for_due_jobs(place)
    assert bell.rung == []
    with place.transaction() as session:
        session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))
    upkeep.ring_for_due_jobs(place)
    assert bell.rung == [(JobKind.INSPECT, waiting)]


def test_of_many_schedulers_one_gets_what_is_due(place: Workplace) -> None:
    gate, won = threading.Barrier(6), list[bool]()

    def compete() -> None:
        gate.wait()
        won.append(claim_schedule(place, "something", timedelta(hours=1)))

    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_what_is_periodic_is_due_again_after_its_time(place: Workplace) -> None:
    hour = timedelta(hours=1)
    assert claim_schedule(place, "something", hour)
    assert not claim_schedule(place, "something", hour)
    with place.transaction() as session:
        session.execute(update(Schedule).values(due_at=now()))
    assert claim_schedule(place, "something", hour)


def test_a_duty_that_fails_hinders_no_other(
    place: Workplace, bell: Bell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(_: Workplace) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(upkeep, "ask_again_for_what_was_lost", break_down)
    with place.transaction() as session:
        job_queue.enqueue(session, JobKind.INSPECT, "photo")
    bell.rung.clear()
    upkeep.run(place)
    assert bell.rung
    assert "break_down failed and will be tried again" in caplog.text


def test_the_update_repository_is_looked_at_every_hour(place: Workplace) -> None:
    upkeep.run(place)
    assert (JobKind.PUBLISH, "updates") in jobs(place)
    with place.transaction() as session:
        session.execute(delete(Job))
    upkeep.run(place)
    assert (JobKind.PUBLISH, "updates") not in jobs(place)


def test_expired_claims_sessions_and_tickets_are_removed(place: Workplace) -> None:
    photo_ids = [receive(place, draw("glass", seed)) for seed in range(2)]
    add(place, Staff(id=1, name="ada", password_hash="x", role=Role.REVIEWER))
    for photo_id, minutes in zip(photo_ids, (-1, 1), strict=True):
        moment = now() + timedelta(minutes=minutes)
        add(place, ReviewClaim(photo_id=photo_id, staff_id=1, expires_at=moment))
        session_row = StaffSession(token_sha256=photo_id, staff_id=1, way=SignInWay.PASSWORD, expires_at=moment)
        add(place, session_row)
        ticket = StaffTicket(token_sha256=photo_id, purpose=TicketPurpose.SECOND_STEP, staff_id=1, expires_at=moment)
        add(place, ticket)
    upkeep.remove_what_has_expired(place)
    with place.transaction() as session:
        assert session.exec(select(ReviewClaim.photo_id)).all() == [photo_ids[1]]
        for table in (StaffSession, StaffTicket):
            assert [row.token_sha256 for row in session.exec(select(table))] == [photo_ids[1]]


def test_orphan_photos_are_removed_and_all_others_kept(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = receive(place, draw("glass"))
    withdrawn = receive(place, draw("metal"), state=PhotoState.WITHDRAWN)
    orphan = receive(place, draw("paper"))
    with place.transaction() as session:
        session.execute(delete(Photo).where(col(Photo.id) == orphan))
    obstore.put(place.storage, "artefacts/releases/1/model.tflite", b"not a photo")
    upkeep.remove_orphan_photos(place)
    assert len(stored(place)) == 4, "nothing is old enough yet"
    monkeypatch.setattr(upkeep, "ORPHAN_AGE", timedelta(seconds=-5))
    upkeep.remove_orphan_photos(place)
    assert stored(place) == {photo_store.key(kept), "artefacts/releases/1/model.tflite"}
    assert photo_store.key(withdrawn) not in stored(place)


def stored(place: Workplace) -> set[str]:
    assert isinstance(place.storage, MemoryStore)
    return {found["path"] for chunk in obstore.list(place.storage) for found in chunk}


def test_delivered_messages_of_the_database_queue_are_forgotten(place: Workplace, settings: Settings) -> None:
    upkeep.forget_delivered_messages(place)  # Before the first message there is no table.
    queue = connect(settings.resolved_broker_url.removeprefix("sqla+"))
    try:
        assert _messages_after_forgetting(place, queue) == [2]
    finally:
        queue.dispose()


def _messages_after_forgetting(place: Workplace, queue: Engine) -> list[int]:
    with queue.begin() as connection:
        connection.execute(text("CREATE TABLE kombu_message (id INTEGER, visible BOOLEAN)"))
        connection.execute(text("INSERT INTO kombu_message VALUES (1, 0), (2, 1)"))
    upkeep.forget_delivered_messages(place)
    with queue.begin() as connection:
        return list(connection.execute(text("SELECT id FROM kombu_message")).scalars())


def test_a_queue_with_a_server_of_its_own_is_left_alone(place: Workplace, tmp_path: Path) -> None:
    settings = place.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    elsewhere = Workplace(settings, place.engine, place.doorbell, place.storage, place.updates, place.model)
    upkeep.forget_delivered_messages(elsewhere)
    assert not (tmp_path / "queue.sqlite3").exists()


def test_enough_new_gold_labels_lead_to_a_release_without_anybody(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole chain: due, data set asked for, run waits for it, frozen, trained."""
    wanted = {"retrain_after_gold_labels": 12, "retrain_minimum_per_class": 2, "recipe": "tiny", "weights": "random"}
    eager = replace(place, settings=place.settings.model_copy(update=wanted))
    upkeep.ask_for_retraining(eager)
    assert jobs(place) == set(), "there is nothing new to learn"
    add_gold(place)
    upkeep.ask_for_retraining(eager)
    with place.transaction() as session:
        run, snapshot = session.exec(select(TrainingRun)).one(), session.exec(select(DatasetSnapshotRow)).one()
    assert (run.trigger, run.requested_by, run.snapshot_id) == ("gold_labels", "schedule", snapshot.id)
    upkeep.ask_for_retraining(eager)
    assert jobs(place) == {(JobKind.FREEZE, str(snapshot.id)), (JobKind.RETRAIN, run.id)}, "one at a time"
    use_stand_in_trainer(monkeypatch)
    assert work(place, job_id(place, JobKind.RETRAIN, run.id), RETRAIN) == Outcome.GIVEN_BACK
    assert work(place, job_id(place, JobKind.FREEZE, str(snapshot.id)), FREEZE_SNAPSHOT) == Outcome.DONE
    assert work(place, job_id(place, JobKind.RETRAIN, run.id), RETRAIN) == Outcome.DONE
    with place.transaction() as session:
        assert session.get_one(Release, run.release_version).state == ReleaseState.PROPOSED


@pytest.mark.parametrize(("published", "mode"), [(True, "fine_tune"), (False, "from_scratch_all")])
def test_scheduled_retraining_has_a_mode_of_its_own_once_there_is_a_champion(
    place: Workplace, published: bool, mode: str
) -> None:
    wanted = {"retrain_after_gold_labels": 12, "retrain_minimum_per_class": 2, "recipe": "tiny", "weights": "random"}
    eager = replace(place, settings=place.settings.model_copy(update={**wanted, "retrain_mode": "fine_tune"}))
    if published:
        publish_release(place, version=40)
    add_gold(place)
    upkeep.ask_for_retraining(eager)
    with place.transaction() as session:
        assert session.exec(select(TrainingRun)).one().mode == mode


def test_features_of_photos_that_nobody_has_given_are_forgotten(place: Workplace) -> None:
    store = FeatureStore(place.settings.resolved_features_dir)
    source = Source(sha256(b"network"), sha256(b"input"), "embedding", None)
    store.find_or_compute(source, 0, [sha256(b"of nobody")], lambda chosen: np.zeros((len(chosen), 4)))
    upkeep.run(place)
    assert store.photos() == set()


def test_without_enough_gold_labels_of_each_class_nothing_is_asked_for(place: Workplace) -> None:
    wanted = {"retrain_after_gold_labels": 2, "retrain_minimum_per_class": 2, "recipe": "tiny", "weights": "random"}
    receive(place, draw("glass", 1), gold_label="glass", gold_labelled_at=now(), state=PhotoState.INSPECTED)
    receive(place, draw("glass", 2), gold_label="glass", gold_labelled_at=now(), state=PhotoState.INSPECTED)
    upkeep.ask_for_retraining(replace(place, settings=place.settings.model_copy(update=wanted)))
    assert jobs(place) == set()


def test_whoever_asks_for_health_sees_that_it_was_swept(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now()
    with place.transaction() as session:
        assert "has not begun" in (upkeep.sweep_problem(session, place.settings) or "")
    upkeep.run(place)
    with place.transaction() as session:
        assert upkeep.sweep_problem(session, place.settings) is None
        session.execute(update(Schedule).values(due_at=moment - timedelta(hours=1)))
    monkeypatch.setattr(upkeep, "now", lambda: moment)
    with place.transaction() as session:
        assert "No sweep for 3600 seconds" in (upkeep.sweep_problem(session, place.settings) or "")
