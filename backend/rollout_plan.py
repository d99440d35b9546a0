"""The plan of a rollout: at which shares of the phones it stays, and for how long at least.

Guarantees: a plan has at least one step and its shares only grow. A plan that ends below 100 % stays at its last step
until people widen it. As text: `5:24, 25:24, 100`, which is 5 % for 24 hours, then 25 % for 24 hours, then everybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

EVERYBODY_PERCENT = 100.0
MOST_STEPS = 20
MOST_HOURS = 24.0 * 365


class BadPlan(ValueError):
    """What was given is no plan; the message says why, in words for whoever wrote it."""


@dataclass(frozen=True)
class Step:
    percent: float
    hours: float = 0.0
    """How long to stay at this share at least."""

    def __str__(self) -> str:
        return f"{self.percent:g}:{self.hours:g}" if self.hours else f"{self.percent:g}"


@dataclass(frozen=True)
class RolloutPlan:
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise BadPlan(f"A plan has 1 to {MOST_STEPS} steps, such as '5:24, 25:24, 100'.")
        for step in self.steps:
            if not 0.01 <= step.percent <= EVERYBODY_PERCENT or not 0 <= step.hours <= MOST_HOURS:
                raise BadPlan(f"The step {step} must be 0.01 to 100 percent for 0 to {MOST_HOURS:g} hours.")
        if any(later.percent <= earlier.percent for earlier, later in pairwise(self.steps)):
            raise BadPlan("Each step of a plan must be wider than the one before.")

    @classmethod
    def parse(cls, text: str) -> "RolloutPlan":
        return cls(tuple(_step(part) for part in text.split(",") if part.strip()))

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, float]]) -> "RolloutPlan":
        """Read what `rows` wrote."""
        return cls(tuple(Step(row["percent"], row["hours"]) for row in rows))

    def rows(self) -> list[dict[str, float]]:
        return [{"percent": step.percent, "hours": step.hours} for step in self.steps]

    def starting_at(self, percent: float) -> "RolloutPlan":
        """Begin at `percent` instead, for as long as the step there or before asks, then go on as planned."""
        wider = tuple(step for step in self.steps if step.percent > percent)
        hours = self.stay(percent) or (timedelta(hours=self.steps[0].hours) if wider else timedelta())
        return RolloutPlan((Step(percent, hours / timedelta(hours=1)), *wider))

    def stay(self, percent: float) -> timedelta:
        """How long a rollout stays at `percent`: as long as the widest step that it has reached asks."""
        reached = [step for step in self.steps if step.percent <= percent]
        return timedelta(hours=reached[-1].hours if reached else 0)

    def next_percent(self, percent: float) -> float | None:
        return next((step.percent for step in self.steps if step.percent > percent), None)

    def __str__(self) -> str:
        return ", ".join(map(str, self.steps))


def _step(text: str) -> Step:
    percent, _, hours = text.partition(":")
    try:
        return Step(float(percent), float(hours or 0))
    except ValueError:
        raise BadPlan(f"'{text.strip()}' is no step of a plan; write PERCENT or PERCENT:HOURS.") from None
