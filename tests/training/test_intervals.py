"""Intervals of figures whose true spread is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.evaluation import Answer
from training.reporting import intervals


def answers(pairs: Sequence[tuple[str, str]]) -> list[Answer]:
    return [
        Answer(photo=sha256(str(place).encode()), label=label, predicted=predicted, confidence=0.9)
        for place, (label, predicted) in enumerate(pairs)
    ]


MIXED = answers([("a", "a")] * 45 + [("a", "b")] * 5 + [("b", "b")] * 30 + [("b", "a")] * 20)
ALONE = [str(place) for place in range(len(MIXED))]


def test_figures_are_those_of_the_confusion_matrix() -> None:
    found = intervals.of_answers(MIXED, ("a", "b"), ALONE)
    a, b = found.per_class["a"], found.per_class["b"]
    assert found.accuracy.value == 0.75
    assert a.precision is not None and a.precision.value == pytest.approx(45 / 65)
    assert a.recall is not None and a.recall.value == 0.9
    assert b.f1 is not None and b.f1.value == pytest.approx(2 * 30 / (35 + 50))
    assert found.macro.recall is not None and found.macro.recall.value == pytest.approx((0.9 + 0.6) / 2)
    assert (a.support, b.support, found.groups) == (50, 50, 100)


def test_weighted_averages_count_each_class_by_its_photos() -> None:
    found = intervals.of_answers(answers([("a", "a")] * 9 + [("b", "a")]), ("a", "b"), ALONE[:10])
    assert found.macro.recall is not None and found.macro.recall.value == 0.5
    assert found.weighted.recall is not None and found.weighted.recall.value == pytest.approx(0.9)
    assert found.weighted.recall.value == pytest.approx(found.accuracy.value)


def test_the_interval_is_as_wide_as_the_binomial_spread() -> None:
    """100 independent photos at 0.75: 1.96 x sqrt(0.75 x 0.25 / 100) = 0.085 to each side."""
    accuracy = intervals.of_answers(MIXED, ("a", "b"), ALONE).accuracy
    assert accuracy.low == pytest.approx(0.665, abs=0.02)
    assert accuracy.high == pytest.approx(0.835, abs=0.02)


def test_photos_of_one_object_make_the_interval_wider() -> None:
    """Ten objects in ten photos each, right or wrong together, tell as much as ten photos."""
    pairs = [("a", "a" if thing < 7 else "b") for thing in range(10) for _ in range(10)]
    alone = intervals.of_answers(answers(pairs), ("a", "b"), ALONE).accuracy
    together = intervals.of_answers(answers(pairs), ("a", "b"), [str(n // 10) for n in range(100)]).accuracy
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_four_right_answers_are_no_proof_of_perfection() -> None:
    """Every resample of perfect answers is perfect; Wilson's interval for four trials begins at 0.51."""
    found = intervals.of_answers(answers([("a", "a")] * 4 + [("b", "b")] * 4), ("a", "b"), ALONE[:8])
    recall = found.per_class["a"].recall
    assert recall is not None
    assert (recall.value, recall.low, recall.high) == (1, pytest.approx(0.51, abs=0.01), pytest.approx(1))
    assert found.accuracy.low == pytest.approx(0.676, abs=0.01), "eight trials"
    one_object = intervals.of_answers(answers([("a", "a")] * 4 + [("b", "b")] * 4), ("a", "b"), ["x"] * 4 + ["y"] * 4)
    assert one_object.accuracy.low < found.accuracy.low, "two objects tell less than eight"


def test_equal_answers_give_equal_intervals() -> None:
    assert intervals.of_answers(MIXED, ("a", "b"), ALONE) == intervals.of_answers(MIXED, ("a", "b"), ALONE)


def test_what_is_undefined_has_no_interval() -> None:
    found = intervals.of_answers(answers([("a", "a"), ("a", "a"), ("b", "a")]), ("a", "b", "c"), ["1", "2", "3"])
    assert found.per_class["c"].recall is None
    assert found.per_class["b"].precision is None
    assert found.per_class["b"].recall is not None and found.per_class["b"].recall.value == 0
    assert found.macro.recall is not None and found.macro.recall.value == 0.5, "c has no photo and does not count"


def test_a_share_has_its_wilson_interval() -> None:
    found = intervals.of_share(9, 10)
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.5958, 0.9821), abs=1e-3)
    assert np.isfinite([intervals.of_share(0, 1).low, intervals.of_share(1, 1).high]).all()
