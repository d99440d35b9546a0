"""The steps of a training run: fit, quantise, evaluate beside the champion, gate, write the release folder.

Guarantees: the same request again goes on where a killed process stopped; one process at a time works in a run
directory; `result.json` is written last and says in words what happened.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from mobile_models.document import Sha256, file_sha256, sha256
from mobile_models.evaluation import EvaluationReport, Verdict
from mobile_models.litert_model import ModelError
from training import backbones, dataset, disk_space, gate, release_folder, run_record
from training.data import rehearsal
from training.data.rehearsal import LearnFrom, Lesson
from training.dataset import (
    SNAPSHOT_FILE,
    DataError,
    DatasetSnapshot,
    SeenPhotos,
    SnapshotPhoto,
    Split,
    holdout_digest,
)
from training.evaluation import confidence, evaluate, measured_model, outside
from training.evaluation import subject as subjects
from training.evaluation.subject import Subject
from training.feature_cache.feature_store import GIGABYTE, FeatureStore
from training.fitting import champions, devices, fit, pipeline, teachers
from training.fitting.pipeline import Pictures
from training.quantization import int8, quantize
from training.quantization.int8 import Material
from training.recipe import CHAMPION, Recipe, RecipeError, check_weights
from training.release_folder import Exported
from training.reporting import html_report
from training.run_directory import Forgetting, Outcome, Progress, RunDirectory, RunResult
from training.run_record import Environment
from training.run_request import RunRequest
from training.validation_report import ValidationReport

log = logging.getLogger(__name__)

# Faults of what was asked, which a person can mend; all others end the process.
REFUSALS = (DataError, RecipeError, ModelError, fit.Diverged, quantize.QuantizationError)


@dataclass(frozen=True)
class Run:
    """A request with what was read for it."""

    request: RunRequest
    recipe: Recipe
    directory: RunDirectory
    snapshot: DatasetSnapshot
    lesson: Lesson
    known: SeenPhotos | None
    """What the champion has seen; None where there is none, or it does not say."""

    def pictures(self, split: Split) -> Pictures:
        return self.load(self.snapshot.of(split))

    def load(self, photos: Sequence[SnapshotPhoto]) -> Pictures:
        spec = self.recipe.input_spec
        cache = self.directory.path / "pixels"
        return pipeline.load(self.request.snapshot, photos, self.snapshot.label_set, spec, cache)


def train(request: RunRequest) -> RunResult:
    """Carry out the run, or go on with it, and return its result; raise `RunLocked` where another process is at it."""
    directory = RunDirectory(request.run)
    with directory.held():
        finished = directory.read_result()
        if finished is not None and not _goes_on(finished, request):
            return finished
        try:
            with disk_space.explaining(directory.path):
                result = _train(request, directory)
        except REFUSALS as error:
            result = RunResult(outcome=Outcome.REFUSED, reasons=(str(error),))
        result.write(directory.result)
        run_record.complete(directory, result)
        return result


def _goes_on(finished: RunResult, request: RunRequest) -> bool:
    """Whether a run that ended so has more to do: its input was mended, or more is asked of it than a fit."""
    return finished.outcome is Outcome.REFUSED or (finished.outcome is Outcome.FITTED and not request.fit_only)


def _train(request: RunRequest, directory: RunDirectory) -> RunResult:
    run = _begin(request, directory)
    train, validation = run.load(run.lesson.train), run.pictures(Split.VALIDATION)
    model = _fit(run, train, run.load(run.lesson.validation))
    measured = _validate(model, validation, run.snapshot.label_set.ids)
    measured.write(directory.validation)
    if request.fit_only:
        return RunResult(outcome=Outcome.FITTED, reasons=(measured.describe(),))
    _say(directory, "quantize")
    exported = _export(model, run, train, validation)
    _say(directory, "evaluate")
    challenger = _evaluate(model, exported, run)
    champion = _evaluate_champion(run)
    _say(directory, "gate")
    blessing = gate.judge(challenger, champion, request.policy, has_champion=request.champion is not None)
    forgotten = _forgetting(run, champion, challenger)
    evidence = release_folder.Evidence(challenger, blessing, _seen(run), forgotten)
    release_folder.write(directory.release, request, model, exported, run.snapshot, evidence)
    shutil.rmtree(directory.path / "pixels")
    _say(directory, "report")
    html_report.write(directory.report, [measured_model.of_folder(directory.path, request.snapshot)])
    outcome = Outcome.BLESSED if blessing.verdict is Verdict.PASSED else Outcome.BLOCKED
    return RunResult(outcome=outcome, reasons=blessing.reasons, forgetting=forgotten)


def _seen(run: Run) -> SeenPhotos:
    own = SeenPhotos.of(run.snapshot, run.lesson.train)
    return own if run.request.weights != CHAMPION or run.known is None else own.after(run.known)


def _forgetting(run: Run, champion: EvaluationReport | None, challenger: EvaluationReport) -> Forgetting | None:
    if champion is None or run.known is None:
        return None
    found = rehearsal.forgetting(champion, challenger, run.known, run.snapshot)
    if found is not None:
        log.info("%s", found.describe())
    return found


def _fit(run: Run, train: Pictures, validation: Pictures) -> keras.Model:
    request, recipe, directory = run.request, run.recipe, run.directory
    labels = run.snapshot.label_set
    with devices.shared(recipe):
        teacher = None if request.teacher is None else teachers.load(request.teacher, recipe, labels)
        task = fit.Task(recipe, train, validation, request.seed, _digest(run), teacher)
        fitted = fit.Fit(
            _initial_model(run),
            task,
            directory.checkpoints,
            _reporter(directory),
            curves=directory.tensorboard,
            loaders=devices.loaders(request.loaders),
            store=_store(request),
        )
        fitted.run()
    fit.History(epochs=fitted.state.epochs).write(directory.history)
    return devices.on_one(fitted.model)


def _store(request: RunRequest) -> FeatureStore | None:
    return (
        None if request.features is None else FeatureStore(request.features, int(request.features_gigabytes * GIGABYTE))
    )


def _begin(request: RunRequest, directory: RunDirectory) -> Run:
    """Look for all that can be wrong with the input before hours are spent."""
    _say(directory, "load")
    recipe = request.recipe.for_weights(request.weights)
    recipe.write(directory.recipe)
    check_weights(recipe, request.weights)
    teachers.check(recipe, request.teacher)
    try:
        snapshot = DatasetSnapshot.read(request.snapshot / SNAPSHOT_FILE)
    except (OSError, ValueError) as error:
        raise DataError(f"{request.snapshot} is no dataset snapshot: {error}") from error
    run_record.begin(request, recipe, snapshot, Environment.present(keras.backend.backend(), tuple(devices.names())))
    for warning in dataset.check(snapshot):
        log.warning("%s", warning)
    champions.check(request.champion, request.weights, recipe, snapshot.label_set)
    if request.outside is not None:
        outside.read(request.outside, snapshot.label_set)  # A wrong folder is found before hours are spent.
    known = _known(request)
    lesson = rehearsal.choose(snapshot, known, request.learn_from, recipe.rehearsal_photos, request.seed)
    log.info("learning from %d photos, %d of them old", len(lesson.train), lesson.rehearsed)
    return Run(request, recipe, directory, snapshot, lesson, known)


def _known(request: RunRequest) -> SeenPhotos | None:
    """What the champion has seen. Raise `DataError` where it does not say, and the photos to learn from hang on it."""
    champion = request.champion
    if champion is None or (request.learn_from is LearnFrom.ALL and not (champion / rehearsal.SEEN_FILE).is_file()):
        return None
    return rehearsal.seen_by(champion)


def _digest(run: Run) -> Sha256:
    """Of all that decides what comes out of the fit; what it begins with counts by content, wherever it lies."""
    request = run.request
    parts: list[object] = [run.recipe.digest, run.snapshot.digest, request.seed, request.weights]
    if request.weights == CHAMPION and request.champion is not None:
        parts.append(file_sha256(request.champion / champions.CHECKPOINT))
    elif Path(request.weights).is_file():
        parts[-1] = file_sha256(Path(request.weights))
    if request.teacher is not None:
        parts.append(file_sha256(request.teacher / teachers.CHECKPOINT))
    if request.learn_from is not LearnFrom.ALL:
        parts.extend(photo.sha256 for photo in (*run.lesson.train, *run.lesson.validation))
    return sha256(" ".join(map(str, parts)).encode())


def _initial_model(run: Run) -> keras.Model:
    request, labels = run.request, run.snapshot.label_set
    keras.utils.set_random_seed(request.seed)
    if request.weights == CHAMPION and request.champion is not None:
        return champions.initial_model(request.champion, run.recipe, labels)
    return backbones.build(run.recipe, len(labels.ids), request.weights)


def _export(model: keras.Model, run: Run, train: Pictures, validation: Pictures) -> Exported:
    release = run.request.champion if run.request.weights == CHAMPION else None
    champion = None if release is None else int8.champion(release)
    quantized = int8.quantize_well(model, Material(run.recipe, train, validation, run.request.seed, champion))
    quantized.report.write(run.directory.quantization)
    content = quantized.content
    labels = run.snapshot.label_set
    uncalibrated = subjects.of_tflite(content, run.request.run_id, labels, run.recipe.input_spec)
    outputs = evaluate.outputs_of(uncalibrated, validation, pipeline.predict(model, validation.pixels))
    outputs.write(run.directory.validation_outputs)
    fitted = confidence.fit(uncalibrated, run.recipe, train, outputs, run.request.seed)
    return Exported(content, fitted, quantized.report)


def _validate(model: keras.Model, validation: Pictures, labels: Sequence[str]) -> ValidationReport:
    predicted = pipeline.predict(model, validation.pixels).argmax(axis=1)
    matrix = evaluate.confusion_matrix(validation.labels, predicted, len(labels))
    right = float((predicted == validation.labels).mean())
    return ValidationReport(accuracy=right, per_class=evaluate.class_metrics(labels, matrix))


def _evaluate(model: keras.Model, exported: Exported, run: Run) -> EvaluationReport:
    holdout = run.pictures(Split.HOLDOUT)
    measured = evaluate.measure_pictures(
        _subject(exported, run), holdout, holdout_digest(run.snapshot), pipeline.predict(model, holdout.pixels)
    )
    measured.outputs.write(run.directory.holdout_outputs)
    fitted = exported.confidence
    return outside.report(measured, run.request.outside).model_copy(
        update={
            "target_precision": fitted.target_precision,
            "thresholds": dict(fitted.fits),
            "quantization": exported.quantization,
        }
    )


def _subject(exported: Exported, run: Run) -> Subject:
    return subjects.of_tflite(
        exported.content,
        f"run {run.request.run_id}",
        run.snapshot.label_set,
        run.recipe.input_spec,
        exported.confidence.temperature,
        exported.confidence.thresholds,
        exported.confidence.novelty,
    )


def _evaluate_champion(run: Run) -> EvaluationReport | None:
    """Measure the champion on this holdout, on those photos whose label it knows."""
    if run.request.champion is None:
        return None
    opened = subjects.of_release(run.request.champion)
    measured = evaluate.measure(opened, run.request.snapshot, run.snapshot, run.directory.path)
    champion = outside.report(measured, run.request.outside)
    champion.write(run.directory.champion_evaluation)
    return champion


def _reporter(directory: RunDirectory) -> fit.Report:
    def report_progress(progress: Progress) -> None:
        progress.write(directory.progress)
        log.info("%s", progress.describe())

    return report_progress


def _say(directory: RunDirectory, stage: str) -> None:
    earlier = directory.read_progress()
    progress = Progress(
        stage=stage,
        epoch=earlier.epoch if earlier else 0,
        epochs=earlier.epochs if earlier else 0,
        metrics=earlier.metrics if earlier else {},
    )
    progress.write(directory.progress)
    log.info("%s", stage)
