"""Models beside each other: which is better, on the same photos, and how sure that is.

Guarantees: differences are paired, photo by photo, and only where both answered for the same photos with the same gold
labels; where they did not, that is said in their place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mobile_models.evaluation import Answer
from training.evaluation.measured_model import MeasuredModel

RESAMPLES = 2000


@dataclass(frozen=True)
class Paired:
    """How often only one of two models was right; `what` is "all photos" or the photos of one label."""

    what: str
    photos: int
    only_first: int
    only_second: int
    p_value: float
    """Two-sided exact McNemar test (McNemar 1947): of such a difference, if both were equally good."""

    @property
    def difference(self) -> float:
        """Accuracy of the second less that of the first."""
        return (self.only_second - self.only_first) / self.photos if self.photos else 0.0


@dataclass(frozen=True)
class Pairing:
    """A model against the first one. `refusal` says why they cannot be paired, if they cannot."""

    first: str
    second: str
    overall: Paired | None = None
    low: float = 0.0
    high: float = 0.0
    """95 % interval of the difference, photos of one group drawn together."""
    per_class: tuple[Paired, ...] = ()
    refusal: str = ""

    def words(self) -> str:
        if self.overall is None:
            return f"{self.second} against {self.first}: {self.refusal}."
        paired = self.overall
        sure = "a difference that chance does not explain" if paired.p_value < 0.05 else "no sure difference"
        return (
            f"{self.second} against {self.first}: {paired.difference:+.4f} accuracy on the same {paired.photos} photos "
            f"({self.low:+.4f} to {self.high:+.4f}); {paired.only_second} only {self.second} got right, "
            f"{paired.only_first} only {self.first}; p = {paired.p_value:.4f}: {sure}."
        )


def of_models(models: Sequence[MeasuredModel]) -> tuple[Pairing, ...]:
    """Pair each model after the first with the first."""
    first, *others = models
    return tuple(_pair(first, other) for other in others)


def _pair(first: MeasuredModel, second: MeasuredModel) -> Pairing:
    if first.report.holdout != second.report.holdout:
        refusal = "they were measured on different photos, so their figures cannot be compared; measure both on one set"
        return Pairing(first.name, second.name, refusal=refusal)
    pairs = _pairs(first.report.answers, second.report.answers)
    if len(pairs) < max(len(first.report.answers), len(second.report.answers)):
        refusal = f"they share {len(pairs)} answers only, since one does not know all labels"
        return Pairing(first.name, second.name, refusal=refusal)
    group_of = dict(zip((answer.photo for answer in first.report.answers), first.groups, strict=True))
    low, high = _interval(pairs, [group_of[one.photo] for one, _ in pairs])
    labels = sorted({one.label for one, _ in pairs}, key=first.report.label_set.index)
    return Pairing(
        first=first.name,
        second=second.name,
        overall=_paired("all photos", pairs),
        low=low,
        high=high,
        per_class=tuple(_paired(label, [pair for pair in pairs if pair[0].label == label]) for label in labels),
    )


def _pairs(first: Sequence[Answer], second: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    theirs = {(answer.photo, answer.label): answer for answer in second}
    return [(answer, theirs[answer.photo, answer.label]) for answer in first if (answer.photo, answer.label) in theirs]


def _paired(what: str, pairs: Sequence[tuple[Answer, Answer]]) -> Paired:
    right = [(one.predicted == one.label, other.predicted == other.label) for one, other in pairs]
    lost = sum(one and not other for one, other in right)
    won = sum(other and not one for one, other in right)
    p_value = float(binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0
    return Paired(what, len(pairs), lost, won, p_value)


def _interval(pairs: Sequence[tuple[Answer, Answer]], groups: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of the difference in accuracy by the cluster bootstrap."""
    rows = {group: row for row, group in enumerate(dict.fromkeys(groups))}
    won: NDArray[np.int64] = np.zeros(len(rows), dtype=np.int64)
    size = np.zeros_like(won)
    for (one, other), group in zip(pairs, groups, strict=True):
        won[rows[group]] += int(other.predicted == other.label) - int(one.predicted == one.label)
        size[rows[group]] += 1
    drawn = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=RESAMPLES)
    low, high = np.quantile((drawn @ won) / (drawn @ size), [0.025, 0.975])
    return float(low), float(high)
