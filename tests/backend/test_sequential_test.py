"""The sequential test is what it says: exact where it is exact, and sure of nothing too early."""

import itertools
import math
from datetime import date, timedelta

import numpy as np
import pytest

from backend.evidence import sequential_test
from backend.evidence.sequential_test import (
    Block,
    Sample,
    evidence_of_failures,
    evidence_of_harm,
    evidence_of_no_harm,
    merge,
)

DAY = date(2026, 1, 1)


def block(cohort: tuple[int, int], others: tuple[int, int], day: int = 0, exposure: float = 1.0) -> Block:
    """Answers and corrected of both sides, each answer from a phone of its own."""
    samples = [Sample(answers, answers, corrected) for answers, corrected in (cohort, others)]
    return Block(DAY + timedelta(days=day), samples[0], samples[1], exposure)


def mean_under(odds: float, tested: tuple[float, float], cohort: int, others: int, corrected: int) -> float:
    """Return the mean of a block's likelihood ratio (null, alternative) when the true odds ratio is `odds`."""
    lowest, highest = max(0, corrected - others), min(corrected, cohort)
    counts = range(lowest, highest + 1)
    chances = np.array([math.comb(cohort, x) * math.comb(others, corrected - x) * odds**x for x in counts])
    ratios = [
        math.exp(sequential_test._log_ratios(block((cohort, x), (others, corrected - x)), tested[0], [tested[1]])[0])
        for x in counts
    ]
    return float(np.dot(chances / chances.sum(), ratios))


@pytest.mark.parametrize(("cohort", "others", "corrected"), [(5, 12, 4), (20, 20, 7), (3, 40, 10), (30, 4, 31)])
def test_the_mean_of_an_e_value_is_one_on_the_border_and_less_inside(cohort: int, others: int, corrected: int) -> None:
    """Checked against all tables with these margins, by Fisher's noncentral hypergeometric distribution."""
    for tested in ((1.1, 2.0), (1.4, 1.0)):
        towards_null = 0.7 if tested[1] > tested[0] else 1.6
        means = [mean_under(tested[0] * shift, tested, cohort, others, corrected) for shift in (1, towards_null)]
        assert means[0] == pytest.approx(1)
        assert means[1] < 1


def test_a_table_without_information_says_nothing() -> None:
    for empty in (block((0, 0), (50, 9)), block((50, 9), (0, 0)), block((30, 0), (30, 0)), block((30, 30), (30, 30))):
        assert evidence_of_harm([empty], 0.0, 0.1).value == 1


def test_harm_is_seen_and_its_opposite_is_not() -> None:
    worse = [block((200, 50), (800, 80), day) for day in range(5)]
    better = [block((200, 5), (800, 80), day) for day in range(5)]
    assert evidence_of_harm(worse, 0.01, 0.0).p_value < 1e-6
    assert evidence_of_harm(better, 0.01, 0.0).p_value == 1
    assert evidence_of_no_harm(worse, 0.03, 0.0).p_value == 1
    assert evidence_of_no_harm(better, 0.03, 0.0).p_value < 1e-6


def test_what_was_once_sure_stays_so() -> None:
    worse, fine = [block((400, 100), (800, 80))], [block((400, 20), (800, 80), day) for day in range(1, 9)]
    evidence = evidence_of_harm([*worse, *fine], 0.01, 0.0)
    assert evidence.value < 1 and evidence.highest > 100


def test_days_with_other_rates_are_never_mixed() -> None:
    """Simpson's paradox: on neither day is the cohort worse, and in the sum of both it seems to be."""
    days = [block((900, 270), (100, 30), 0), block((100, 5), (900, 45), 1)]
    assert evidence_of_harm(days, 0.0, 0.0).p_value > 0.5
    assert evidence_of_harm([block((1000, 275), (1000, 75))], 0.0, 0.0).p_value < 1e-6


def test_many_answers_of_few_phones_weigh_less() -> None:
    few = Block(DAY, Sample(20, 400, 80), Sample(40, 800, 80))
    many = Block(DAY, Sample(400, 400, 80), Sample(800, 800, 80))
    values = [evidence_of_harm([each], 0.01, 0.1) for each in (few, many)]
    assert values[0].p_value > 0.02 and values[1].p_value < 1e-3


def test_the_same_phones_on_the_next_day_are_no_new_phones() -> None:
    assert sequential_test.design_effect(1000, 100, 0.1) == pytest.approx(1.9)
    once = evidence_of_harm([Block(DAY, Sample(30, 30, 6), Sample(300, 300, 30))], 0.0, 1.0)
    daily = [Block(DAY + timedelta(days=day), Sample(30, 30, 6), Sample(300, 300, 30)) for day in range(30)]
    assert evidence_of_harm(daily, 0.0, 1.0).value == pytest.approx(once.value, rel=0.25)


def test_the_margin_shrinks_with_the_share_that_has_the_candidate() -> None:
    """Where half of the cohort has it, three points worse shows as one and a half."""
    half = [block((2000, 213), (8000, 800), day, exposure=0.5) for day in range(3)]
    whole = [block((2000, 213), (8000, 800), day) for day in range(3)]
    assert evidence_of_no_harm(whole, 0.03, 0.0).p_value < 0.01
    assert evidence_of_no_harm(half, 0.03, 0.0).p_value > 0.2
    hardly = [block((2000, 200), (8000, 800), day, exposure=0.49) for day in range(9)]
    assert evidence_of_no_harm(hardly, 0.03, 0.0).p_value == 1


def test_blocks_are_joined_by_how_many_answered_and_never_by_what() -> None:
    sizes = [(8, 90), (8, 5), (8, 30), (30, 40), (2, 3)]
    for rates in itertools.product((0.0, 0.5), repeat=2):
        blocks = [block((a, int(a * rates[0])), (b, int(b * rates[1]))) for a, b in sizes]
        joined = merge(blocks, 20)
        assert [(each.cohort.answers, each.others.answers) for each in joined] == [(24, 125), (30, 40)]


def test_blocks_of_different_days_stay_apart() -> None:
    joined = merge([block((15, 1), (99, 9), 0), block((15, 1), (99, 9), 1), block((15, 1), (99, 9), 0)], 20)
    assert [(each.day, each.cohort.answers) for each in joined] == [(DAY, 30)]


def test_a_large_city_has_hardly_more_blocks_than_a_small_one() -> None:
    numbers = {}
    for size in (10, 1000):
        joined = merge([block((size, 1), (3 * size, 2)) for _ in range(144)], 20)
        numbers[size] = len(joined)
        assert sum(each.cohort.answers for each in joined) > 0.9 * 144 * size
    assert numbers[1000] < 60


def test_joining_keeps_the_share_that_has_the_candidate() -> None:
    (joined,) = merge([block((10, 1), (99, 9), exposure=0.1), block((30, 1), (99, 9), exposure=0.5)], 20)
    assert joined.exposure == pytest.approx(0.4)


def test_failures_count_exactly() -> None:
    """The mean over all outcomes of 40 phones is one at the tolerated share, and less below it."""
    for share, expected in ((0.05, pytest.approx(1)), (0.02, None)):
        chances = [math.comb(40, k) * share**k * (1 - share) ** (40 - k) for k in range(41)]
        mean = sum(chances[k] * evidence_of_failures(40, k, 0.05).value for k in range(41))
        assert mean == expected if expected is not None else mean < 1


def test_failures_of_a_few_phones_are_seen_soon_and_tolerated_ones_never() -> None:
    assert evidence_of_failures(6, 5, 0.01).reaches(0.02)
    assert not evidence_of_failures(1, 1, 0.01).reaches(0.02)
    assert not evidence_of_failures(100_000, 1_000, 0.01).reaches(0.02)
    assert evidence_of_failures(1_000, 40, 0.01).reaches(0.02)


def test_a_tolerated_share_that_leaves_nothing_to_test_is_refused() -> None:
    with pytest.raises(ValueError, match="less than half"):
        evidence_of_failures(10, 1, 0.5)


def test_evidence_beyond_any_float_is_still_a_number() -> None:
    flood = [block((50_000, 25_000), (50_000, 500), day) for day in range(3)]
    evidence = evidence_of_harm(flood, 0.01, 0.0)
    assert math.isfinite(evidence.value) and evidence.p_value >= 0
