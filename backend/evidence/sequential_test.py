"""Tests that may be looked at every day: how sure is it by now that a candidate does harm, or that it does none?

Guarantees: pure. Each function returns evidence as an e-value: under its null hypothesis the chance that it ever
reaches 1/alpha, at any of any number of looks, is at most alpha (Ville's inequality: Ville 1939; Shafer and Vovk 2019,
chapter 2; Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 38(4)). So 1 / (highest e-value so far) is a p-value that is valid whenever one stops.

**Two arms.** Answers of the cohort and of everybody else, from one day, are a 2x2 table of corrected and not corrected.
Blocks of such tables multiply to a test martingale, as in Turner, Ly and Grünwald 2024, "Generic E-variables for exact
sequential k-sample tests that allow for optional stopping" (J. Statistical Planning and Inference 230). Here the
e-value of a block is the likelihood ratio of two odds ratios *given the margins of the table*: given how many were
corrected in all, those of the cohort follow Fisher's noncentral hypergeometric distribution (Fisher 1935, "The logic
of inductive inference"), in which the rate of the day does not occur. So rates may drift from day to day and adoption
may change as it likes: each block has a rate of its own, and none has to be estimated. The ratio is monotone in the
cohort's corrections, so it is an e-value for every odds ratio on the null's side, not for its border alone. Several
alternatives are mixed with equal weights, all on the side that matters.

**Residents, not answers, are the units.** Answers of one phone resemble each other, on one day and on the next, so many
answers of few phones know less than their number says. Each log-likelihood ratio is divided by the design effect
1 + (answers per phone - 1) x correlation of both arms (Kish 1965; Rao and Scott 1992, "A simple method for the
analysis of clustered binary data", Biometrics 48(2)), with all answers since the beginning. With dependent answers the
guarantee is therefore no theorem but approximate; tests/backend/test_sequential_simulation.py measures it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

_WORSE = (1.15, 1.3, 1.6, 2.0, 3.0, 5.0)
"""Alternatives to "not worse than tolerated": times so many of the tolerated odds."""
_HARMLESS = (1.0, 0.95, 0.85)
"""Alternatives to "worse than the margin": the cohort's odds, times those of everybody else."""
_FAILING = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_PRIOR_CORRECTED, _PRIOR_ANSWERS = 1.0, 10.0
_LEAST_GROWTH = 0.1
_SMALLEST_RATE, _LARGEST_RATE = 0.005, 0.9


@dataclass(frozen=True)
class Sample:
    """Answers of one arm. `phones` are those that gave them on the day."""

    phones: int = 0
    answers: int = 0
    corrected: int = 0

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(self.phones + other.phones, self.answers + other.answers, self.corrected + other.corrected)

    @property
    def rate(self) -> float | None:
        return self.corrected / self.answers if self.answers else None


@dataclass(frozen=True)
class Block:
    """What came in of one day's answers while nobody looked."""

    day: date
    cohort: Sample
    others: Sample
    exposure: float = 1.0
    """Share of the cohort's answers that the candidate gave; the rest is from phones that do not have it yet."""

    @property
    def informs(self) -> bool:
        corrected = self.cohort.corrected + self.others.corrected
        answers = self.cohort.answers + self.others.answers
        return bool(self.cohort.answers and self.others.answers and 0 < corrected < answers)


@dataclass(frozen=True)
class Evidence:
    """`value` is the e-value now, `highest` the highest since the beginning."""

    value: float = 1.0
    highest: float = 1.0

    @property
    def p_value(self) -> float:
        """Valid at any time."""
        return min(1.0, 1.0 / self.highest)

    def reaches(self, alpha: float) -> bool:
        return self.highest >= 1.0 / alpha


def merge(blocks: Iterable[Block], smallest: int) -> list[Block]:
    """Join blocks of a day, in the order in which they came, until each arm has `smallest` answers and a tenth of what
    that day had before, so that a large city has hardly more blocks than a small one.

    When a block is full depends on how many answered, never on what was corrected, so the choice favours neither side.
    What is not full yet is left for a later look: a block that somebody has looked into must not grow.
    """
    growing: dict[date, Block] = {}
    before: dict[date, int] = {}
    full: list[Block] = []
    for block in blocks:
        joined = _join(growing.pop(block.day, None), block)
        fewer = min(joined.cohort.answers, joined.others.answers)
        seen = before.get(block.day, 0)
        if fewer >= max(smallest, _LEAST_GROWTH * seen):
            full.append(joined)
            before[block.day] = seen + fewer
        else:
            growing[block.day] = joined
    return full


def evidence_of_harm(blocks: Sequence[Block], tolerated: float, correlation: float) -> Evidence:
    """Evidence against "corrected at most `tolerated` more often (a fraction) in the cohort than elsewhere"."""
    process = _Process(correlation, len(_WORSE))
    for block in blocks:
        null = _odds_ratio(process.base_rate, tolerated)
        process.add(block, null, [null * times for times in _WORSE])
    return process.evidence


def evidence_of_no_harm(blocks: Sequence[Block], margin: float, correlation: float) -> Evidence:
    """Evidence against "the candidate is corrected at least `margin` more often (a fraction) than the others".

    Only a share of the cohort has the candidate, and it alone makes a difference; so the cohort as a whole must be
    better than that share of the margin (the effect on those who comply: Angrist, Imbens and Rubin 1996, J. American
    Statistical Association 91). Blocks in which most of the cohort does not have it yet say too little: they are left
    out.
    """
    process = _Process(correlation, len(_HARMLESS))
    for block in blocks:
        if block.exposure >= 0.5:
            null = _odds_ratio(process.base_rate, margin * block.exposure)
            process.add(block, null, _HARMLESS)
    return process.evidence


def evidence_of_failures(tries: int, failed: int, tolerated: float) -> Evidence:
    """Evidence against "at most the fraction `tolerated` of the phones that try a release fail".

    A mixture of likelihood ratios of Bernoulli trials (Wald 1945; Robbins 1970). Each phone is one trial, so the order
    within a look makes no difference, and the value of now is itself one that may be looked at daily.
    """
    rates = [rate for times in _FAILING if (rate := times * tolerated) < 1]
    if not rates:
        raise ValueError(f"a tolerated share of {tolerated} leaves nothing to test against; state less than half")
    logs = [
        failed * math.log(rate / tolerated) + (tries - failed) * math.log((1 - rate) / (1 - tolerated))
        for rate in rates
    ]
    value = _mean_exp(np.array(logs))
    return Evidence(value, max(1.0, value))


def design_effect(answers: int, phones: int, correlation: float) -> float:
    """How many answers know as much as one from a phone of its own."""
    return 1.0 + max(0.0, answers / max(1, phones) - 1.0) * correlation


class _Process:
    """A product of blocks for each alternative."""

    def __init__(self, correlation: float, alternatives: int) -> None:
        self._correlation = correlation
        self._logs: NDArray[np.float64] = np.zeros(alternatives)
        self._cohort, self._others = _Arm(), _Arm()
        self.evidence = Evidence()

    @property
    def base_rate(self) -> float:
        """The others' rate in the blocks before, to translate points into odds."""
        seen = self._others.total
        rate = (seen.corrected + _PRIOR_CORRECTED) / (seen.answers + _PRIOR_ANSWERS)
        return min(_LARGEST_RATE, max(_SMALLEST_RATE, rate))

    def add(self, block: Block, null: float, alternatives: Sequence[float]) -> None:
        if block.informs:
            self._logs = self._logs + _log_ratios(block, null, alternatives)
        self._cohort.add(block.day, block.cohort)
        self._others.add(block.day, block.others)
        value = _mean_exp(self._logs / self._design_effect())
        self.evidence = Evidence(value, max(self.evidence.highest, value))

    def _design_effect(self) -> float:
        """Of the difference of both arms: their own ones, weighted by what each adds to its variance."""
        arms = [(arm.total.answers, arm.phones) for arm in (self._cohort, self._others)]
        effects = [design_effect(answers, phones, self._correlation) for answers, phones in arms]
        weights = [1.0 / max(1, answers) for answers, _ in arms]
        return sum(effect * weight for effect, weight in zip(effects, weights, strict=True)) / sum(weights)


class _Arm:
    """All answers of one arm so far, and how many phones at least they are from."""

    def __init__(self) -> None:
        self.total = Sample()
        self.phones = 0
        self._phones_of: dict[date, int] = {}

    def add(self, day: date, sample: Sample) -> None:
        """A phone reports a day once, so the fullest day tells how many phones there are at least."""
        self.total += sample
        self._phones_of[day] = self._phones_of.get(day, 0) + sample.phones
        self.phones = max(self.phones, self._phones_of[day])


def _join(first: Block | None, then: Block) -> Block:
    if first is None:
        return then
    answers = first.cohort.answers + then.cohort.answers
    exposed = first.exposure * first.cohort.answers + then.exposure * then.cohort.answers
    return Block(
        then.day, first.cohort + then.cohort, first.others + then.others, exposed / answers if answers else 1.0
    )


def _odds_ratio(rate: float, more: float) -> float:
    """Odds of `rate` plus `more` over odds of `rate`."""
    worse = min(0.99, rate + more)
    return worse / (1 - worse) * (1 - rate) / rate


def _log_ratios(block: Block, null: float, alternatives: Sequence[float]) -> NDArray[np.float64]:
    """Log-likelihood of each alternative odds ratio over that of `null`, given the margins of the table."""
    cohort, others = block.cohort, block.others
    corrected = cohort.corrected + others.corrected
    lowest, highest = max(0, corrected - others.answers), min(corrected, cohort.answers)
    counts = np.arange(lowest, highest, dtype=np.float64)
    gaps = np.log((cohort.answers - counts) * (corrected - counts)) - np.log(
        (counts + 1) * (others.answers - corrected + counts + 1)
    )
    weights = np.concatenate(([0.0], np.cumsum(gaps)))  # log of C(cohort, x) C(others, corrected - x), up to a constant
    above = np.arange(0, highest - lowest + 1, dtype=np.float64)

    def likelihood(odds: float) -> float:
        return float((cohort.corrected - lowest) * math.log(odds) - _log_sum_exp(weights + above * math.log(odds)))

    return np.array([likelihood(odds) for odds in alternatives]) - likelihood(null)


def _log_sum_exp(logs: NDArray[np.float64]) -> float:
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()))


def _mean_exp(logs: NDArray[np.float64]) -> float:
    """No larger than what a float holds: evidence that strong needs no more digits."""
    return math.exp(min(700.0, _log_sum_exp(logs) - math.log(len(logs))))
