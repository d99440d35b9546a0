"""Temperature and thresholds, both fitted on the validation split.

Guarantees: no threshold is below the one of least cost; above that, a label's answers reach the stated precision as far
as the validation split can tell, or the label is named as one that does not reach it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from mobile_models.classifier import softmax
from mobile_models.evaluation import ThresholdFit

UNSURE_COST = 0.5
"""Of an answer "unsure", where a wrong answer costs 1: better silent than more often wrong than right."""

LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.4, 0.6
"""With calibrated scores 1 - `UNSURE_COST` is best for every label. A label has only tens of validation photos, so cost
may move its threshold by no more than this."""

STRICTEST_THRESHOLD = 0.95

BELIEF = 20
"""The calibrated scores count like so many validation photos of a label. docs/training-log.md compares it with
believing the photos alone, which swings more, and with demanding a lower bound, which tens of photos can hardly give.
"""

LEAST_KEPT = 0.5
"""A label that is unsure more often than this helps nobody, so no precision is bought at that price."""


@dataclass(frozen=True)
class Calibration:
    """What was fitted on the validation split: one entry of `fits` for each label, in the order of the logits."""

    temperature: float
    fits: tuple[ThresholdFit, ...]


def calibrate(logits: NDArray[np.float32], labels: NDArray[np.int64], target_precision: float) -> Calibration:
    """Fit temperature and thresholds to logits [n, k] and gold positions [n] of the validation split."""
    fitted = temperature(logits, labels)
    probabilities = softmax(logits, fitted)
    predicted = probabilities.argmax(axis=1)
    fits = (
        fit_threshold(probabilities[predicted == label, label], labels[predicted == label] == label, target_precision)
        for label in range(probabilities.shape[1])
    )
    return Calibration(fitted, tuple(fits))


def temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature of least negative log-likelihood of logits [n, k] (Guo et al. 2017, arXiv:1706.04599)."""

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        return float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-12).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded").x))


def threshold(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the threshold of least cost (Chow 1970, On optimum recognition error and reject tradeoff).

    `scores` [n] are those of the predicted label, `right` [n] says which were true. Of equal costs the threshold
    nearest to 1 - `UNSURE_COST` is taken.
    """
    candidates = np.linspace(LOWEST_THRESHOLD, HIGHEST_THRESHOLD, 41)
    kept = scores[:, None] >= candidates
    cost = (kept & ~right[:, None]).sum(axis=0) + UNSURE_COST * (~kept).sum(axis=0)
    distance = np.abs(candidates - (1 - UNSURE_COST))
    return round(float(candidates[np.lexsort((distance, cost))[0]]), 4)


def fit_threshold(scores: NDArray[np.float64], right: NDArray[np.bool_], target: float) -> ThresholdFit:
    """Return the lowest threshold that costs least and reaches the precision `target`.

    `scores` [n] are those of the predicted label, `right` [n] says which were true. Where no threshold reaches it and
    still keeps `LEAST_KEPT` of the answers, the one of highest precision that keeps them is taken.
    """
    floor = threshold(scores, right)
    tried = [_fit(scores, right, candidate, target) for candidate in _candidates(floor)]
    useful = [fit for fit in tried if fit.kept >= LEAST_KEPT] or tried[:1]
    reaching = [fit for fit in useful if fit.reached]
    return reaching[0] if reaching else max(useful, key=lambda fit: fit.precision)


def _candidates(floor: float) -> Sequence[float]:
    steps = np.arange(round(floor * 100) + 1, round(STRICTEST_THRESHOLD * 100) + 1) / 100
    return [floor, *map(float, steps)]


def _fit(scores: NDArray[np.float64], right: NDArray[np.bool_], candidate: float, target: float) -> ThresholdFit:
    kept = scores >= candidate
    answers, hits = int(kept.sum()), int(right[kept].sum())
    believed = float(scores[kept].mean()) if answers else 0.0
    precision = (hits + BELIEF * believed) / (answers + BELIEF)
    return ThresholdFit(
        threshold=candidate,
        precision=precision,
        lower_bound=float(beta.ppf(0.05, hits, answers - hits + 1)) if hits else 0.0,
        answers=answers,
        kept=answers / len(scores) if len(scores) else 0.0,
        reached=precision >= target,
    )


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins (Naeini et al. 2015)."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == each].sum() - right[which == each].sum())
        for each in range(bins)
        if (which == each).any()
    ]
    return float(sum(gaps) / len(confidence))
