import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import keras
import numpy as np
import pytest

from mobile_models.document import Sha256, sha256
from mobile_models.label_set import TRASHNET
from training import backbones, recipe
from training.dataset import DataError, DatasetSnapshot, Split
from training.fitting import fit as fit_module
from training.fitting import pipeline
from training.fitting.batches import Batch
from training.fitting.fit import Diverged, Fit, FitState, Task
from training.fitting.pace import Waiting
from training.fitting.pipeline import Pictures
from training.recipe import Recipe
from training.run_directory import Progress


class Killed(Exception):
    """Stands for a kill at the worst moment: right after an epoch was kept."""


@pytest.fixture(scope="module")
def staged() -> Recipe:
    """Head on features, then all with augmentation, mixing, dropout and averaging: both kinds of stages."""
    tiny = recipe.load("tiny").with_changes(input_edge=32)
    (whole,) = tiny.stages
    head = whole.model_dump() | {"name": "head", "epochs": 2, "trainable_layers": 0, "augment": False}
    return tiny.with_changes(
        stages=[head, whole.model_dump() | {"epochs": 2}],
        head={"dropout": 0.3},
        mixup_alpha=0.4,
        cutmix_alpha=1,
        weight_averaging=0.8,
    )


@pytest.fixture(scope="module")
def pictures(snapshot_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Split, Recipe], Pictures]:
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    cache = tmp_path_factory.mktemp("pixels")
    return lambda split, wanted: pipeline.load(
        snapshot_directory, snapshot.of(split), TRASHNET, wanted.input_spec, cache
    )


@pytest.fixture(scope="module")
def task(pictures: Callable[[Split, Recipe], Pictures]) -> Callable[[Recipe], Task]:
    return lambda wanted: Task(
        wanted, pictures(Split.TRAIN, wanted), pictures(Split.VALIDATION, wanted), seed=5, digest=wanted.digest
    )


def start(task: Task, folder: Path, report: Callable[[Progress], None] = lambda _: None, loaders: int = 0) -> Fit:
    keras.utils.set_random_seed(task.seed)
    weights = "random" if any(stage.trains_body for stage in task.recipe.stages) else "random_frozen"
    return Fit(backbones.build(task.recipe, 6, weights), task, folder, report, loaders=loaders)


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    """What `unbroken` reports."""
    return []


@pytest.fixture(scope="module")
def unbroken(
    task: Callable[[Recipe], Task], staged: Recipe, told: list[Progress], tmp_path_factory: pytest.TempPathFactory
) -> Fit:
    """A fit of `staged` that nobody disturbed."""
    fit = start(task(staged), tmp_path_factory.mktemp("unbroken"), told.append)
    fit.run()
    return fit


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
    last = fit.state.epochs[-1]
    assert last.val_accuracy > 0.8
    assert last.loss < fit.state.epochs[0].loss


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_resumed_fit_does_what_an_unbroken_one_does(
    task: Callable[[Recipe], Task], staged: Recipe, unbroken: Fit, tmp_path: Path, killed_after: int
) -> None:
    """Killed within the head, between the stages, and within the tail."""
    with pytest.raises(Killed):
        start(task(staged), tmp_path, kill_after(killed_after)).run()
    resumed = start(task(staged), tmp_path)
    assert len(resumed.state.epochs) == killed_after
    resumed.run()
    assert len(resumed.state.epochs) == 4
    assert np.allclose(weights(resumed), weights(unbroken), rtol=0, atol=1e-6)
    for one, other in zip(resumed.state.epochs, unbroken.state.epochs, strict=True):
        assert one.val_loss == pytest.approx(other.val_loss, abs=1e-6)


def test_a_finished_fit_is_not_fitted_again(
    task: Callable[[Recipe], Task], staged: Recipe, unbroken: Fit, tmp_path: Path
) -> None:
    shutil.copytree(unbroken.folder, tmp_path, dirs_exist_ok=True)
    again = start(task(staged), tmp_path, kill_after(1))
    again.run()
    assert np.array_equal(weights(again), weights(unbroken))


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


def test_what_is_validated_and_comes_out_is_the_average_of_the_weights(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated: list[np.ndarray] = []
    trained: list[np.ndarray] = []
    monkeypatch.setattr(Fit, "_validate", lambda fit, trainee: validated.append(weights(fit)) or (0.5, 0.5))
    fit = start(
        task(quick.with_epochs(1).with_changes(weight_averaging=0.9)),
        tmp_path,
        lambda progress: trained.append(weights(fit)),
    )
    fit.run()
    assert np.array_equal(weights(fit), validated[0])
    assert not np.allclose(trained[0], validated[0], atol=1e-4)


def test_loading_processes_change_nothing(
    task: Callable[[Recipe], Task], staged: Recipe, unbroken: Fit, tmp_path: Path
) -> None:
    fit = start(task(staged), tmp_path, loaders=1)
    fit.run()
    assert np.allclose(weights(fit), weights(unbroken), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("unbroken")
def test_progress_says_how_long_all_stages_take(told: list[Progress]) -> None:
    left = [each.seconds_left for each in told if each.metrics]
    assert len(left) == 4
    assert all(each is not None and each > 0 for each in left[:-1])
    assert left[-1] == 0


def test_each_epoch_names_its_stage_its_learning_rate_and_its_wait(unbroken: Fit) -> None:
    assert [epoch.name for epoch in unbroken.state.epochs] == ["head", "head", "all", "all"]
    assert all(epoch.learning_rate > 0 for epoch in unbroken.state.epochs)
    assert all(0 <= epoch.data_seconds < epoch.seconds for epoch in unbroken.state.epochs)


def test_a_fit_that_diverges_says_so(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fit, "_validate", lambda fit, trainee: (float("nan"), 0.1))
    with pytest.raises(Diverged, match="diverged in stage 'all'"):
        start(task(quick), tmp_path).run()


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


def test_only_named_files_stay_in_the_folder(unbroken: Fit) -> None:
    assert {path.name for path in unbroken.folder.iterdir()} == {"state.json", unbroken.state.start}


def test_a_class_that_is_missing_in_train_is_refused(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path
) -> None:
    whole = task(quick)
    few = Pictures(whole.train.photos, whole.train.pixels, np.where(whole.train.labels == 5, 0, whole.train.labels))
    with pytest.raises(ValueError, match=r"no photo of label \[5\]"):
        start(Task(quick, few, whole.validation, 0, quick.digest), tmp_path)


def changed(wanted: Recipe, stages: list[dict[str, object]], **fields: object) -> Recipe:
    whole = wanted.stages[0].model_dump()
    return wanted.with_changes(stages=[whole | each for each in stages], **fields)


def test_a_full_disk_ends_in_a_clear_refusal_and_leaves_the_last_checkpoint(
    task: Callable[[Recipe], Task], staged: Recipe, unbroken: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savez = np.savez
    saved: list[str] = []

    def save_until_full(file: BinaryIO, *values: np.ndarray) -> None:
        saved.append(file.name)
        if len(saved) == 3:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        savez(file, *values)

    monkeypatch.setattr(np, "savez", save_until_full)
    with pytest.raises(DataError, match=r"is full: the checkpoint best-0-2.npz needs [\d,]+ bytes"):
        start(task(staged), tmp_path).run()
    assert not list(tmp_path.glob("partial-*"))
    monkeypatch.setattr(np, "savez", savez)
    resumed = start(task(staged), tmp_path)
    assert len(resumed.state.epochs) == 1
    resumed.run()
    assert np.allclose(weights(resumed), weights(unbroken), rtol=0, atol=1e-6)


def test_a_disk_without_room_for_the_checkpoints_is_refused_at_once(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(DataError, match=r"the checkpoints need [\d,]+ bytes, and 1,000 are free"):
        start(task(quick), tmp_path)


def test_lower_groups_of_layers_move_less(task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path) -> None:
    slow = {"epochs": 1, "trainable_layers": 0, "trainable_groups": 4, "group_learning_rate_factor": 0.1}
    fit = start(task(changed(quick, [slow | {"augment": False}])), tmp_path)
    kernels = [layer.kernel for layer in fit.model.get_layer("backbone").layers if hasattr(layer, "kernel")]
    before = [np.array(kernel) for kernel in kernels]
    fit.run()
    moved = [float(np.abs(np.array(kernel) - old).max()) for kernel, old in zip(kernels, before, strict=True)]
    for lower, upper in pairwise(moved):
        assert 0 < lower < upper / 3


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_and_leaves_a_float32_model(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, precision: str
) -> None:
    fit = start(task(changed(quick, [{"epochs": 3}], precision=precision)), tmp_path)
    fit.run()
    assert fit.state.epochs[-1].loss < fit.state.epochs[0].loss
    assert {layer.compute_dtype for layer in fit.model.get_layer("backbone").layers} == {"float32"}
    again = backbones.build(fit._recipe, 6, "random")
    again.set_weights(fit.model.get_weights())
    photos = fit._validation.pixels
    assert np.array_equal(pipeline.predict(again, photos), pipeline.predict(fit.model, photos))


def test_a_taught_network_comes_nearer_to_its_teacher(
    task: Callable[[Recipe], Task], quick: Recipe, unbroken: Fit, tmp_path: Path
) -> None:
    def distance(fit: Fit) -> float:
        photos = fit._validation.pixels
        return float(np.abs(pipeline.predict(fit.model, photos) - pipeline.predict(unbroken.model, photos)).mean())

    wanted = changed(quick, [{"epochs": 3}], distillation_weight=1, distillation_temperature=2)
    taught = start(replace(task(wanted), teacher=unbroken.model), tmp_path)
    before, teacher = distance(taught), weights(unbroken)
    taught.run()
    assert distance(taught) < before / 2
    assert np.array_equal(weights(unbroken), teacher)
    assert len(taught.model.weights) == len(unbroken.model.weights)


@pytest.mark.parametrize("sampling", ["oversample", "smote"])
def test_rare_classes_are_shown_as_often_as_the_largest(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path, sampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = {"epochs": 1, "trainable_layers": 0, "augment": False}
    wanted = changed(quick, [head], sampling=sampling, class_weights="none", batch_size=4)
    whole = task(wanted)
    some = np.flatnonzero((whole.train.labels != 5) | (np.cumsum(whole.train.labels == 5) <= 3))
    train = Pictures(tuple(whole.train.photos[i] for i in some), whole.train.pixels[some], whole.train.labels[some])
    fit = start(replace(whole, train=train), tmp_path)
    shown = np.zeros(6)
    watch = Waiting.watch

    def counted(waiting: Waiting, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in watch(waiting, batches):
            shown[:] += batch[1].sum(axis=0)
            yield batch

    monkeypatch.setattr(Waiting, "watch", counted)
    fit.run()
    assert shown.tolist() == [14] * 6


def test_layers_that_draw_lots_begin_each_epoch_anew_wherever_they_are() -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dropout(0.5)])
    ones = np.ones((2, 4))

    def drawn(*chance: int) -> np.ndarray:
        fit_module._reseed(model, chance)
        return np.asarray(model(ones, training=True))

    assert np.array_equal(drawn(1, 2), drawn(1, 2))
    assert any(not np.array_equal(drawn(1, 2), drawn(1, epoch)) for epoch in range(3, 8))


def test_what_a_stage_changed_is_drawn_back_towards_where_it_began(
    task: Callable[[Recipe], Task], quick: Recipe, tmp_path: Path
) -> None:
    def fitted(kept: float) -> tuple[np.ndarray, np.ndarray]:
        (stage,) = quick.with_epochs(2).stages
        wanted = quick.with_changes(stages=[stage.model_dump() | {"kept_change": kept}])
        fit = start(task(wanted), tmp_path / str(kept))
        began = weights(fit)
        fit.run()
        return began, weights(fit)

    began, whole = fitted(1)
    again, half = fitted(0.5)
    assert np.array_equal(began, again)
    assert np.abs(whole - began).max() > 0.01
    assert np.allclose(half, began + 0.5 * (whole - began), atol=1e-5)
