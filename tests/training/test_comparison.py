"""Two models on the same photos, whose answers were written down."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mobile_models.document import sha256
from mobile_models.evaluation import Answer
from tests.training.reports import report_of
from training.dataset import DataError
from training.evaluation.measured_model import MeasuredModel, of_folder
from training.reporting import comparison


def model(name: str, predicted: Sequence[str], *, holdout: str = "same") -> MeasuredModel:
    """Half of the photos show glass, the other half metal."""
    half = len(predicted) // 2
    answers = [
        Answer(
            photo=sha256(f"{place}".encode()),
            label="glass" if place < half else "metal",
            predicted=answer,
            confidence=0.8,
        )
        for place, answer in enumerate(predicted)
    ]
    return MeasuredModel(name, report_of(answers, holdout=holdout))


RIGHT = ["glass"] * 20 + ["metal"] * 20


def test_only_photos_on_which_they_differ_count() -> None:
    worse = ["metal"] * 8 + ["glass"] * 12 + ["metal"] * 20
    better = [*RIGHT[:39], "trash"]
    (pairing,) = comparison.of_models([model("old", worse), model("new", better)])
    assert pairing.overall is not None
    assert (pairing.overall.only_first, pairing.overall.only_second) == (1, 8)
    assert pairing.overall.difference == pytest.approx(7 / 40)
    assert pairing.overall.p_value == pytest.approx(2 * (1 + 9) / 2**9), "two-sided exact McNemar of 1 against 8"
    assert pairing.low > 0
    assert [(row.what, row.only_first, row.only_second) for row in pairing.per_class] == [
        ("glass", 0, 8),
        ("metal", 1, 0),
    ]
    assert "8 only new got right, 1 only old" in pairing.words()


def test_equal_models_show_no_difference() -> None:
    (pairing,) = comparison.of_models([model("a", RIGHT), model("b", RIGHT)])
    assert pairing.overall is not None
    assert (pairing.overall.p_value, pairing.low, pairing.high) == (1, 0, 0)
    assert pairing.words().endswith("no sure difference.")


def test_different_holdouts_are_said_and_not_compared() -> None:
    (pairing,) = comparison.of_models([model("a", RIGHT), model("b", RIGHT, holdout="another")])
    assert pairing.overall is None
    assert "measured on different photos" in pairing.words()


def test_a_model_that_answered_for_fewer_photos_is_not_paired() -> None:
    partial = model("partial", RIGHT)
    shorter = report_of(partial.report.answers[:30], holdout="same")
    (pairing,) = comparison.of_models([model("whole", RIGHT), MeasuredModel("partial", shorter)])
    assert pairing.overall is None
    assert "share 30 answers only" in pairing.words()


def test_each_is_compared_with_the_first() -> None:
    models = [model(name, RIGHT) for name in ("first", "second", "third")]
    assert [(each.first, each.second) for each in comparison.of_models(models)] == [
        ("first", "second"),
        ("first", "third"),
    ]
    assert comparison.of_models(models[:1]) == ()


def test_a_folder_without_an_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no finished run and no release folder"):
        of_folder(tmp_path)
