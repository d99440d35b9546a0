"""How sure a measured figure is, from the photos it was measured on.

Guarantees: photos of one group are drawn together, since photos of one object are right or wrong together; equal
answers give equal intervals. A figure that is undefined (a class without a photo) has no interval, and one that is
perfect in every resample is not taken for sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mobile_models.evaluation import Answer

RESAMPLES = 2000
CONFIDENCE = 0.95
Matrices = NDArray[np.int64]
Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class ClassIntervals:
    """None where undefined: no photo of the class, or never predicted."""

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    support: int


@dataclass(frozen=True)
class Intervals:
    """Every figure that follows from a confusion matrix."""

    accuracy: Interval
    per_class: dict[str, ClassIntervals]
    macro: ClassIntervals
    weighted: ClassIntervals
    groups: int
    """So many groups were drawn from; as many as photos where none are known."""


def of_answers(answers: Sequence[Answer], labels: Sequence[str], groups: Sequence[str], seed: int = 0) -> Intervals:
    """Return percentile intervals of the cluster bootstrap (Field and Welsh 2007, Bootstrapping clustered data).

    `groups` names the group of each answer.
    """
    counted = _count_by_group(answers, labels, groups)
    chance = np.random.default_rng(seed)
    drawn = chance.multinomial(len(counted), np.full(len(counted), 1 / len(counted)), size=RESAMPLES)
    flat = counted.reshape(len(counted), -1)
    resampled = (drawn @ flat).reshape(RESAMPLES, len(labels), len(labels))
    return _summarise(counted, resampled, labels)


def of_share(count: int, total: int) -> Interval:
    """Return the share `count` of `total` with its score interval (Wilson 1927)."""
    found = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(count / total, float(found.low), float(found.high))


def _count_by_group(answers: Sequence[Answer], labels: Sequence[str], groups: Sequence[str]) -> Matrices:
    """Return a confusion matrix for each group, int64 [groups, gold label, predicted label]."""
    place = {label: position for position, label in enumerate(labels)}
    row = {group: position for position, group in enumerate(dict.fromkeys(groups))}
    counted = np.zeros((len(row), len(place), len(place)), dtype=np.int64)
    for answer, group in zip(answers, groups, strict=True):
        counted[row[group], place[answer.label], place[answer.predicted]] += 1
    return counted


def _summarise(counted: Matrices, resampled: Matrices, labels: Sequence[str]) -> Intervals:
    # The last axis of each: precision, recall, F1.
    measured, groups = counted.sum(axis=0), len(counted)
    found, spread = _class_figures(measured), _class_figures(resampled)
    support = measured.sum(axis=1)
    own_groups = ((counted.sum(axis=1) + counted.sum(axis=2)) > 0).sum(axis=0)
    per_class = {
        label: _class_intervals(found[place], spread[:, place], int(support[place]), int(own_groups[place]))
        for place, label in enumerate(labels)
    }
    total = int(support.sum())
    return Intervals(
        accuracy=_required(_accuracy(measured), _accuracy(resampled), groups),
        per_class=per_class,
        macro=_class_intervals(_macro(found, measured), _macro(spread, resampled), total, groups),
        weighted=_class_intervals(_weighted(found, measured), _weighted(spread, resampled), total, groups),
        groups=groups,
    )


def _accuracy(matrices: Matrices) -> Figures:
    return np.asarray(np.trace(matrices, axis1=-2, axis2=-1) / matrices.sum(axis=(-2, -1)))


def _class_figures(matrices: Matrices) -> Figures:
    """Return precision, recall and F1 of each class, float64 [..., classes, 3], NaN where undefined."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1).astype(np.float64)
    answered, support = matrices.sum(axis=-2), matrices.sum(axis=-1)
    return np.stack([_share(hits, answered), _share(hits, support), _share(2 * hits, answered + support)], axis=-1)


def _share(part: Figures, whole: Matrices) -> Figures:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _macro(figures: Figures, matrices: Matrices) -> Figures:
    """The mean over the classes that have photos; a class that is never predicted has precision 0."""
    present = matrices.sum(axis=-1)[..., None] > 0
    return np.asarray(np.where(present, np.nan_to_num(figures), 0).sum(axis=-2) / present.sum(axis=-2))


def _weighted(figures: Figures, matrices: Matrices) -> Figures:
    """The mean over the classes, each by its number of photos."""
    support = matrices.sum(axis=-1)[..., None]
    return np.asarray((np.nan_to_num(figures) * support).sum(axis=-2) / support.sum(axis=-2))


def _class_intervals(found: Figures, spread: Figures, support: int, groups: int) -> ClassIntervals:
    precision, recall, f1 = (_interval(found[place], spread[:, place], groups) for place in range(3))
    return ClassIntervals(precision, recall, f1, support)


def _interval(found: Figures, spread: Figures, groups: int) -> Interval | None:
    return None if np.isnan(found) else _required(found, spread, groups)


def _required(found: Figures, spread: Figures, groups: int) -> Interval:
    """The percentile interval; where all resamples agree they tell no spread, and Wilson's for `groups` trials does."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(spread, [tail, 1 - tail])
    if low == high:
        known = of_share(round(float(found) * groups), groups)
        return Interval(float(found), min(known.low, float(found)), max(known.high, float(found)))
    return Interval(float(found), float(low), float(high))
