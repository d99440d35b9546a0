"""When to learn how fast, and when to stop: pure functions of what validation said so far in a stage.

Guarantees: the same history gives the same answer, so a resumed run goes on as an unbroken one would have.
`history` holds one score per finished epoch of the stage; higher is better.
"""

import math
from collections.abc import Sequence

from training.recipe_parts import Schedule, Stage


def learning_rate(stage: Stage, history: Sequence[float]) -> float:
    """Return the learning rate of the next epoch.

    Cosine: Loshchilov and Hutter 2017, arXiv:1608.03983, one half period, a step per epoch. Plateau: as Keras'
    ReduceLROnPlateau, divided after `plateau_patience` epochs without a better one, then patient again.
    """
    epoch = len(history)
    if epoch < stage.warmup_epochs:
        return stage.learning_rate / 3
    if stage.schedule is Schedule.COSINE:
        progress = (epoch - stage.warmup_epochs + 0.5) / (stage.epochs - stage.warmup_epochs)
        return stage.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
    if stage.schedule is Schedule.PLATEAU:
        reduced = stage.learning_rate * stage.plateau_factor ** _plateaus(history, stage.plateau_patience)
        return max(reduced, stage.minimum_learning_rate)
    return stage.learning_rate


def is_over(stage: Stage, history: Sequence[float]) -> bool:
    """Whether all epochs are done, or `stop_patience` of them brought nothing better."""
    if len(history) >= stage.epochs:
        return True
    return stage.stop_patience is not None and len(history) - 1 - best_epoch(history) >= stage.stop_patience


def best_epoch(history: Sequence[float]) -> int:
    """Position of the best score, the first of equals; -1 before the first epoch."""
    return max(range(len(history)), key=history.__getitem__) if history else -1


def _plateaus(history: Sequence[float], patience: int) -> int:
    best, waited, plateaus = -math.inf, 0, 0
    for score in history:
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == patience:
            plateaus, waited = plateaus + 1, 0
    return plateaus
