"""Photos whose label is probably wrong: by confident learning, and by look-alikes that are called something else.

Guarantees: a photo is doubted on probabilities of a model that was not fitted to its label, and the least likely labels
come first. Nothing is corrected here; people look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from training.data import splits
from training.data.splits import SplitItem

FOLDS = 5
PENALTY = 1.0
"""Of the squared weights in `out_of_sample`, where the first component has unit variance."""
COMPONENTS = 256
"""Of the embeddings, that carry nearly all that a linear head reads from them, in a fifth of the time."""
BLOCK = 512
ALIKE = 0.995
"""Cosine of two embeddings from which two photos show the same thing in the same way."""


@dataclass(frozen=True)
class Doubt:
    """A photo, by its place, whose label is probably wrong."""

    place: int
    suggested: int
    margin: float
    """Probability of the label less that of the suggested one: -1 is the surest error."""


@dataclass(frozen=True)
class Pair:
    """Two photos, by their places, that look the same and carry different labels."""

    first: int
    second: int
    similarity: float


def doubts(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> list[Doubt]:
    """Return the photos off the diagonal of the confident joint, surest error first.

    Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): a photo counts as class j if its
    probability [n, k] of j reaches the mean over the photos labelled j; of several such classes, the likeliest.
    """
    own = probabilities[np.arange(len(labels)), labels]
    confident = probabilities >= _thresholds(own, labels, probabilities.shape[1])
    likeliest = np.where(confident, probabilities, -1).argmax(axis=1)
    doubted = np.flatnonzero(confident.any(axis=1) & (likeliest != labels))
    margins = own[doubted] - probabilities[doubted, likeliest[doubted]]
    order = np.argsort(margins, kind="stable")
    return [Doubt(int(doubted[at]), int(likeliest[doubted[at]]), float(margins[at])) for at in order]


def look_alikes(embedding: NDArray[np.float32], labels: NDArray[np.int64], alike: float = ALIKE) -> list[Pair]:
    """Return pairs of different labels whose embeddings [n, e] have a cosine of `alike` or more, most alike first."""
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    unit = embedding / np.maximum(lengths, np.finfo(np.float32).tiny)
    pairs = []
    for start in range(0, len(unit), BLOCK):
        cosines = unit[start : start + BLOCK] @ unit.T
        near = (cosines >= alike) & (labels[start : start + BLOCK, None] != labels)
        for row, other in np.argwhere(near):
            if start + row < other:
                pairs.append(Pair(int(start + row), int(other), min(1.0, float(cosines[row, other]))))
    return sorted(pairs, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def out_of_sample(
    embedding: NDArray[np.float32], labels: NDArray[np.int64], groups: Sequence[str], label_count: int, seed: int = 0
) -> NDArray[np.float64]:
    """Return probabilities [n, label_count] of photos by heads on embeddings [n, e] fitted without their groups.

    Raise `DataError` where a label has fewer than two groups. Multinomial logistic regression, cross-validated.
    """
    items = [SplitItem(str(place), str(labels[place]), group) for place, group in enumerate(groups)]
    assigned = splits.fold_groups(items, _folds(items), seed)
    folds = np.array([assigned[item.photo] for item in items])
    features = _principal(embedding)
    answers = np.zeros((len(labels), label_count))
    for fold in np.unique(folds):
        own = folds == fold
        weights = _fit_head(features[~own], labels[~own], label_count)
        answers[own] = softmax(_with_bias(features[own]) @ weights, axis=1)
    return answers


def _thresholds(own: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The mean probability of each class over its own photos; out of reach for a class without photos."""
    return np.array([own[labels == label].mean() if (labels == label).any() else np.inf for label in range(classes)])


def _folds(items: Sequence[SplitItem]) -> int:
    groups = {label: {item.group for item in items if item.label == label} for label in {item.label for item in items}}
    return max(2, min(FOLDS, *map(len, groups.values()))) if len(groups) > 1 else 2


def _principal(embedding: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first principal components of the standardised embeddings, scaled to a unit variance of the first."""
    spread = embedding.std(axis=0)
    features = (embedding - embedding.mean(axis=0)) / np.where(spread > 0, spread, 1)
    _, directions = np.linalg.eigh(features.T @ features)
    components = features @ directions[:, ::-1][:, :COMPONENTS]
    return np.asarray(components / max(float(components[:, 0].std()), 1e-9), dtype=np.float64)


def _fit_head(features: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return the weights [e + 1, classes] of a multinomial logistic regression; the last row is the bias."""
    inputs, known, penalty = _with_bias(features), np.eye(classes)[labels], PENALTY / len(features)
    shape = (inputs.shape[1], classes)

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        logits = inputs @ weights
        likelihood = (known * logits).sum(axis=1) - logsumexp(logits, axis=1)
        gradient = inputs.T @ (np.exp(logits - logsumexp(logits, axis=1, keepdims=True)) - known) / len(inputs)
        gradient[:-1] += penalty * weights[:-1]
        return float(penalty * (weights[:-1] ** 2).sum() / 2 - likelihood.mean()), gradient.ravel()

    found = minimize(cost, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(found.x).reshape(shape)


def _with_bias(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([features, np.ones(len(features))])
