"""A city of phones that answer and are corrected, day by day, for measuring what a sequential test does.

What makes life hard for such a test is all here: residents differ in how often they correct and in how much they ask,
each of them stays the same for the whole rollout; the rate drifts; phones update late, and those who update soon are
other people than those who do not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from backend.evidence.sequential_test import Block, Evidence, Sample, merge

FIRST_DAY = date(2026, 1, 1)
SMALLEST_BLOCK = 20
MOST_ANSWERS = 20
NEVER = 10_000
Plan = tuple[tuple[int, float], ...]
STEPS: Plan = ((0, 5), (4, 25), (8, 50), (12, 90))


@dataclass(frozen=True)
class City:
    phones: int = 2000
    days: int = 60
    plan: Plan = STEPS
    """From which day on which percentage."""
    worse: float = 0.0
    """How much more often the candidate is corrected, as a fraction."""
    rate: float = 0.10
    spread: float = 0.08
    """Standard deviation of the residents' own rates."""
    drift: float = 0.04
    answers: float = 3.0
    """Of a phone on a day, in the mean; a few ask much more."""
    adopted_daily: float = 0.35
    keen_correct_more: bool = True
    as_treated: bool = False
    """Compare phones that have the candidate with all that do not, instead of the cohort with those outside it."""


def live(city: City, drawn: np.random.Generator) -> list[Block]:
    """Return what the server counts on each day."""
    shape = city.rate * (1 - city.rate) / city.spread**2 - 1
    rates = drawn.beta(city.rate * shape, (1 - city.rate) * shape, city.phones)
    activity = drawn.lognormal(0, 0.8, city.phones) * city.answers / np.exp(0.32)
    place = drawn.random(city.phones) * 100
    keenness = np.clip(rates / city.rate, 0.2, 2.5) if city.keen_correct_more else np.ones(city.phones)
    delay = drawn.geometric(np.clip(city.adopted_daily * keenness, 0.02, 0.95)) - 1
    joined = np.full(city.phones, NEVER)
    blocks = []
    for day in range(city.days):
        percent = [percent for begins, percent in city.plan if begins <= day][-1]
        cohort = place < percent
        joined = np.where(cohort & (joined == NEVER), day, joined)
        has = cohort & (day - joined >= delay)
        answers = np.minimum(drawn.poisson(activity), MOST_ANSWERS)
        today = rates * (1 + city.drift / city.rate * np.sin(day / 7)) + city.worse * has
        corrected = drawn.binomial(answers, np.clip(today, 0, 1))
        blocks.append(_block(day, has if city.as_treated else cohort, has, answers, corrected))
    return blocks


def _block(
    day: int, side: NDArray[np.bool_], has: NDArray[np.bool_], answers: NDArray[np.int_], corrected: NDArray[np.int_]
) -> Block:
    def sample(phones: NDArray[np.bool_]) -> Sample:
        gave = phones & (answers > 0)
        return Sample(int(gave.sum()), int(answers[gave].sum()), int(corrected[gave].sum()))

    exposure = answers[side & has].sum() / max(1, answers[side].sum())
    return Block(FIRST_DAY + timedelta(days=day), sample(side), sample(~side), float(exposure))


Test = Callable[[list[Block]], Evidence]


def share_that_reach(city: City, test: Test, alpha: float, repeats: int, seed: int = 1) -> float:
    """Return how often the test says so at any look in all those days."""
    drawn = np.random.default_rng(seed)
    return float(np.mean([test(merge(live(city, drawn), SMALLEST_BLOCK)).reaches(alpha) for _ in range(repeats)]))


def days_until(city: City, test: Test, alpha: float, repeats: int, seed: int = 1) -> list[int]:
    """Return on which day the test says so, `NEVER` where it does not."""
    drawn = np.random.default_rng(seed)
    return [_day_of(merge(live(city, drawn), SMALLEST_BLOCK), test, alpha) for _ in range(repeats)]


def _day_of(blocks: list[Block], test: Test, alpha: float) -> int:
    """The highest value never falls, so the first look that reaches it is found by halving."""
    if not test(blocks).reaches(alpha):
        return NEVER
    low, high = 1, len(blocks)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(blocks[:middle]).reaches(alpha) else (middle + 1, high)
    return (blocks[low - 1].day - FIRST_DAY).days + 1
