"""Measuring a .tflite itself, through LiteRT, on photos it has never seen.

Guarantees: what is measured is the file that ships, fed as a phone feeds it.
"""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import softmax
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Answer, ClassMetrics, EvaluationReport
from mobile_models.label_set import LabelSet
from mobile_models.litert_model import LiteRtModel, ModelError
from mobile_models.manifest import ReleaseManifest
from training import calibration, pipeline
from training.dataset import DataError, DatasetSnapshot, Split, holdout_digest
from training.pipeline import Pictures
from training.quantize import float_operators

LATENCY_RUNS = 30


def logits_of(model: bytes, label_count: int, pixels: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
    """Return float32 [n, label_count] for uint8 [n, H, W, 3]."""
    litert = LiteRtModel(model, label_count, threads=threads)
    return np.stack([litert.run(picture[np.newaxis])[0].copy() for picture in pixels])


def evaluate(
    model: bytes,
    label_set: LabelSet,
    holdout: Pictures,
    holdout_digest: Sha256,
    temperature: float,
    float_predicted: NDArray[np.int64] | None = None,
) -> EvaluationReport:
    """Return the report of `model` on `holdout`, whose gold labels are positions in `label_set`.

    `float_predicted`: what the float model answers to the same photos, int64 [n] positions.
    """
    logits = logits_of(model, len(label_set.ids), holdout.pixels)
    probabilities = softmax(logits, temperature)
    predicted = logits.argmax(axis=1)
    right = predicted == holdout.labels
    confidence = probabilities.max(axis=1)
    matrix = confusion_matrix(holdout.labels, predicted, len(label_set.ids))
    return EvaluationReport(
        model=sha256(model),
        holdout=holdout_digest,
        label_set=label_set,
        answers=_answers(label_set, holdout, predicted, confidence),
        accuracy=float(right.mean()),
        per_class=class_metrics(label_set.ids, matrix),
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
        expected_calibration_error=calibration.expected_calibration_error(confidence, right),
        temperature=temperature,
        float_accuracy=None if float_predicted is None else float((float_predicted == holdout.labels).mean()),
        float_agreement=None if float_predicted is None else float((float_predicted == predicted).mean()),
        size_bytes=len(model),
        latency_milliseconds=latency_milliseconds(model, len(label_set.ids), holdout.pixels[0]),
        float_operators=float_operators(model),
        group_accuracy=group_accuracy(label_set, probabilities, holdout.labels),
    )


def evaluate_release(release: Path, directory: Path, snapshot: DatasetSnapshot, scratch: Path) -> EvaluationReport:
    """Measure a release on those photos of the holdout of the snapshot in `directory` whose label it knows.

    Raise `ModelError` if the release folder is not whole, and `DataError` if no such photo is there or can be read.
    """
    try:
        manifest = ReleaseManifest.read(release / "manifest.json")
        content = (release / "model.tflite").read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"{release} is no release folder: {error}") from error
    if sha256(content) != manifest.model.sha256:
        raise ModelError(f"{release / 'model.tflite'} is not the model that its manifest names")
    known = [photo for photo in snapshot.of(Split.HOLDOUT) if photo.label in manifest.label_set.ids]
    if not known:
        raise DataError(f"The holdout has no photo of a label that release {manifest.version} knows.")
    holdout = pipeline.load(directory, known, manifest.label_set, manifest.input_spec, scratch / "pixels")
    return evaluate(content, manifest.label_set, holdout, holdout_digest(snapshot), manifest.temperature)


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return int64 [classes, classes]: rows are gold labels, columns predictions."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def class_metrics(labels: Sequence[str], matrix: NDArray[np.int64]) -> dict[str, ClassMetrics]:
    metrics = {}
    for position, label in enumerate(labels):
        hits, support, answers = matrix[position, position], matrix[position].sum(), matrix[:, position].sum()
        recall = float(hits / support) if support else 0.0
        precision = float(hits / answers) if answers else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        metrics[label] = ClassMetrics(precision=precision, recall=recall, f1=f1, support=int(support))
    return metrics


def group_accuracy(label_set: LabelSet, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Return the share of photos whose group is the one with the largest summed probability, as the classifier answers.

    `probabilities` [n, labels] and gold `labels` [n] are in the order of the label set. None where it has no groups.
    """
    groups = list(label_set.groups)
    if not groups:
        return None
    group_of = np.array([groups.index(label.group or label.id) for label in label_set.labels])
    sums = probabilities @ (group_of[:, np.newaxis] == np.arange(len(groups)))
    return float((sums.argmax(axis=1) == group_of[labels]).mean())


def latency_milliseconds(model: bytes, label_count: int, picture: NDArray[np.uint8]) -> float:
    """Median of one invocation on one thread, after a warm-up."""
    litert = LiteRtModel(model, label_count)
    seconds = []
    for _ in range(LATENCY_RUNS + 3):
        started = time.perf_counter()
        litert.run(picture[np.newaxis])
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[3:]) * 1000


def _answers(
    label_set: LabelSet, holdout: Pictures, predicted: NDArray[np.int64], confidence: NDArray[np.float64]
) -> tuple[Answer, ...]:
    return tuple(
        Answer(photo=photo.sha256, label=photo.label, predicted=label_set.ids[best], confidence=min(1.0, float(score)))
        for photo, best, score in zip(holdout.photos, predicted, confidence, strict=True)
    )
