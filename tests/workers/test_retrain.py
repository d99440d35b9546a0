"""A training run is carried out by a child process that is watched, ended and resumed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import obstore
import pytest
from sqlmodel import Session, col, select, update

from backend.database import now
from backend.releasing.release_files import release_key
from backend.runs import run_files, training_runs
from backend.tables import (
    DatasetSnapshotRow,
    Job,
    JobKind,
    JobState,
    Photo,
    PhotoId,
    PhotoState,
    Release,
    ReleaseChannel,
    ReleaseState,
    TrainingMode,
    TrainingRun,
    TrainingRunState,
)
from mobile_models.classifier import Classifier
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Verdict
from mobile_models.manifest import ReleaseManifest
from tests.waiting import wait_until
from tests.workers.processes import use_stand_in_trainer
from tests.workers.world import (
    add_gold,
    ask_for_freeze,
    ask_for_training,
    epochs,
    job_id,
    publish_release,
    read_run,
    run_directory,
)
from training.feature_cache.feature_store import FeatureStore, Source
from training.fitting.checkpoints import STATE_FILE, FitState
from workers import artefacts
from workers.claim import Outcome, work
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.retrain import RETRAIN, _make_room
from workers.workplace import Workplace

pytestmark = pytest.mark.parametrize("migrated_database_url", ["sqlite"], indirect=True)  # Faults: on both.


@pytest.fixture(autouse=True)
def quick_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_in_trainer(monkeypatch)
    monkeypatch.setattr("workers.claim.FIRST_RETRY", timedelta())


@pytest.fixture
def photo_ids(place: Workplace) -> list[PhotoId]:
    return add_gold(place)


@pytest.fixture
def snapshot_id(place: Workplace, photo_ids: list[PhotoId]) -> int:
    snapshot_id = ask_for_freeze(place)
    assert work(place, job_id(place, JobKind.FREEZE, str(snapshot_id)), FREEZE_SNAPSHOT) == Outcome.DONE
    return snapshot_id


def retrain(place: Workplace, run_id: str) -> Outcome:
    return work(place, job_id(place, JobKind.RETRAIN, run_id), RETRAIN)


def releases(place: Workplace) -> dict[int, ReleaseState]:
    with place.transaction() as session:
        return {row.version: row.state for row in session.exec(select(Release))}


def stored(place: Workplace, key: str) -> bytes:
    return bytes(obstore.get(place.storage, key).bytes())


def test_what_it_prints_can_be_read_while_it_trains(
    place: Workplace, snapshot_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes out after two epochs, before anything is stored at the end."""
    monkeypatch.setattr("workers.retrain.LOG_SECONDS", 0.0)
    monkeypatch.setattr("workers.artefacts.store_reports", lambda *_: None)
    run_id = ask_for_training(place, snapshot_id, behaviour="crash once at 2", epochs=3)
    retrain(place, run_id)
    log = run_files.log_of(place.storage, run_id)
    assert log == run_directory(place, run_id).joinpath("output.log").read_text()[: len(log)]
    assert obstore.head(place.storage, f"artefacts/runs/{run_id}/output.log")


def test_its_report_is_kept_and_each_epoch_is_a_point_of_its_curves(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, epochs=3)
    run = run_directory(place, run_id)
    epoch = {"stage": 0, "name": "all", "loss": 1, "accuracy": 0.5, "val_loss": 1, "val_accuracy": 0.4, "seconds": 1}
    state = FitState.model_validate({"fit": "f" * 64, "epochs": [epoch] * 3})
    state.write(run.joinpath("checkpoints", STATE_FILE))
    assert retrain(place, run_id) == Outcome.DONE
    assert stored(place, f"artefacts/runs/{run_id}/report.html") == b"<h1>It learnt nothing.</h1>\n"
    with place.transaction() as session:
        points = [(point.epoch, point.metrics["val_accuracy"]) for point in training_runs.points(session, run_id)]
    assert points == [(1, 0.4), (2, 0.4), (3, 0.4)], "also those that came and went between two looks"


def test_a_blessed_run_proposes_a_release_whose_files_are_whole(
    place: Workplace, snapshot_id: int, tmp_path: Path
) -> None:
    run_id = ask_for_training(place, snapshot_id)
    assert retrain(place, run_id) == Outcome.DONE
    run = read_run(place, run_id)
    assert run.state == TrainingRunState.BLESSED
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.blessing is not None and run.blessing["verdict"] == Verdict.PASSED
    assert run.progress is not None and (run.progress["epoch"], run.progress["epochs"]) == (3, 3)
    assert releases(place) == {run.release_version: ReleaseState.PROPOSED}
    manifest = ReleaseManifest.model_validate_json(stored(place, release_key(run.release_version, "manifest.json")))
    Classifier(stored(place, release_key(run.release_version, "model.tflite")), manifest)
    assert stored(place, release_key(run.release_version, "checkpoint.keras"))


def test_its_reports_are_kept(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id)
    retrain(place, run_id)
    kept = {found["path"].removeprefix(f"artefacts/runs/{run_id}/") for chunk in
            obstore.list(place.storage, f"artefacts/runs/{run_id}/") for found in chunk}  # fmt: skip
    assert {"result.json", "output.log", "release/evaluation.json", "release/MODEL_CARD.md"} <= kept
    assert not any(name.endswith((".tflite", ".keras")) for name in kept)


def test_a_blocked_run_proposes_nothing_and_says_why(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, "blocked")
    assert retrain(place, run_id) == Outcome.DONE
    run = read_run(place, run_id)
    assert run.state == TrainingRunState.BLOCKED
    assert run.blessing is not None and run.blessing["reasons"] == ["It lost glass."]
    assert releases(place) == {}


def test_a_data_set_that_the_trainer_refuses_fails_at_once_with_its_reason(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, "refused")
    assert retrain(place, run_id) == Outcome.GIVEN_UP
    run = read_run(place, run_id)
    assert (run.state, run.error) == (TrainingRunState.FAILED, "There are too few photos of trash.")


def test_a_trainer_that_crashes_is_started_again_and_goes_on(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, "crash once at 2", epochs=4)
    assert retrain(place, run_id) == Outcome.RETRIED_LATER
    with place.transaction() as session:
        assert "the power went out" in (session.get_one(Job, job_id(place, JobKind.RETRAIN, run_id)).error or "")
    assert read_run(place, run_id).state == TrainingRunState.RUNNING
    assert retrain(place, run_id) == Outcome.DONE
    assert [epoch for _, epoch in epochs(place, run_id)] == [1, 2, 3, 4]


def test_progress_is_on_the_row_while_it_runs(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, epochs=1000)
    seen: set[int] = set()

    def three_epochs_were_seen() -> bool:
        seen.add((read_run(place, run_id).progress or {}).get("epoch", 0))
        return len(seen - {0}) >= 3

    def watch() -> None:
        wait_until(three_epochs_were_seen)
        place.stopping.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert retrain(place, run_id) == Outcome.GIVEN_BACK
    watcher.join()


def test_a_cancelled_run_ends_its_trainer(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, "hang once at 1")

    def cancel() -> None:
        wait_until(lambda: len(epochs(place, run_id)) > 0)
        with place.transaction() as session:
            session.execute(update(TrainingRun).values(cancel_requested_at=now()))

    person = threading.Thread(target=cancel)
    person.start()
    assert retrain(place, run_id) == Outcome.DONE
    person.join()
    assert read_run(place, run_id).state == TrainingRunState.CANCELLED
    assert_nothing_trains(place, run_id)
    assert releases(place) == {}


def assert_nothing_trains(place: Workplace, run_id: str) -> None:
    trainers = {process for process, _ in epochs(place, run_id)}
    assert trainers
    assert not any(Path(f"/proc/{trainer}").exists() for trainer in trainers)


def test_a_worker_that_is_told_to_end_gives_the_run_back_and_it_goes_on_later(
    place: Workplace, snapshot_id: int
) -> None:
    run_id = ask_for_training(place, snapshot_id, "hang once at 2", epochs=5)

    def tell() -> None:
        wait_until(lambda: len(epochs(place, run_id)) >= 2)
        place.stopping.set()

    operator = threading.Thread(target=tell)
    operator.start()
    assert retrain(place, run_id) == Outcome.GIVEN_BACK
    operator.join()
    assert_nothing_trains(place, run_id)
    place.stopping.clear()
    assert retrain(place, run_id) == Outcome.DONE
    assert [epoch for _, epoch in epochs(place, run_id)] == [1, 2, 3, 4, 5]
    assert len({process for process, _ in epochs(place, run_id)}) == 2


def test_a_worker_that_lost_the_lease_ends_its_trainer(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id, "hang once at 1")

    def steal() -> None:
        wait_until(lambda: len(epochs(place, run_id)) > 0)
        with place.transaction() as session:
            session.execute(update(Job).where(col(Job.kind) == JobKind.RETRAIN).values(token=col(Job.token) + 1))

    thief = threading.Thread(target=steal)
    thief.start()
    assert retrain(place, run_id) == Outcome.LEASE_LOST
    thief.join()
    assert read_run(place, run_id).state == TrainingRunState.RUNNING
    assert_nothing_trains(place, run_id)


def test_a_run_waits_for_its_data_set_without_losing_an_attempt(place: Workplace, photo_ids: list[PhotoId]) -> None:
    snapshot_id = ask_for_freeze(place)
    run_id = ask_for_training(place, snapshot_id)
    for _ in range(8):
        assert retrain(place, run_id) == Outcome.GIVEN_BACK
    assert read_run(place, run_id).state == TrainingRunState.REQUESTED
    assert work(place, job_id(place, JobKind.FREEZE, str(snapshot_id)), FREEZE_SNAPSHOT) == Outcome.DONE
    assert retrain(place, run_id) == Outcome.DONE


def test_the_champion_goes_with_it_and_is_written_down(place: Workplace, snapshot_id: int, tmp_path: Path) -> None:
    publish_release(place, version=40)
    run_id = ask_for_training(place, snapshot_id)
    assert retrain(place, run_id) == Outcome.DONE
    run = read_run(place, run_id)
    assert run.champion_version == 40
    reasons = (run_directory(place, run_id) / "result.json").read_text()
    assert str(place.settings.work_dir / "releases" / "40") in reasons


def test_a_release_that_another_worker_of_the_host_fetches_meanwhile_is_whole(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(place, version=40)
    put = Path.replace

    def meanwhile(partial: Path, file: Path) -> Path:
        monkeypatch.setattr(Path, "replace", put)
        artefacts.fetch_release(place, 40)
        return put(partial, file)

    monkeypatch.setattr(Path, "replace", meanwhile)
    folder = artefacts.fetch_release(place, 40)
    assert Classifier.load(folder).manifest.version == 40
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(
    ("mode", "weights", "learn_from"),
    [
        (TrainingMode.FROM_SCRATCH, "random", "new"),
        (TrainingMode.FINE_TUNE, "champion", "rehearsal"),
        (TrainingMode.FROM_SCRATCH_ALL, "random", "all"),
    ],
)
def test_each_mode_has_a_start_and_photos_of_its_own(
    place: Workplace, snapshot_id: int, mode: TrainingMode, weights: str, learn_from: str
) -> None:
    publish_release(place, version=40)
    run_id = ask_for_training(place, snapshot_id, mode=mode)
    assert retrain(place, run_id) == Outcome.DONE
    result = (run_directory(place, run_id) / "result.json").read_text()
    assert f"weights: {weights}" in result
    assert f"learn from: {learn_from}" in result


def test_the_trainer_is_told_of_the_photos_from_elsewhere(place: Workplace, snapshot_id: int, tmp_path: Path) -> None:
    chosen = place.settings.model_copy(update={"outside_dir": tmp_path / "web", "outside_labels": "web.csv"})
    elsewhere = replace(place, settings=chosen)
    run_id = ask_for_training(elsewhere, snapshot_id)
    assert retrain(elsewhere, run_id) == Outcome.DONE
    result = (run_directory(elsewhere, run_id) / "result.json").read_text()
    assert f"outside: {tmp_path / 'web'} by web.csv" in result


TAKEN_BACK = [{"state": PhotoState.WITHDRAWN}, {"allow_training": False}]


@pytest.mark.parametrize("changes", TAKEN_BACK, ids=["withdrawn", "no consent"])
def test_features_of_photos_that_were_taken_back_are_forgotten_before_training(
    place: Workplace, snapshot_id: int, photo_ids: list[PhotoId], changes: dict[str, object]
) -> None:
    store = FeatureStore(place.settings.resolved_features_dir)
    with place.transaction() as session:
        gone, stays = (session.get_one(Photo, photo_id) for photo_id in photo_ids[:2])
        digests = [Sha256(gone.sha256), Sha256(stays.sha256), sha256(b"of nobody")]
        gone.sqlmodel_update(changes)
        session.add(gone)
    source = Source(sha256(b"network"), sha256(b"input"), "embedding", None)
    store.find_or_compute(source, 0, digests, lambda chosen: np.zeros((len(chosen), 4)))
    retrain(place, ask_for_training(place, snapshot_id))
    assert store.photos() == {digests[1]}


def test_a_champion_withdrawn_before_the_run_began_is_not_started_from(place: Workplace, snapshot_id: int) -> None:
    publish_release(place, version=40)
    run_id = ask_for_training(place, snapshot_id, mode=TrainingMode.FINE_TUNE)
    with place.transaction() as session:
        session.execute(update(Release).values(state=ReleaseState.WITHDRAWN))
        session.execute(update(ReleaseChannel).values(current_version=None))
    assert retrain(place, run_id) == Outcome.GIVEN_UP
    assert "no release to start from" in (read_run(place, run_id).error or "")


@pytest.mark.parametrize("changes", TAKEN_BACK, ids=["withdrawn", "no consent"])
def test_a_photo_taken_back_since_is_not_trained_on(
    place: Workplace, snapshot_id: int, photo_ids: list[PhotoId], changes: dict[str, object]
) -> None:
    run_id = ask_for_training(place, snapshot_id)
    retrain(place, run_id)
    with place.transaction() as session:
        taken_back = session.get_one(Photo, photo_ids[0])
        taken_back.sqlmodel_update(changes)
        session.add(taken_back)
        digest = session.get_one(DatasetSnapshotRow, snapshot_id).digest
    later = ask_for_training(place, snapshot_id)
    assert retrain(place, later) == Outcome.GIVEN_UP
    assert "1 photos of this data set may not be learned from" in (read_run(place, later).error or "")
    on_disk = place.settings.work_dir / "snapshots" / str(digest) / "photos" / f"{taken_back.sha256}.jpg"
    assert not on_disk.exists()


def test_a_run_that_has_ended_is_not_done_again(place: Workplace, snapshot_id: int) -> None:
    run_id = ask_for_training(place, snapshot_id)
    assert retrain(place, run_id) == Outcome.DONE
    with place.transaction() as session:
        session.execute(update(Job).where(col(Job.kind) == JobKind.RETRAIN).values(state=JobState.QUEUED))
    assert retrain(place, run_id) == Outcome.DONE
    assert [epoch for _, epoch in epochs(place, run_id)] == [1, 2, 3]
    assert len(releases(place)) == 1


def test_what_another_worker_of_the_host_begins_while_room_is_made_stays(
    place: Workplace, snapshot_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, begun = Workplace.transaction, list[Path]()

    @contextmanager
    def and_then_another_begins(workplace: Workplace) -> Iterator[Session]:
        with transaction(workplace) as session:
            yield session
        monkeypatch.setattr(Workplace, "transaction", transaction)
        begun.append(run_directory(place, ask_for_training(place, snapshot_id)))
        begun[0].mkdir(parents=True)

    monkeypatch.setattr(Workplace, "transaction", and_then_another_begins)
    _make_room(place)
    assert begun[0].is_dir()


def test_the_next_run_makes_room_on_the_disk(place: Workplace, snapshot_id: int) -> None:
    first = ask_for_training(place, snapshot_id, epochs=1)
    retrain(place, first)
    assert run_directory(place, first).exists()
    second = ask_for_training(place, snapshot_id, epochs=1)
    retrain(place, second)
    assert run_directory(place, second).exists()
    assert [path.name for path in run_directory(place, first).parent.iterdir() if path.name.startswith(first)] == []
