"""Folds of a snapshot, and what is said of them together."""

from pathlib import Path

import pytest

from mobile_models.evaluation import ClassMetrics
from mobile_models.label_set import TRASHNET
from training import recipe
from training.data.photo_source import PhotoSource
from training.dataset import DataError, DatasetSnapshot, Split
from training.order import Order
from training.studies import crossvalidation
from training.studies.crossvalidation import FoldResult, Plan, Spread


@pytest.fixture
def snapshot(snapshot_directory: Path) -> DatasetSnapshot:
    return DatasetSnapshot.read(snapshot_directory / "snapshot.json")


def test_every_photo_is_measured_once_and_groups_stay_together(drawn_folder: Path, tmp_path: Path) -> None:
    """A `DatasetSnapshot` whose groups are torn cannot be made, so that they are there says that groups are whole."""
    plan = Plan(Order(recipe=recipe.load("tiny"), data="", weights=""), PhotoSource(drawn_folder), tmp_path)
    snapshot = crossvalidation.prepare(plan).snapshot
    folds = list(crossvalidation.divided(snapshot, recipe.load("tiny"), 4, seed=0))
    holdouts = [{photo.sha256 for photo in fold.of(Split.HOLDOUT)} for fold in folds]
    assert set.union(*holdouts) == {photo.sha256 for photo in snapshot.photos}
    assert sum(map(len, holdouts)) == len(snapshot.photos) == 120
    for fold in folds:
        assert set(fold.counts()["validation"].values()) == {2}, "an eighth of what is left of 20 photos, one object"


def test_the_holdout_of_a_snapshot_is_left_alone(snapshot: DatasetSnapshot) -> None:
    kept = {photo.sha256 for photo in snapshot.of(Split.HOLDOUT)}
    for fold in crossvalidation.divided(snapshot, recipe.load("tiny"), 3, seed=1):
        assert not kept & {photo.sha256 for photo in fold.photos}


def test_another_seed_makes_other_folds(snapshot: DatasetSnapshot) -> None:
    first, second = (next(iter(crossvalidation.divided(snapshot, recipe.load("tiny"), 4, seed))) for seed in (0, 1))
    assert first.digest != second.digest


def test_more_folds_than_objects_are_refused(snapshot: DatasetSnapshot) -> None:
    with pytest.raises(DataError, match="choose 8 folds or fewer"):
        list(crossvalidation.divided(snapshot, recipe.load("tiny"), 9, seed=0))


def test_the_spread_is_the_sample_deviation() -> None:
    spread = Spread.over([0.8, 0.9, 1.0])
    assert spread.mean == pytest.approx(0.9)
    assert spread.deviation == pytest.approx(0.1)
    assert (spread.lowest, spread.highest) == (0.8, 1.0)
    assert Spread.over([0.5]).deviation == 0


def test_the_summary_names_the_worst_class_of_each_fold(snapshot: DatasetSnapshot) -> None:
    def fold(number: int, glass: float) -> FoldResult:
        good = ClassMetrics(precision=1, recall=1, f1=1, support=4)
        bad = ClassMetrics(precision=glass, recall=glass / 2, f1=0.5, support=4)
        classes = {label: bad if label == "glass" else good for label in TRASHNET.ids}
        return FoldResult(
            name=f"fold {number}", photos=24, accuracy=0.9, macro_f1=0.9, float_accuracy=None, per_class=classes
        )

    order = Order(recipe=recipe.load("tiny"), data="photos", weights="random")
    summary = crossvalidation.summarise(order, snapshot, [fold(1, 0.6), fold(2, 0.8)])
    assert summary.measures["worst precision"].mean == pytest.approx(0.7)
    assert summary.measures["worst recall"].mean == pytest.approx(0.35)
    assert summary.recall["glass"].mean == pytest.approx(0.35)
    assert summary.recall["metal"].mean == 1
