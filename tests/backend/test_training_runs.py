"""Asking for runs and ending them; on SQLite and PostgreSQL."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select, update

from backend.database import now, transaction
from backend.datasets import snapshots
from backend.errors import Conflict, DomainError, NotFound
from backend.runs import training_runs
from backend.settings import Settings
from backend.tables import Job, JobKind, Release, ReleaseState, TrainingMode, TrainingRun, TrainingRunState
from mobile_models.evaluation import Verdict
from mobile_models.label_set import TRASHNET
from tests.backend.staff_world import blessing, frozen_snapshot, gold, manifest, proposed, run
from tests.backend.world import make_current
from training.recipe import load
from training.run_directory import Progress


def test_a_run_gets_a_job_and_the_next_number(session: Session, settings: Settings) -> None:
    session.add(Release(version=7, manifest={}, blessing={}))
    session.flush()
    asked = run(session, settings)
    assert asked.release_version == 8
    assert run(session, settings).release_version == 9
    job = session.exec(select(Job).where(Job.subject == asked.id)).one()
    assert job.kind == JobKind.RETRAIN


def test_runs_that_are_asked_for_at_once_get_different_numbers(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as session:
        snapshot_id = frozen_snapshot(session)
    gate = threading.Barrier(4)

    def ask() -> None:
        gate.wait()
        with transaction(engine) as session:
            run(session, settings, snapshot_id=snapshot_id)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction(engine) as session:
        assert sorted(session.exec(select(TrainingRun.release_version)).all()) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weights": "/etc/passwd"}, "bad_weights"),
        ({"weights": "imagenet"}, "bad_weights"),
        ({"weights": "champion"}, "no_champion"),
        ({"mode": TrainingMode.FINE_TUNE}, "no_champion"),
        ({"snapshot_id": 99}, "not_found"),
    ],
)
def test_a_run_that_could_not_be_run_is_refused(
    session: Session, settings: Settings, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        run(session, settings, **changes)
    assert refused.value.code == code
    assert session.exec(select(TrainingRun)).all() == []


def test_the_weights_file_of_the_operator_may_be_used(session: Session, settings: Settings) -> None:
    chosen = settings.model_copy(update={"weights": "/models/own.h5"})
    assert run(session, chosen, recipe=load("mobilenet_v2"), weights="/models/own.h5").weights == "/models/own.h5"


def test_a_run_waits_for_its_snapshot_but_not_for_one_that_failed(session: Session, settings: Settings) -> None:
    asked = snapshots.request(session, "ada")
    assert run(session, settings, snapshot_id=asked.id).state == TrainingRunState.REQUESTED
    assert asked.id is not None
    snapshots.settle_failed(session, asked.id, "no photos")
    with pytest.raises(Conflict, match="no photos"):
        run(session, settings, snapshot_id=asked.id)


def test_fine_tuning_starts_from_the_champion(session: Session, settings: Settings) -> None:
    session.add(Release(version=1, state=ReleaseState.PUBLISHED, manifest={}, blessing={}))
    session.flush()
    make_current(session, 1)
    asked = run(session, settings, mode=TrainingMode.FINE_TUNE)
    assert (asked.weights, asked.champion_version) == ("champion", 1)


def test_a_blessed_run_proposes_its_release(session: Session, settings: Settings) -> None:
    release = proposed(session, settings)
    assert release.state == ReleaseState.PROPOSED
    assert release.training_run_id is not None
    assert training_runs.find(session, release.training_run_id).state == TrainingRunState.BLESSED


def test_a_blocked_run_proposes_none_and_says_why(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    training_runs.settle_blocked(session, asked.id, blessing(Verdict.BLOCKED))
    assert (asked.state, asked.error) == (TrainingRunState.BLOCKED, "as good as the champion")
    assert session.exec(select(Release)).all() == []


def test_a_run_that_has_ended_does_not_change(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    training_runs.settle_failed(session, asked.id, "out of memory")
    training_runs.settle_blessed(session, asked.id, manifest(asked.release_version), blessing())
    training_runs.settle_cancelled(session, asked.id)
    training_runs.start(session, asked.id)
    assert (asked.state, asked.error) == (TrainingRunState.FAILED, "out of memory")
    with pytest.raises(Conflict):
        training_runs.cancel(session, asked.id, "ada")


def test_a_waiting_run_is_cancelled_at_once_and_a_running_one_is_asked(session: Session, settings: Settings) -> None:
    waiting, running = run(session, settings), run(session, settings)
    training_runs.start(session, running.id)
    assert training_runs.cancel(session, waiting.id, "ada").state == TrainingRunState.CANCELLED
    asked = training_runs.cancel(session, running.id, "ada")
    assert asked.state == TrainingRunState.RUNNING
    assert asked.cancel_requested_at == training_runs.cancel(session, running.id, "bob").cancel_requested_at
    training_runs.settle_cancelled(session, running.id)
    assert asked.state == TrainingRunState.CANCELLED
    with pytest.raises(NotFound):
        training_runs.cancel(session, "no such run", "ada")


def test_a_run_that_was_cancelled_or_failed_goes_on_and_no_other(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    with pytest.raises(Conflict, match="cancelled or failed"):
        training_runs.resume(session, asked.id, "eve")
    training_runs.start(session, asked.id)
    training_runs.settle_failed(session, asked.id, "the power went out")
    again = training_runs.resume(session, asked.id, "eve")
    assert (again.state, again.error, again.finished_at) == (TrainingRunState.REQUESTED, None, None)
    training_runs.cancel(session, asked.id, "eve")
    assert training_runs.resume(session, asked.id, "eve").cancel_requested_at is None
    training_runs.settle_blocked(session, asked.id, blessing(Verdict.BLOCKED))
    with pytest.raises(Conflict, match="this one is blocked"):
        training_runs.resume(session, asked.id, "eve")


def test_a_run_that_began_against_another_release_does_not_go_on(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    training_runs.start(session, asked.id)
    training_runs.settle_failed(session, asked.id, "the power went out")
    session.add(Release(version=7, state=ReleaseState.PUBLISHED, manifest={}, blessing={}))
    session.flush()
    make_current(session, 7)
    with pytest.raises(Conflict, match="Start a new run"):
        training_runs.resume(session, asked.id, "eve")


def test_every_epoch_is_a_point_of_the_curves_once(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    training_runs.start(session, asked.id)
    for epoch, accuracy in ((0, 0.0), (1, 0.5), (1, 0.4), (3, 0.7)):
        said = Progress(stage="head", epoch=epoch, epochs=9, metrics={"accuracy": accuracy})
        training_runs.record_progress(session, asked.id, said)
    training_runs.record_points(session, asked.id, {2: ("head", {"accuracy": 0.6}), 3: ("head", {"accuracy": 0.1})})
    points = [(point.epoch, point.metrics["accuracy"]) for point in training_runs.points(session, asked.id)]
    assert points == [(1, 0.5), (2, 0.6), (3, 0.7)]


def test_progress_is_kept_while_it_runs(session: Session, settings: Settings) -> None:
    asked = run(session, settings)
    training_runs.start(session, asked.id)
    training_runs.record_progress(session, asked.id, Progress(stage="head", epoch=3, epochs=9))
    assert asked.progress is not None
    assert (asked.progress["stage"], asked.progress["epoch"]) == ("head", 3)


def every_label(session: Session, number: int, age: timedelta = timedelta()) -> None:
    for label in TRASHNET.ids:
        for _ in range(number):
            gold(session, label, gold_labelled_at=now() - age)


def test_enough_new_gold_labels_make_a_run_due(session: Session, settings: Settings) -> None:
    chosen = settings.model_copy(update={"retrain_after_gold_labels": 12, "retrain_minimum_per_class": 2})
    every_label(session, 1)
    assert training_runs.due_retraining(session, chosen, now()) is None
    every_label(session, 1)
    assert training_runs.due_retraining(session, chosen, now()) == "gold_labels"


def test_a_label_with_too_few_photos_holds_retraining_up(session: Session, settings: Settings) -> None:
    chosen = settings.model_copy(update={"retrain_after_gold_labels": 1, "retrain_minimum_per_class": 3})
    every_label(session, 2)
    assert training_runs.due_retraining(session, chosen, now()) is None


def test_nothing_is_due_while_a_run_is_under_way_or_without_news_since_the_last(
    session: Session, settings: Settings
) -> None:
    chosen = settings.model_copy(update={"retrain_after_gold_labels": 6, "retrain_minimum_per_class": 1})
    every_label(session, 1, age=timedelta(minutes=1))
    asked = run(session, settings)
    assert training_runs.due_retraining(session, chosen, now()) is None
    training_runs.settle_failed(session, asked.id, "broken")
    assert training_runs.due_retraining(session, chosen, now() + timedelta(days=90)) is None
    every_label(session, 1)
    assert training_runs.due_retraining(session, chosen, now()) == "gold_labels"


def test_the_calendar_makes_a_run_due_when_there_is_anything_new(session: Session, settings: Settings) -> None:
    chosen = settings.model_copy(update={"retrain_after_gold_labels": 0, "retrain_minimum_per_class": 1})
    asked = run(session, settings)
    training_runs.settle_failed(session, asked.id, "broken")
    session.connection().execute(update(TrainingRun).values(created_at=now() - timedelta(days=29)))
    every_label(session, 1)
    assert training_runs.due_retraining(session, chosen, now()) is None
    assert training_runs.due_retraining(session, chosen, now() + timedelta(days=2)) == "calendar"
    never = chosen.model_copy(update={"retrain_every_days": 0})
    assert training_runs.due_retraining(session, never, now() + timedelta(days=400)) is None
