"""The trainer itself under a worker that is killed: it goes on from its own checkpoint, and its release is whole.

Slow, and nothing that is not tested apart: workers that are killed, with a stand-in for the trainer that has its
command line and its files (test_faults_training.py), and a trainer that is killed (tests/training/test_run.py).
"""

import obstore
import pytest

from backend.releasing.release_files import release_key
from backend.settings import Settings
from backend.tables import TrainingRunState
from mobile_models.classifier import Classifier
from mobile_models.manifest import ReleaseManifest
from tests.waiting import wait_until
from tests.workers.processes import beat, worker
from tests.workers.world import add_gold, ask_for_freeze, ask_for_training, end_leases, read_run, run_directory
from workers.workplace import Workplace

TRAINED_SECONDS = 240.0
ENDED = (TrainingRunState.BLESSED, TrainingRunState.BLOCKED, TrainingRunState.FAILED)


def epoch(place: Workplace, run_id: str) -> int:
    return int((read_run(place, run_id).progress or {}).get("epoch", 0))


@pytest.mark.slow
@pytest.mark.parametrize("installation", ["embedded"], indirect=True)
def test_a_killed_worker_costs_no_epoch_that_was_done(
    installation: Settings, installed: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASTELENS_TRAIN_THREADS", "1")
    add_gold(installed, per_label=30)
    with beat(installation) as schedule:
        with worker(installation) as doomed:
            run_id = ask_for_training(installed, ask_for_freeze(installed), epochs=12)
            wait_until(lambda: epoch(installed, run_id) >= 2, doomed, schedule, seconds=TRAINED_SECONDS)
            doomed.kill()
            end_leases(installed)
        done = epoch(installed, run_id)
        with worker(installation, "second") as second:
            wait_until(lambda: read_run(installed, run_id).state in ENDED, second, schedule, seconds=TRAINED_SECONDS)
    run = read_run(installed, run_id)
    assert run.state == TrainingRunState.BLESSED, run.error
    output = (run_directory(installed, run_id) / "output.log").read_text()
    assert output.count("epoch 1 of 12") == 1, "no epoch was done twice"
    assert f"epoch {done + 1} of 12" in output
    manifest = ReleaseManifest.model_validate_json(read(installed, run.release_version, "manifest.json"))
    Classifier(read(installed, run.release_version, "model.tflite"), manifest)
    assert manifest.lineage.training_run == run_id


def read(place: Workplace, version: int, file: str) -> bytes:
    return bytes(obstore.get(place.storage, release_key(version, file)).bytes())
