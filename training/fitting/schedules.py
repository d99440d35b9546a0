"""When to learn how fast, and when to stop: pure functions of what validation said so far in a stage.

Guarantees: the same history gives the same answer, so a resumed run goes on as an unbroken one would have.
`history` holds one score per finished epoch of the stage; higher is better.
"""

import math
from collections.abc import Sequence

import numpy as np

from training.recipe_parts import Schedule, Stage


def learning_rate(stage: Stage, history: Sequence[float]) -> float:
    """Return the learning rate of the next epoch.

    Cosine: Loshchilov and Hutter 2017, arXiv:1608.03983, one half period, a step per epoch. Plateau: as Keras'
    ReduceLROnPlateau, divided after `plateau_patience` epochs without a better one, then patient again. One cycle:
    Smith and Topin 2019, arXiv:1708.07120, in straight lines from a 25th of the rate.
    """
    epoch = len(history)
    if epoch < stage.warmup_epochs:
        return stage.learning_rate / 3
    if stage.schedule is Schedule.CONSTANT:
        return stage.learning_rate
    return _SHAPES[stage.schedule](stage, history)


def _cosine(stage: Stage, history: Sequence[float]) -> float:
    return stage.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * _progress(stage, history))) / 2)


def _plateau(stage: Stage, history: Sequence[float]) -> float:
    reduced = stage.learning_rate * stage.plateau_factor ** _plateaus(history, stage.plateau_patience)
    return max(reduced, stage.minimum_learning_rate)


def _exponential(stage: Stage, history: Sequence[float]) -> float:
    steps = (len(history) - stage.warmup_epochs) // stage.decay_every_epochs
    return max(stage.learning_rate * stage.decay_factor**steps, stage.minimum_learning_rate)


def _one_cycle(stage: Stage, history: Sequence[float]) -> float:
    progress = _progress(stage, history)
    return stage.learning_rate * float(np.interp(progress, (0, 0.3, 1), (0.04, 1, 0.01)))


_SHAPES = {
    Schedule.COSINE: _cosine,
    Schedule.PLATEAU: _plateau,
    Schedule.EXPONENTIAL: _exponential,
    Schedule.ONE_CYCLE: _one_cycle,
}


def is_over(stage: Stage, history: Sequence[float]) -> bool:
    """Whether all epochs are done, or `stop_patience` of them brought nothing better by `stop_minimum_change`."""
    if len(history) >= stage.epochs:
        return True
    return stage.stop_patience is not None and _waited(history, stage.stop_minimum_change) >= stage.stop_patience


def best_epoch(history: Sequence[float]) -> int:
    """Position of the best score, the first of equals; -1 before the first epoch."""
    return max(range(len(history)), key=history.__getitem__) if history else -1


def _progress(stage: Stage, history: Sequence[float]) -> float:
    """The middle of the next epoch, as a share of those after the warm-up."""
    return (len(history) - stage.warmup_epochs + 0.5) / (stage.epochs - stage.warmup_epochs)


def _waited(history: Sequence[float], minimum_change: float) -> int:
    """Epochs since one that was better by more than `minimum_change` than the last such one."""
    best, waited = -math.inf, 0
    for score in history:
        better = score > best + minimum_change
        best, waited = (score, 0) if better else (best, waited + 1)
    return waited


def _plateaus(history: Sequence[float], patience: int) -> int:
    best, waited, plateaus = -math.inf, 0, 0
    for score in history:
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == patience:
            plateaus, waited = plateaus + 1, 0
    return plateaus
