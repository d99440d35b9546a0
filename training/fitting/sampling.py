"""Which photos, or features between them, make an epoch when rare classes are to be seen as often as the largest one.

Guarantees: what is chosen follows from the generator alone. No Keras here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

NEIGHBOURS = 5


def oversample(labels: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
    """Return an order of photos [m] in which each class is as frequent as the largest one.

    Photos are repeated as evenly as that goes: none comes a third time before all of its class came twice.
    """
    largest = max(np.bincount(labels))
    order = [_repeated(np.flatnonzero(labels == label), largest, chance) for label in np.unique(labels)]
    return chance.permutation(np.concatenate(order))


def _repeated(members: NDArray[np.int64], count: int, chance: np.random.Generator) -> NDArray[np.int64]:
    rounds = [chance.permutation(members) for _ in range(-(-count // len(members)))]
    return np.concatenate(rounds)[:count]


def smote(
    features: NDArray[Any], labels: NDArray[np.int64], chance: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return `features` [n, d] and `labels` with new ones behind them, until all classes are as frequent.

    A new one lies at a random place between one of its class and one of its five nearest neighbours of that class:
    Chawla et al. 2002, arXiv:1106.1813. A class with one photo only is repeated.
    """
    largest = max(np.bincount(labels))
    new_features, new_labels = [features], [labels]
    for label in np.unique(labels):
        members = features[labels == label]
        missing = int(largest - len(members))
        new_features.append(_between(members, missing, chance))
        new_labels.append(np.full(missing, label))
    return np.concatenate(new_features), np.concatenate(new_labels)


def _between(members: NDArray[Any], count: int, chance: np.random.Generator) -> NDArray[Any]:
    neighbours = min(NEIGHBOURS, len(members) - 1)
    own = chance.integers(len(members), size=count)
    if not neighbours or not count:
        return members[own]
    _, nearest = KDTree(members).query(members[own], k=np.arange(2, neighbours + 2))  # The nearest is itself.
    others = nearest[np.arange(count), chance.integers(neighbours, size=count)]
    places = chance.random((count, 1))
    between: NDArray[Any] = (members[own] + places * (members[others] - members[own])).astype(members.dtype)
    return between
