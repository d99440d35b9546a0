"""The batches of one epoch.

Guarantees: a batch follows from (seed, stage, epoch) and its own number alone, whatever was trained before and in
whichever process it is made. Pictures stay uint8, as a phone feeds them; the model casts. No Keras here, so that
loading processes start quickly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.feature_cache.feature_store import Rows
from training.fitting import augment
from training.fitting.mixing import Mixing
from training.recipe_parts import Augmentation

Inputs = NDArray[Any] | Rows
"""Photos or features by position; what they give for positions is an array."""
Batch = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]
_MIX = 1  # The generator that mixes is another one than that of the views.


@dataclass(frozen=True)
class Changes:
    """What happens to photos on their way into a batch."""

    augmentation: Augmentation = field(default_factory=Augmentation)
    mixing: Mixing = field(default_factory=Mixing)


class Batches(Sequence[Batch]):
    """(inputs [b, ...], targets float32 [b, k], weights float32 [b]) by number.

    Photos that do not fill a last batch wait for another epoch's order, since batch norm suffers from tiny batches.
    """

    def __init__(
        self,
        inputs: Inputs,
        labels: NDArray[np.int64],
        class_weights: NDArray[np.float64],
        batch_size: int,
        seed: tuple[int, ...],
        changes: Changes | None = None,
        order: NDArray[np.int64] | None = None,
    ) -> None:
        """`inputs`: uint8 [n, height, width, 3] photos, or features; `order`: those of the epoch, all if not given."""
        self._inputs, self._labels, self._weights = inputs, labels, class_weights
        self._size, self._seed, self._changes = batch_size, seed, changes or Changes()
        self._order = np.random.default_rng(seed).permutation(len(labels)) if order is None else order

    def __len__(self) -> int:
        return max(1, len(self._order) // self._size)

    def __getitem__(self, index: Any) -> Any:
        """Return the batch with that number, of type `Batch`."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        chosen = self._order[index * self._size : (index + 1) * self._size]
        targets = np.eye(len(self._weights), dtype=np.float32)[self._labels[chosen]]
        chance = np.random.default_rng((*self._seed, index, _MIX))
        inputs, targets = self._changes.mixing.mix(self._views(chosen, index), targets, chance)
        return inputs, *_weighted(targets, self._weights)

    def _views(self, chosen: NDArray[np.int64], index: int) -> NDArray[Any]:
        recipe = self._changes.augmentation
        if recipe.changes_nothing:
            return np.asarray(self._inputs[chosen])
        chance = np.random.default_rng((*self._seed, index))
        return np.stack([np.rint(augment.view(self._inputs[i], recipe, chance)) for i in chosen]).astype(np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_inputs": on_file(self._inputs)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"_inputs": from_file(state["_inputs"])})


def on_file(values: Inputs) -> Inputs | Path:
    """Return how an array travels to another process: one that lies whole in a file, as the name of that."""
    if isinstance(values, np.memmap) and isinstance(values.base, mmap) and values.filename is not None:
        return Path(values.filename)
    return values


def from_file(values: Inputs | Path) -> Inputs:
    return np.load(values, mmap_mode="r") if isinstance(values, Path) else values


def _weighted(
    targets: NDArray[np.float32], class_weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return targets [b, k] and weights [b] whose cross-entropy is sum_j w_j t_j (-log p_j), for mixed t as well.

    The weight of a class goes with its share of a mixed photo, so the targets move towards the class that weighs more.
    """
    shares = targets * class_weights.astype(np.float32)
    weights = shares.sum(axis=1)
    normalised: NDArray[np.float32] = shares / weights[:, np.newaxis]
    return normalised, weights
