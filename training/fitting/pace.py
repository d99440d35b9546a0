"""How fast a fit goes: how long it waits for batches, and how long it will take.

Guarantees: waiting is what training really waited, not how long a batch took to make beside it.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import keras

from training.fitting.batches import Batch
from training.fitting.checkpoints import Epoch
from training.recipe_parts import Stage


class Waiting(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types.
    """The seconds between the end of a step, or the beginning, and the moment at which the next batch is there."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._ready: deque[float] = deque()
        self._free_since = time.monotonic()

    def watch(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._ready.append(time.monotonic())
            yield batch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        del batch
        if logs:
            float(logs["loss"])  # The device has finished the step only when its loss can be read.
        self.seconds += max(0.0, self._ready.popleft() - self._free_since)
        self._free_since = time.monotonic()


def seconds_left(
    stages: Sequence[Stage], layers: int, epochs: Sequence[Epoch], forward_seconds: float | None
) -> float | None:
    """Return about how long the epochs that are not done will take, if no stage stops early; None while unknown.

    `forward_seconds`: of one pass of all photos through the backbone of `layers` layers, if measured. A stage that has
    not begun is judged by it, or by an earlier stage: a step costs one forward pass and, for the share of the layers
    that learn, twice that backward.
    """
    current = epochs[-1].stage if epochs else 0
    measured = {
        number: median(each.seconds for each in epochs if each.stage == number) for number in {e.stage for e in epochs}
    }
    passes = [
        seconds / _cost(stages[number], layers) for number, seconds in measured.items() if _cost(stages[number], layers)
    ]
    forward = passes[-1] if passes else forward_seconds
    total = 0.0
    for number in range(current, len(stages)):
        stage, done = stages[number], sum(each.stage == number for each in epochs)
        if number in measured:
            total += measured[number] * (stage.epochs - done)
        elif forward is None:
            return None
        else:
            total += forward * (_views(stage) + _cost(stage, layers) * stage.epochs)
    return total


def _views(stage: Stage) -> int:
    """Forward passes that make the features which a stage keeps."""
    return max(1, stage.cached_views * stage.augment) if stage.keeps_features else 0


def _cost(stage: Stage, layers: int) -> float:
    """Forward passes through the backbone that an epoch costs; 0: only the head learns, on kept features."""
    learning = min(1.0, stage.trainable_layers / layers or stage.trainable_groups / 5)
    return 3 * learning if stage.keeps_features else 1 + 2 * learning
