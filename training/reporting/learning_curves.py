"""Learning curves: what each stage of a fit reached, and how far training ran ahead of validation.

Guarantees: stages are told apart by what the history says; the gap is that of the epoch which was kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.fitting.checkpoints import Epoch, History
from training.recipe import Recipe

WIDE_GAP = 0.1
"""Of accuracy, from which training has run ahead of what it learnt (the reference paper: about 0.90 against 0.80)."""


@dataclass(frozen=True)
class StageCurve:
    """Epochs count from 1 over all stages."""

    name: str
    first: int
    last: int
    kept: int
    """The epoch whose weights went on: the best one on validation."""
    accuracy: float
    val_accuracy: float
    loss: float
    val_loss: float

    @property
    def gap(self) -> float:
        """Accuracy on train less accuracy on validation, in the kept epoch."""
        return self.accuracy - self.val_accuracy

    def words(self) -> str:
        return (
            f"Stage {self.name}, epochs {self.first} to {self.last}, kept {self.kept}: train {self.accuracy:.3f}, "
            f"validation {self.val_accuracy:.3f}, gap {self.gap:+.3f}{self._verdict()}."
        )

    def _verdict(self) -> str:
        if self.gap > WIDE_GAP:
            return ": it fits the photos it learns from better than new ones"
        if self.gap < -WIDE_GAP:
            return ": the changes of the training photos make them harder than validation"
        return ""


def stages(history: History, recipe: Recipe | None) -> tuple[StageCurve, ...]:
    """Return one curve for each stage in which an epoch was trained."""
    found = []
    first = 0
    for position in sorted({epoch.stage for epoch in history.epochs}):
        own = [epoch for epoch in history.epochs if epoch.stage == position]
        found.append(_stage(own, first, _name(own[0], recipe), recipe))
        first += len(own)
    return tuple(found)


def _stage(own: Sequence[Epoch], first: int, name: str, recipe: Recipe | None) -> StageCurve:
    by_accuracy = recipe is None or recipe.monitor == "accuracy"
    kept = max(range(len(own)), key=lambda at: own[at].val_accuracy if by_accuracy else -own[at].val_loss)
    best = own[kept]
    return StageCurve(
        name=name,
        first=first + 1,
        last=first + len(own),
        kept=first + kept + 1,
        accuracy=best.accuracy,
        val_accuracy=best.val_accuracy,
        loss=best.loss,
        val_loss=best.val_loss,
    )


def _name(epoch: Epoch, recipe: Recipe | None) -> str:
    if epoch.name:
        return epoch.name
    known = recipe is not None and epoch.stage < len(recipe.stages)
    return recipe.stages[epoch.stage].name if recipe is not None and known else f"{epoch.stage + 1}"
