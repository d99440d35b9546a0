from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from mobile_models.document import Sha256, sha256
from mobile_models.label_set import TRASHNET
from training import backbones, pipeline
from training.dataset import DataError, DatasetSnapshot, Split
from training.fit import Fit, FitState, Task
from training.pipeline import Pictures
from training.recipe import Recipe
from training.run_directory import Progress


class Killed(Exception):
    """Stands for a kill at the worst moment: right after an epoch was kept."""


@pytest.fixture
def staged(quick: Recipe) -> Recipe:
    """Head on features, then all with augmentation and dropout: both kinds of stages."""
    (whole,) = quick.stages
    head = whole.model_dump() | {"name": "head", "epochs": 3, "trainable_layers": 0, "augment": False}
    return quick.with_changes(stages=[head, whole.model_dump() | {"epochs": 3}], head={"dropout": 0.3})


@pytest.fixture(scope="module")
def pictures(snapshot_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Split, Recipe], Pictures]:
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    cache = tmp_path_factory.mktemp("pixels")
    return lambda split, recipe: pipeline.load(
        snapshot_directory, snapshot.of(split), TRASHNET, recipe.input_spec, cache
    )


@pytest.fixture
def task(pictures: Callable[[Split, Recipe], Pictures]) -> Callable[[Recipe], Task]:
    return lambda recipe: Task(
        recipe, pictures(Split.TRAIN, recipe), pictures(Split.VALIDATION, recipe), seed=5, digest=recipe.digest
    )


def start(task: Task, folder: Path, report: Callable[[Progress], None] = lambda _: None) -> Fit:
    keras.utils.set_random_seed(task.seed)
    return Fit(backbones.build(task.recipe, 6, "random"), task, folder, report)


def weights(fit: Fit) -> np.ndarray:
    return np.concatenate([weight.ravel() for weight in fit.model.get_weights()])


def kill_after(epochs: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.epoch == epochs and progress.metrics:
            raise Killed

    return report


def test_a_small_network_learns_the_colours(task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path) -> None:
    fit = start(task(quick.with_epochs(10)), tmp_path)
    fit.run()
    holdout = fit.state.epochs[-1]
    assert holdout.val_accuracy > 0.8
    assert holdout.loss < fit.state.epochs[0].loss


@pytest.mark.parametrize("killed_after", [2, 3, 4, 6])
def test_a_resumed_fit_does_what_an_unbroken_one_does(
    task: Callable[[Recipe], Task], staged: Recipe, tmp_path: Path, killed_after: int
) -> None:
    """Killed within the head, between the stages, within the tail, and after the last epoch."""
    unbroken = start(task(staged), tmp_path / "unbroken")
    unbroken.run()
    with pytest.raises(Killed):
        start(task(staged), tmp_path / "killed", kill_after(killed_after)).run()
    resumed = start(task(staged), tmp_path / "killed")
    assert len(resumed.state.epochs) == killed_after
    resumed.run()
    assert len(resumed.state.epochs) == 6
    assert np.allclose(weights(resumed), weights(unbroken), atol=1e-4)
    for one, other in zip(resumed.state.epochs, unbroken.state.epochs, strict=True):
        assert one.val_loss == pytest.approx(other.val_loss, abs=1e-3)


def test_a_finished_fit_is_not_fitted_again(task: Callable[[Recipe], Task], staged: Recipe, tmp_path: Path) -> None:
    first = start(task(staged), tmp_path)
    first.run()
    again = start(task(staged), tmp_path, kill_after(1))
    again.run()
    assert np.array_equal(weights(again), weights(first))


def test_the_best_epoch_is_what_comes_out(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.5, 0.1), (0.2, 0.9), (0.9, 0.3)])
    kept: list[np.ndarray] = []

    def validate(fit: Fit, trainee: object) -> tuple[float, float]:
        kept.append(weights(fit))
        return next(scores)

    monkeypatch.setattr(Fit, "_validate", validate)
    fit = start(task(quick.with_epochs(3)), tmp_path)
    fit.run()
    assert np.array_equal(weights(fit), kept[1])
    assert not np.array_equal(kept[1], kept[2])


def test_the_head_stage_leaves_the_backbone_alone(
    task: Callable[[Recipe], Task], staged: Recipe, tmp_path: Path
) -> None:
    fit = start(task(staged.with_changes(stages=staged.stages[:1])), tmp_path)
    before = fit.model.get_layer("backbone").get_weights()
    head = fit.model.get_layer("logits").get_weights()
    fit.run()
    after = fit.model.get_layer("backbone").get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert not np.array_equal(head[0], fit.model.get_layer("logits").get_weights()[0])


def test_checkpoints_of_another_run_are_not_taken_up(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path
) -> None:
    FitState(fit=Sha256(sha256(b"another run"))).write(tmp_path / "state.json")
    with pytest.raises(DataError, match="belongs to another run"):
        start(task(quick), tmp_path)


def test_only_named_files_stay_in_the_folder(task: Callable[[Recipe], Task], staged: Recipe, tmp_path: Path) -> None:
    fit = start(task(staged), tmp_path)
    fit.run()
    assert {path.name for path in tmp_path.iterdir()} == {"state.json", fit.state.start}


def test_a_class_that_is_missing_in_train_is_refused(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path
) -> None:
    whole = task(quick)
    few = Pictures(whole.train.photos, whole.train.pixels, np.where(whole.train.labels == 5, 0, whole.train.labels))
    with pytest.raises(ValueError, match=r"no photo of label \[5\]"):
        start(Task(quick, few, whole.validation, 0, quick.digest), tmp_path)
