"""Temperature and thresholds, both fitted on the validation split."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mobile_models.classifier import softmax

UNSURE_COST = 0.5
"""Of an answer "unsure", where a wrong answer costs 1: better silent than more often wrong than right."""

LOWEST_THRESHOLD, HIGHEST_THRESHOLD = 0.4, 0.6
"""With calibrated scores 1 - `UNSURE_COST` is best for every label. A label has only tens of validation photos, so they
may move its threshold by no more than this."""


def temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the temperature of least negative log-likelihood of logits [n, k] (Guo et al. 2017, arXiv:1706.04599)."""

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        return float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-12).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded").x))


def thresholds(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> list[float]:
    """Return a threshold for each label from logits [n, k] of the validation split."""
    probabilities = softmax(logits, temperature)
    predicted = probabilities.argmax(axis=1)
    return [
        threshold(probabilities[predicted == label, label], labels[predicted == label] == label)
        for label in range(probabilities.shape[1])
    ]


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


def expected_calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins (Naeini et al. 2015)."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == each].sum() - right[which == each].sum())
        for each in range(bins)
        if (which == each).any()
    ]
    return float(sum(gaps) / len(confidence))
