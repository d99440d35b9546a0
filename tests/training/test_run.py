"""`python -m training.run` as workers start it: a process, a run directory, an exit code."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mobile_models import self_tests
from mobile_models.classifier import Classifier
from mobile_models.document import file_sha256, sha256
from mobile_models.evaluation import Blessing, EvaluationReport, Verdict
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from training import backbones, recipe
from training import run as training_run
from training.dataset import DatasetSnapshot, SeenPhotos, Split, freeze_folder, holdout_digest
from training.evaluation.model_outputs import ModelOutputs
from training.feature_cache.feature_store import FeatureStore
from training.fitting.fit import FitState, History
from training.recipe import Recipe
from training.run_directory import ExitCode, Outcome, RunDirectory
from training.run_record import RunRecord
from training.validation_report import ValidationReport

PATIENCE_SECONDS = 240
HELD_AFTER_THREE_EPOCHS = """
import sys, threading
from training import run
from training.run_directory import Progress

write = Progress.write

def write_and_wait(progress, path):
    write(progress, path)
    if progress.epoch == 3:
        threading.Event().wait()

Progress.write = write_and_wait
run.main(sys.argv[1:])
"""


def arguments(snapshot: Path, run: Path, wanted: Recipe, **options: object) -> list[str]:
    file = run.with_suffix(".recipe.json")
    wanted.write(file)
    given = {"snapshot": snapshot, "run": run, "recipe": file, "weights": "random", **options}
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def train(snapshot: Path, run: Path, wanted: Recipe, *flags: str, **options: object) -> int:
    """Run the command in this process: starting one takes longer than these runs train, and tests below start some."""
    return training_run.main([*arguments(snapshot, run, wanted, **options), *flags])


def command(snapshot: Path, run: Path, wanted: Recipe, **options: object) -> list[str]:
    return [sys.executable, "-m", "training.run", *arguments(snapshot, run, wanted, threads=1, **options)]


def finish(*arguments: str) -> int:
    ended = subprocess.run(arguments, timeout=PATIENCE_SECONDS, check=False, capture_output=True, text=True)
    sys.stderr.write(ended.stderr)  # pytest shows it where a test fails.
    return ended.returncode


def wait_for_epoch(run: RunDirectory, epoch: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        progress = run.read_progress()
        if progress is not None and progress.epoch >= epoch:
            return
        time.sleep(0.02)
    pytest.fail(f"epoch {epoch} was not reached in {PATIENCE_SECONDS} seconds")


@pytest.fixture(scope="module")
def finished(snapshot_directory: Path, drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of `tiny` that ended well."""
    run = RunDirectory(tmp_path_factory.mktemp("runs") / "finished")
    learns = recipe.load("tiny").with_changes(input_edge=32).with_epochs(10)
    options = {
        "version": 3,
        "seed": 2,
        "lineage_run_id": "run-7",
        "minimum_photos_per_class": 4,
        "outside": drawn_folder,
    }
    assert train(snapshot_directory, run.path, learns, **options) == ExitCode.DONE
    return run


def test_a_run_leaves_a_whole_release(finished: RunDirectory, snapshot_directory: Path) -> None:
    result = finished.read_result()
    assert result is not None
    assert (result.outcome, result.reasons[0][:8]) == (Outcome.BLESSED, "accuracy")
    manifest = ReleaseManifest.read(finished.release / "manifest.json")
    report = EvaluationReport.read(finished.release / "evaluation.json")
    blessing = Blessing.read(finished.release / "blessing.json")
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    assert manifest.version == 3
    assert manifest.model.sha256 == report.model == file_sha256(finished.release / "model.tflite")
    assert manifest.lineage.dataset_snapshot == snapshot.digest
    assert manifest.lineage.recipe_digest == Recipe.read(finished.release / "recipe.json").digest
    assert (manifest.lineage.training_run, manifest.lineage.seed) == ("run-7", 2)
    assert (manifest.evaluation.evaluation_digest, manifest.evaluation.blessing_digest) == (
        report.digest,
        blessing.digest,
    )
    assert report.holdout == holdout_digest(snapshot)
    assert {answer.photo for answer in report.answers} == {photo.sha256 for photo in snapshot.of(Split.HOLDOUT)}
    assert blessing.rubber_stamped
    assert SeenPhotos.read(finished.release / "dataset.json") == SeenPhotos.of(snapshot)
    assert len(History.read(finished.history).epochs) == 10
    assert "Release" in (finished.release / "MODEL_CARD.md").read_text().title()
    assert "Evaluation of finished" in finished.report.read_text()


def test_a_run_keeps_what_its_model_gave_and_how_sure_it_may_be(
    finished: RunDirectory, snapshot_directory: Path
) -> None:
    manifest = ReleaseManifest.read(finished.release / "manifest.json")
    report = EvaluationReport.read(finished.release / "evaluation.json")
    holdout, validation = ModelOutputs.read(finished.holdout_outputs), ModelOutputs.read(finished.validation_outputs)
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    assert holdout.photos == tuple(photo.sha256 for photo in snapshot.of(Split.HOLDOUT))
    assert validation.photos == tuple(photo.sha256 for photo in snapshot.of(Split.VALIDATION))
    assert (holdout.logits.argmax(axis=1) == holdout.labels).mean() == pytest.approx(report.accuracy)
    assert holdout.float_logits is not None
    assert report.float_accuracy == pytest.approx((holdout.float_logits.argmax(axis=1) == holdout.labels).mean())
    assert manifest.novelty is not None
    assert validation.embedding is not None
    assert (manifest.novelty.distances(validation.embedding) <= manifest.novelty.threshold).mean() >= 0.9
    assert report.thresholds is not None
    assert manifest.thresholds == {label: fit.threshold for label, fit in report.thresholds.items()}
    assert report.quantization is not None


def test_a_run_is_measured_on_photos_from_elsewhere_too(finished: RunDirectory) -> None:
    """The folder that it learnt from stands for elsewhere."""
    report = EvaluationReport.read(finished.release / "evaluation.json")
    summary = ReleaseManifest.read(finished.release / "manifest.json").evaluation.outside
    assert report.outside is not None
    assert summary is not None
    assert (report.outside.photos, report.outside.unmeasured) == (120, ())
    assert summary.accuracy == report.outside.accuracy > 0.7
    assert "On 120 photos of drawn" in (finished.release / "MODEL_CARD.md").read_text()


def test_the_release_answers_as_its_report_says(finished: RunDirectory, snapshot_directory: Path) -> None:
    classifier = Classifier.load(finished.release)
    self_tests.run(classifier, classifier.manifest)
    report = EvaluationReport.read(finished.release / "evaluation.json")
    for answer in report.answers:
        given = classifier.classify((snapshot_directory / "photos" / f"{answer.photo}.jpg").read_bytes())
        assert given.best_label == answer.predicted
        assert given.scores[answer.predicted] == pytest.approx(answer.confidence, abs=1e-4)
    right = sum(answer.label == answer.predicted for answer in report.answers)
    assert report.accuracy == pytest.approx(right / len(report.answers))
    assert report.accuracy > 0.7


def test_the_same_command_again_changes_nothing(finished: RunDirectory, snapshot_directory: Path) -> None:
    before = (finished.release / "manifest.json").stat().st_mtime_ns
    assert train(snapshot_directory, finished.path, recipe.load("tiny")) == ExitCode.DONE
    assert (finished.release / "manifest.json").stat().st_mtime_ns == before


def test_a_challenger_goes_on_from_the_champion_and_is_measured_beside_it(
    finished: RunDirectory, snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    run = RunDirectory(tmp_path / "run")
    options = {"weights": "champion", "champion": finished.release, "version": 4, "minimum_photos_per_class": 4}
    assert train(snapshot_directory, run.path, quick.with_epochs(1), **options) == ExitCode.DONE
    champion = EvaluationReport.read(run.champion_evaluation)
    challenger = EvaluationReport.read(run.release / "evaluation.json")
    blessing = Blessing.read(run.release / "blessing.json")
    assert champion.holdout == challenger.holdout
    assert (blessing.champion, blessing.challenger) == (champion.digest, challenger.digest)
    assert not blessing.rubber_stamped
    assert len(blessing.p_values) == 13
    assert ReleaseManifest.read(run.release / "manifest.json").lineage.parent_version == 3
    assert RunRecord.read(run.record).champion_model == champion.model
    assert challenger.accuracy > 0.6, "one epoch from random weights would be near chance"


def test_a_champion_learns_from_new_photos_and_rehearses_old_ones(
    finished: RunDirectory, snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    """It is told that it has not seen 24 of the photos; features of both kinds are kept for the next time."""
    champion, run, features = tmp_path / "champion", RunDirectory(tmp_path / "run"), FeatureStore(tmp_path / "features")
    shutil.copytree(finished.release, champion)
    seen = SeenPhotos.read(champion / "dataset.json")
    elsewhere = sha256(b"a photo of the champion's that is not in this data set")
    seen.model_copy(update={"train": (*seen.train[24:], elsewhere)}).write(champion / "dataset.json")
    half = quick.stages[0].model_dump() | {"epochs": 2, "trainable_layers": 6, "cached_views": 1}
    wanted = quick.with_changes(stages=[half], rehearsal_photos=12)
    options = {"weights": "champion", "champion": champion, "version": 4, "learn_from": "rehearsal"}
    assert train(snapshot_directory, run.path, wanted, features=features.folder, **options) == ExitCode.DONE
    result, validation = run.read_result(), DatasetSnapshot.read(snapshot_directory / "snapshot.json").counts()
    assert result is not None
    assert result.forgetting is not None
    assert result.forgetting.photos == 24
    assert result.forgetting.before == EvaluationReport.read(run.champion_evaluation).accuracy
    assert result.forgetting.after == EvaluationReport.read(run.release / "evaluation.json").accuracy
    assert len(features.photos()) == 24 + 12 + sum(validation["validation"].values())
    learned = SeenPhotos.read(run.release / "dataset.json")
    assert set(learned.train) == {*seen.train, elsewhere}
    assert (learned.validation, learned.holdout) == (seen.validation, seen.holdout)


def test_a_challenger_that_lost_is_blocked_and_the_run_still_ends_well(
    finished: RunDirectory, snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    run = RunDirectory(tmp_path / "run")
    untrained = quick.with_epochs(1).with_changes(batch_size=84)
    assert train(snapshot_directory, run.path, untrained, champion=finished.release) == ExitCode.DONE
    result = run.read_result()
    assert result is not None
    assert result.outcome is Outcome.BLOCKED
    assert Blessing.read(run.release / "blessing.json").verdict is Verdict.BLOCKED
    assert any("floor" in reason or "significantly worse" in reason for reason in result.reasons)


def test_a_killed_run_goes_on_from_its_last_epoch(snapshot_directory: Path, tmp_path: Path, quick: Recipe) -> None:
    run = RunDirectory(tmp_path / "run")
    asked = [*command(snapshot_directory, run.path, quick), "--fit-only"]
    held = [sys.executable, "-c", HELD_AFTER_THREE_EPOCHS, *asked[3:]]
    process = subprocess.Popen(held, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_epoch(run, 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = FitState.read(run.checkpoints / "state.json").epochs
    assert len(before) == 3
    assert run.read_result() is None
    assert finish(*asked) == ExitCode.DONE
    after = FitState.read(run.checkpoints / "state.json").epochs
    assert len(after) == quick.total_epochs
    assert after[: len(before)] == before


def test_whoever_comes_second_finds_the_run_directory_locked(
    snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    run = RunDirectory(tmp_path / "run")
    with run.held():
        assert train(snapshot_directory, run.path, quick) == ExitCode.LOCKED
    assert run.read_progress() is None


def test_a_run_ends_with_its_parent(snapshot_directory: Path, tmp_path: Path, quick: Recipe) -> None:
    run = RunDirectory(tmp_path / "run")
    asked = [*command(snapshot_directory, run.path, quick.with_epochs(500)), "--exit-with-parent"]
    process = subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_epoch(run, 1)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 1
    finally:
        process.kill()
        process.wait()
    assert run.read_result() is None


def test_bad_input_is_refused_before_anything_is_trained(
    tmp_path: Path, quick: Recipe, snapshot_directory: Path
) -> None:
    nowhere = RunDirectory(tmp_path / "nowhere")
    held = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command(tmp_path, nowhere.path, quick), "--exit-with-parent"], **held) as asked:
        assert asked.wait(PATIENCE_SECONDS) == ExitCode.BAD_INPUT, "also while its parent holds its standard input"
    result = nowhere.read_result()
    assert result is not None
    assert result.outcome is Outcome.REFUSED
    assert "no dataset snapshot" in result.reasons[0]
    unknown = RunDirectory(tmp_path / "unknown")
    assert train(snapshot_directory, unknown.path, quick, weights="missing.h5") == ExitCode.BAD_INPUT
    result = unknown.read_result()
    assert result is not None
    assert "no file missing.h5" in result.reasons[0]


def test_a_champion_that_cannot_be_beaten_or_gone_on_from_is_refused_before_anything_is_trained(
    finished: RunDirectory, snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(finished.release, bare)
    (bare / "checkpoint.keras").unlink()
    untold = tmp_path / "untold"
    shutil.copytree(finished.release, untold)
    (untold / "recipe.json").write_text("{")
    cases: list[tuple[Path | None, str, str]] = [
        (tmp_path, "random", "is no release folder"),
        (None, "champion", "no champion to fine-tune from"),
        (bare, "champion", "has no checkpoint.keras to go on from"),
        (untold, "champion", "does not say how it was trained"),
    ]
    for number, (champion, weights, complaint) in enumerate(cases):
        run = RunDirectory(tmp_path / f"run-{number}")
        options = {"weights": weights} | ({} if champion is None else {"champion": champion})
        assert train(snapshot_directory, run.path, quick, **options) == ExitCode.BAD_INPUT
        result = run.read_result()
        assert result is not None
        assert complaint in result.reasons[0]
        assert not run.checkpoints.exists()


def test_a_run_goes_on_wherever_its_champion_lies_and_not_from_another(
    finished: RunDirectory, snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    champion, run = tmp_path / "champion", RunDirectory(tmp_path / "run")
    shutil.copytree(finished.release, champion)
    asked = (snapshot_directory, run.path, quick.with_epochs(1), "--fit-only")
    assert train(*asked, weights="champion", champion=finished.release) == ExitCode.DONE
    run.result.unlink()
    assert train(*asked, weights="champion", champion=champion) == ExitCode.DONE
    run.result.unlink()
    backbones.save(backbones.build(quick, 6, "random"), champion / "checkpoint.keras")
    assert train(*asked, weights="champion", champion=champion) == ExitCode.BAD_INPUT
    assert "belongs to another run" in run.read_result().reasons[0]


def test_plain_data_is_read_without_keras() -> None:
    modules = "training.dataset, training.recipe, training.run_directory, training.gate"
    names = [f"training.recipes.{name}" for name in recipe.names()]
    code = f"import sys, json, {modules}, {', '.join(names)}; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], env={**os.environ}))
    assert not {"keras", "tensorflow", "jax"} & set(loaded)


def test_tensorflow_itself_is_asked_only_for_what_keras_lacks() -> None:
    """The export, sharing a fit among its devices, and gradients of an input."""
    training = Path(recipe.__file__).parent
    importing = {file.name for file in training.rglob("*.py") if "import tensorflow" in file.read_text()}
    assert importing == {"quantize.py", "devices.py", "explain.py"}


@pytest.mark.real_photos
def test_the_head_of_a_pretrained_network_learns_real_photos(test_data: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for folder in sorted((test_data / "trashnet").iterdir()):
        for file in sorted(folder.glob("*.jpg"))[:40]:
            (photos / folder.name).mkdir(parents=True, exist_ok=True)
            (photos / folder.name / file.name).symlink_to(file)
    (photos / "groups.csv").symlink_to(test_data / "trashnet" / "groups.csv")
    freeze_folder(photos, tmp_path / "snapshot", TRASHNET)
    whole = recipe.load("mobilenet_v2")
    head_alone = whole.with_changes(stages=whole.stages[:1], calibration_photos=24)  # More change nothing.
    (weights,) = (test_data / "weights").glob("mobilenet_v2*.h5")
    run = RunDirectory(tmp_path / "run")
    assert finish(*command(tmp_path / "snapshot", run.path, head_alone, weights=weights)) == ExitCode.DONE
    report = EvaluationReport.read(run.release / "evaluation.json")
    assert report.accuracy > 0.6, "chance is 0.17"
    assert report.float_agreement is not None
    assert report.float_agreement > 0.85
    assert report.float_operators == ()


def test_a_run_records_what_made_it_and_what_it_made(finished: RunDirectory, snapshot_directory: Path) -> None:
    record = RunRecord.read(finished.record)
    assert record.recipe_digest == Recipe.read(finished.recipe).digest
    assert record.dataset == DatasetSnapshot.read(snapshot_directory / "snapshot.json").digest
    assert (record.seed, record.weights, record.outcome) == (2, "random", finished.read_result().outcome)
    assert record.finished_at > record.starts[0].at
    assert record.starts[0].environment.libraries["keras"]
    for name in ("recipe.json", "history.json", "result.json", "release/model.tflite", "release/checkpoint.keras"):
        assert record.files[name].sha256 == file_sha256(finished.path / name)
    assert not any(name.startswith(("pixels/", "checkpoints/")) for name in record.files)


def test_a_fit_alone_leaves_no_release_and_goes_on_to_one_when_asked(
    snapshot_directory: Path, tmp_path: Path, quick: Recipe
) -> None:
    run = RunDirectory(tmp_path / "run")
    asked = (snapshot_directory, run.path, quick.with_epochs(1))
    assert train(*asked, "--fit-only") == ExitCode.DONE
    assert run.read_result().outcome is Outcome.FITTED
    measured = ValidationReport.read(run.validation)
    assert sum(metrics.support for metrics in measured.per_class.values()) == 12
    assert not run.release.exists()
    assert train(*asked) == ExitCode.DONE
    assert run.read_result().outcome is Outcome.BLOCKED
    assert len(RunRecord.read(run.record).starts) == 2
