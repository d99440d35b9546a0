"""What an evaluation says about a model, as plain data: targets, confusions, reliability, accuracy against coverage.

Guarantees: everything follows from the single answers of an `EvaluationReport`; nothing is drawn or worded for one
medium only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mobile_models.evaluation import Answer, EvaluationReport
from training.reporting import intervals
from training.reporting.intervals import Interval

ACCURACY_TARGET, CLASS_TARGET = 0.90, 0.85
"""What the ConvNeXt project set itself: accuracy, and precision and recall in each class."""
WASTENET_THRESHOLD = 0.9
"""Below this confidence, WasteNet asks a person."""
BINS = 15


@dataclass(frozen=True)
class Target:
    """A figure that the ConvNeXt project wanted to reach."""

    name: str
    wanted: float
    measured: float

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted

    def words(self) -> str:
        return f"{self.name} {self.wanted:.2f}: {'met' if self.met else 'unmet'}, {self.measured:.3f}"


@dataclass(frozen=True)
class Confusion:
    label: str
    predicted: str
    count: int
    support: int

    def words(self) -> str:
        return f"{self.label} taken for {self.predicted}: {self.count} of {self.support}"


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies between two bounds."""

    low: float
    high: float
    confidence: float
    accuracy: Interval
    photos: int


@dataclass(frozen=True)
class Coverage:
    """What is left where answers below a confidence are "unsure"."""

    name: str
    threshold: float | None
    """None where each class has its own."""
    share: float
    """Of photos that are answered."""
    accuracy: float | None
    """Of the answers; None where there are none."""
    wrong: int

    def words(self) -> str:
        if self.accuracy is None:
            return f"{self.name}: no photo is answered."
        return f"{self.name}: {self.share:.1%} of the photos are answered, {self.accuracy:.4f} of these rightly."


def targets(report: EvaluationReport) -> tuple[Target, ...]:
    """Return the targets of the ConvNeXt project, with what was reached."""
    measured = [metrics for metrics in report.per_class.values() if metrics.support]
    return (
        Target("accuracy", ACCURACY_TARGET, report.accuracy),
        Target("precision in each class", CLASS_TARGET, min(metrics.precision for metrics in measured)),
        Target("recall in each class", CLASS_TARGET, min(metrics.recall for metrics in measured)),
    )


def confusions(report: EvaluationReport, most: int = 8) -> tuple[Confusion, ...]:
    """Return the most frequent confusions, most frequent first."""
    ids = report.label_set.ids
    cells = [
        Confusion(ids[gold], ids[predicted], count, sum(row))
        for gold, row in enumerate(report.confusion_matrix)
        for predicted, count in enumerate(row)
        if gold != predicted and count
    ]
    return tuple(sorted(cells, key=lambda cell: (-cell.count, cell.label, cell.predicted))[:most])


def reliability(answers: Sequence[Answer], bins: int = BINS) -> tuple[Bin, ...]:
    """Return the bins of a reliability diagram that hold an answer (Niculescu-Mizil and Caruana 2005)."""
    found = []
    for place in range(bins):
        own = [answer for answer in answers if min(int(answer.confidence * bins), bins - 1) == place]
        if own:
            mean = sum(answer.confidence for answer in own) / len(own)
            right = intervals.of_share(_right(own), len(own))
            found.append(Bin(place / bins, (place + 1) / bins, mean, right, len(own)))
    return tuple(found)


def coverage_curve(answers: Sequence[Answer]) -> tuple[Coverage, ...]:
    """Return accuracy and coverage for each confidence that occurs, from all photos to the surest (El-Yaniv 2010)."""
    confidence = np.array([answer.confidence for answer in answers])
    right = np.array([answer.predicted == answer.label for answer in answers])
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    return tuple(
        Coverage(
            "", float(confidence[order[at]]), (at + 1) / len(order), float(hits[at] / (at + 1)), int(at + 1 - hits[at])
        )
        for at in np.flatnonzero(last_of_equals)[::-1]
    )


def operating_points(answers: Sequence[Answer], thresholds: Mapping[str, float]) -> tuple[Coverage, ...]:
    """Return what all answers, WasteNet's threshold and the model's own thresholds (if any) give."""
    points = [
        _kept("no threshold", 0.0, answers, answers),
        _kept(
            f"threshold {WASTENET_THRESHOLD} (WasteNet)",
            WASTENET_THRESHOLD,
            [answer for answer in answers if answer.confidence >= WASTENET_THRESHOLD],
            answers,
        ),
    ]
    if thresholds:
        own = [answer for answer in answers if answer.confidence >= thresholds[answer.predicted]]
        points.append(_kept("calibrated thresholds", None, own, answers))
    return tuple(points)


def worst_errors(answers: Sequence[Answer], most: int) -> tuple[Answer, ...]:
    """Return the wrong answers that were surest, surest first."""
    wrong = [answer for answer in answers if answer.predicted != answer.label]
    return tuple(sorted(wrong, key=lambda answer: (-answer.confidence, answer.photo))[:most])


def _kept(name: str, threshold: float | None, kept: Sequence[Answer], answers: Sequence[Answer]) -> Coverage:
    right = _right(kept)
    accuracy = right / len(kept) if kept else None
    return Coverage(name, threshold, len(kept) / len(answers), accuracy, len(kept) - right)


def _right(answers: Sequence[Answer]) -> int:
    return sum(answer.predicted == answer.label for answer in answers)
