"""Which run directory an order belongs to."""

from pathlib import Path

import pytest

from training import recipe
from training.dataset import DataError
from training.order import Order, directory_for
from training.run_directory import Outcome, RunDirectory, RunResult


@pytest.fixture
def order() -> Order:
    return Order(recipe=recipe.load("tiny"), data="/photos", weights="random")


def test_the_first_run_is_number_one_and_others_do_not_count(order: Order, tmp_path: Path) -> None:
    (tmp_path / "tiny-quick").mkdir()
    (tmp_path / "resnet50v2-7").mkdir()
    assert directory_for(order, tmp_path / "nowhere").name == "tiny-1"
    assert directory_for(order, tmp_path).name == "tiny-1"


def test_the_same_order_goes_on_where_it_is_unfinished(order: Order, tmp_path: Path) -> None:
    order.place(tmp_path / "tiny-3")
    assert directory_for(order, tmp_path).name == "tiny-3"
    assert directory_for(order.model_copy(update={"seed": 1}), tmp_path).name == "tiny-4"


@pytest.mark.parametrize(
    ("outcome", "expected"), [(Outcome.BLESSED, "tiny-4"), (Outcome.BLOCKED, "tiny-4"), (Outcome.REFUSED, "tiny-3")]
)
def test_a_finished_run_is_never_run_over(order: Order, tmp_path: Path, outcome: Outcome, expected: str) -> None:
    order.place(tmp_path / "tiny-3")
    RunResult(outcome=outcome, reasons=("so it was",)).write(RunDirectory(tmp_path / "tiny-3").result)
    assert directory_for(order, tmp_path).name == expected


def test_another_order_is_refused_where_a_fit_has_begun(order: Order, tmp_path: Path) -> None:
    other = order.model_copy(update={"seed": 1, "weights": "imagenet"})
    order.place(tmp_path)
    other.place(tmp_path)
    checkpoints = RunDirectory(tmp_path).checkpoints
    checkpoints.mkdir()
    (checkpoints / "state.json").touch()
    other.place(tmp_path)
    with pytest.raises(DataError, match="begun with another weights and seed"):
        order.place(tmp_path)
