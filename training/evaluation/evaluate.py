"""Measuring a model on photos it has never seen.

Guarantees: what is measured is the file that ships, fed as a phone feeds it; every `Subject` is measured alike.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import softmax
from mobile_models.document import Sha256
from mobile_models.evaluation import Answer, ClassMetrics, EvaluationReport
from mobile_models.label_set import LabelSet
from mobile_models.litert_model import LiteRtModel
from training.dataset import DataError, DatasetSnapshot, Split, holdout_digest
from training.evaluation import calibration
from training.evaluation.model_outputs import ModelOutputs
from training.evaluation.subject import Subject
from training.fitting import pipeline
from training.fitting.pipeline import Pictures

LATENCY_RUNS = 30


@dataclass(frozen=True)
class Measured:
    """A report with what the model gave for each photo; `subject` is what was measured."""

    subject: Subject
    report: EvaluationReport
    outputs: ModelOutputs


def measure(subject: Subject, directory: Path, snapshot: DatasetSnapshot, scratch: Path) -> Measured:
    """Measure `subject` on those photos of the holdout of the snapshot in `directory` whose label it knows.

    Releases, runs and foreign models all come this way, so their reports are comparable.
    Raise `DataError` if no such photo is there or can be read.
    """
    known = [photo for photo in snapshot.of(Split.HOLDOUT) if photo.label in subject.label_set.ids]
    if not known:
        raise DataError(f"The holdout has no photo of a label that {subject.name} knows.")
    holdout = pipeline.load(directory, known, subject.label_set, subject.input_spec, scratch / "pixels")
    return measure_pictures(subject, holdout, holdout_digest(snapshot))


def measure_pictures(
    subject: Subject,
    holdout: Pictures,
    holdout_digest: Sha256,
    float_logits: NDArray[np.float32] | None = None,
) -> Measured:
    """Measure `subject` on `holdout`, whose gold labels are positions in its label set.

    `float_logits`: what the float model gives for the same photos, float32 [n, k].
    """
    outputs = outputs_of(subject, holdout, float_logits)
    return Measured(subject, _report(subject, holdout, holdout_digest, outputs), outputs)


def outputs_of(subject: Subject, pictures: Pictures, float_logits: NDArray[np.float32] | None = None) -> ModelOutputs:
    logits, embedding = subject.outputs(pictures.pixels)
    photos = tuple(photo.sha256 for photo in pictures.photos)
    return ModelOutputs(photos, pictures.labels, logits, float_logits, embedding)


def logits_of(model: bytes, label_count: int, pixels: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
    """Return float32 [n, label_count] for uint8 [n, H, W, 3]."""
    litert = LiteRtModel(model, label_count, threads=threads)
    return np.stack([litert.run(picture[np.newaxis])[0].copy() for picture in pixels])


def _report(subject: Subject, holdout: Pictures, digest: Sha256, outputs: ModelOutputs) -> EvaluationReport:
    probabilities = softmax(outputs.logits, subject.temperature)
    predicted = outputs.logits.argmax(axis=1)
    right = predicted == holdout.labels
    confidence = probabilities.max(axis=1)
    unsure = subject.unsure(outputs)
    matrix = confusion_matrix(holdout.labels, predicted, len(subject.label_set.ids))
    float_predicted = None if outputs.float_logits is None else outputs.float_logits.argmax(axis=1)
    return EvaluationReport(
        model=subject.sha256,
        holdout=digest,
        label_set=subject.label_set,
        answers=_answers(subject.label_set, holdout, predicted, confidence),
        accuracy=float(right.mean()),
        per_class=class_metrics(subject.label_set.ids, matrix),
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
        expected_calibration_error=calibration.expected_calibration_error(confidence, right),
        temperature=subject.temperature,
        float_accuracy=None if float_predicted is None else float((float_predicted == holdout.labels).mean()),
        float_agreement=None if float_predicted is None else float((float_predicted == predicted).mean()),
        size_bytes=subject.size_bytes,
        latency_milliseconds=latency_milliseconds(subject, holdout.pixels[0]),
        float_operators=subject.float_operators,
        group_accuracy=group_accuracy(subject.label_set, probabilities, holdout.labels),
        unsure=float(unsure.mean()) if subject.thresholds else None,
        novel=float(subject.novel(outputs).mean()) if subject.novelty else None,
        sure_accuracy=sure_accuracy(right, unsure) if subject.thresholds else None,
    )


def sure_accuracy(right: NDArray[np.bool_], unsure: NDArray[np.bool_]) -> float | None:
    """Return the share of right answers among those that are not unsure; None where all are."""
    return None if unsure.all() else float(right[~unsure].mean())


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


def latency_milliseconds(subject: Subject, picture: NDArray[np.uint8]) -> float:
    """Median of one invocation on one thread, after a warm-up."""
    seconds = []
    for _ in range(LATENCY_RUNS + 3):
        started = time.perf_counter()
        subject.run(picture[np.newaxis])
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[3:]) * 1000


def _answers(
    label_set: LabelSet, holdout: Pictures, predicted: NDArray[np.int64], confidence: NDArray[np.float64]
) -> tuple[Answer, ...]:
    return tuple(
        Answer(photo=photo.sha256, label=photo.label, predicted=label_set.ids[best], confidence=min(1.0, float(score)))
        for photo, best, score in zip(holdout.photos, predicted, confidence, strict=True)
    )
