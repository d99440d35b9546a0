"""Why the gate decided as it did, in figures: what differs from the champion, which floors are missed, what was lost.

Guarantees: it follows from the reports and the gate's own p-values, photo by photo and never from a sentence; whoever
shows it puts it into the words of a language.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mobile_models.evaluation import Blessing, EvaluationReport, GatePolicy

OVERALL = "overall"
_RECALL, _PRECISION = "recall of ", "precision of "
Floor = Literal["photos", "recall", "precision"]
Lost = Literal["overall", "recall", "precision"]


@dataclass(frozen=True)
class Change:
    """Photos of one label (`label` is `OVERALL` for all), by who got them right."""

    label: str
    photos: int
    right: int
    right_before: int
    won: int
    """Right now, wrong before."""
    lost: int

    @property
    def net(self) -> int:
        return self.right - self.right_before


@dataclass(frozen=True)
class MissedFloor:
    floor: Floor
    label: str
    found: float
    needed: float


@dataclass(frozen=True)
class Loss:
    """What is worse than chance explains."""

    of: Lost
    label: str
    p_value: float


@dataclass(frozen=True)
class VerdictFigures:
    overall: Change | None
    """None: there was no champion, or not on the same photos."""
    changes: tuple[Change, ...]
    floors: tuple[MissedFloor, ...]
    losses: tuple[Loss, ...]
    float_operators: tuple[str, ...]
    comparable: bool
    """False: the champion was measured on other photos."""


def of(
    challenger: EvaluationReport, champion: EvaluationReport | None, blessing: Blessing, policy: GatePolicy
) -> VerdictFigures:
    comparable = champion is None or champion.holdout == challenger.holdout
    beside = champion if comparable else None
    return VerdictFigures(
        overall=None if beside is None else _change(OVERALL, challenger, beside),
        changes=() if beside is None else tuple(_change(label, challenger, beside) for label in beside.label_set.ids),
        floors=tuple(_missed(challenger, policy)),
        losses=tuple(_losses(blessing, policy)),
        float_operators=challenger.float_operators,
        comparable=comparable,
    )


def _change(label: str, challenger: EvaluationReport, champion: EvaluationReport) -> Change:
    known = champion.label_set.ids if label == OVERALL else (label,)
    before = {answer.photo: answer.predicted == answer.label for answer in champion.answers if answer.label in known}
    now = {answer.photo: answer.predicted == answer.label for answer in challenger.answers if answer.photo in before}
    return Change(
        label=label,
        photos=len(now),
        right=sum(now.values()),
        right_before=sum(before[photo] for photo in now),
        won=sum(right and not before[photo] for photo, right in now.items()),
        lost=sum(before[photo] and not right for photo, right in now.items()),
    )


def _missed(report: EvaluationReport, policy: GatePolicy) -> Iterator[MissedFloor]:
    for label in report.label_set.ids:
        metrics = report.per_class.get(label)
        photos = 0 if metrics is None else metrics.support
        if metrics is None or photos < policy.minimum_photos_per_class:
            yield MissedFloor("photos", label, photos, policy.minimum_photos_per_class)
            continue
        if metrics.recall < policy.minimum_recall:
            yield MissedFloor("recall", label, metrics.recall, policy.minimum_recall)
        if metrics.precision < policy.minimum_precision:
            yield MissedFloor("precision", label, metrics.precision, policy.minimum_precision)


def _losses(blessing: Blessing, policy: GatePolicy) -> Iterator[Loss]:
    for name, p_value in blessing.p_values.items():
        if p_value >= policy.alpha:
            continue
        if name.startswith(_RECALL):
            yield Loss("recall", name.removeprefix(_RECALL), p_value)
        elif name.startswith(_PRECISION):
            yield Loss("precision", name.removeprefix(_PRECISION), p_value)
        else:
            yield Loss("overall", OVERALL, p_value)
