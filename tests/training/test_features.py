from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from mobile_models.label_set import TRASHNET
from training import backbones, recipe
from training.dataset import DatasetSnapshot, Split
from training.feature_cache import features
from training.feature_cache.boundary import Boundary, split_at
from training.feature_cache.feature_store import FeatureStore
from training.feature_cache.features import KeptFeatures, Views
from training.fitting import pipeline
from training.fitting.fit import Fit, Task
from training.fitting.loading import Loaders
from training.fitting.pipeline import Pictures
from training.recipe import RANDOM_FROZEN, Recipe
from training.run_directory import Progress

VIEWS = 2


class Killed(Exception):
    """Stands for a kill at the worst moment: right after an epoch was kept."""


@pytest.fixture(scope="module")
def kept() -> Recipe:
    """The head alone, then half of the network, both on views of which the features are kept."""
    tiny = recipe.load("tiny").with_changes(input_edge=32)
    (whole,) = tiny.stages
    half = whole.model_dump() | {"epochs": 3, "trainable_layers": 6, "cached_views": VIEWS}
    return tiny.with_changes(
        stages=[half | {"name": "head", "epochs": 2, "trainable_layers": 0}, half],
        mixup_alpha=0.2,
        weight_averaging=0.5,
    )


@pytest.fixture(scope="module")
def pictures(snapshot_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Split, Pictures]:
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    cache, spec = tmp_path_factory.mktemp("pixels"), recipe.load("tiny").with_changes(input_edge=32).input_spec
    return {
        split: pipeline.load(snapshot_directory, snapshot.of(split), TRASHNET, spec, cache)
        for split in (Split.TRAIN, Split.VALIDATION)
    }


@pytest.fixture(scope="module")
def unbroken(kept: Recipe, pictures: dict[Split, Pictures], tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """A fit of `kept` that nobody disturbed."""
    fit = start(kept, pictures, tmp_path_factory.mktemp("unbroken"))
    fit.run()
    return fit


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many views were computed, each time."""
    counts: list[int] = []
    compute = KeptFeatures._computed

    def counted(kept: KeptFeatures, views: Views, count: int) -> np.ndarray:
        counts.append(count)
        return compute(kept, views, count)

    monkeypatch.setattr(KeptFeatures, "_computed", counted)
    return counts


def start(
    wanted: Recipe,
    pictures: dict[Split, Pictures],
    folder: Path,
    store: Path | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Fit:
    keras.utils.set_random_seed(5)
    task = Task(wanted, pictures[Split.TRAIN], pictures[Split.VALIDATION], 5, wanted.digest)
    model = backbones.build(wanted, 6, RANDOM_FROZEN)
    return Fit(model, task, folder, report, store=None if store is None else FeatureStore(store))


def weights(fit: Fit) -> np.ndarray:
    return np.concatenate([weight.ravel() for weight in fit.model.get_weights()])


def some_of(pictures: Pictures, count: int) -> Pictures:
    return Pictures(pictures.photos[:count], pictures.pixels[:count], pictures.labels[:count])


def test_each_view_is_computed_once_and_only_for_new_photos(
    kept: Recipe, pictures: dict[Split, Pictures], tmp_path: Path, computed: list[int]
) -> None:
    train, validation = len(pictures[Split.TRAIN]), len(pictures[Split.VALIDATION])
    fewer = {**pictures, Split.TRAIN: some_of(pictures[Split.TRAIN], train - 5)}
    only_head = kept.with_changes(stages=kept.stages[:1])
    start(only_head, fewer, tmp_path / "one", tmp_path / "features").run()
    assert sum(computed) == VIEWS * (train - 5) + validation
    computed.clear()
    start(only_head, pictures, tmp_path / "two", tmp_path / "features").run()
    assert sum(computed) == VIEWS * 5


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_resumed_fit_on_kept_features_does_what_an_unbroken_one_does(
    kept: Recipe, pictures: dict[Split, Pictures], unbroken: Fit, tmp_path: Path, killed_after: int
) -> None:
    """Killed between two views of the head, and in those of the half."""

    def kill(progress: Progress) -> None:
        if progress.epoch == killed_after and progress.metrics:
            raise Killed

    with pytest.raises(Killed):
        start(kept, pictures, tmp_path / "broken", report=kill).run()
    resumed = start(kept, pictures, tmp_path / "broken")
    assert len(resumed.state.epochs) == killed_after
    resumed.run()
    assert np.allclose(weights(resumed), weights(unbroken), rtol=0, atol=1e-6)


def test_features_that_were_evicted_change_nothing(
    kept: Recipe,
    pictures: dict[Split, Pictures],
    unbroken: Fit,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tight = start(kept, pictures, tmp_path)
    tight._store = FeatureStore(tmp_path / "features", capacity_bytes=100_000)
    tight.run()
    assert np.allclose(weights(unbroken), weights(tight), rtol=0, atol=1e-6)
    assert "Give --features-gigabytes 1" in caplog.text


def test_kept_and_fresh_features_teach_the_same(kept: Recipe, pictures: dict[Split, Pictures], tmp_path: Path) -> None:
    """Without views and noise, the only difference is the rounding of what is kept."""
    plain = {"augmentation": {}, "mixup_alpha": 0, "head": {}, "weight_averaging": 0, "optimizer": "sgd"}
    (half,) = kept.stages[1:]
    stages = [half.model_dump() | {"augment": False, "cached_views": views} for views in (1, 0)]
    fits = [
        start(kept.with_changes(stages=[stage], **plain), pictures, tmp_path / str(stage["cached_views"]))
        for stage in stages
    ]
    for fit in fits:
        fit.run()
    cached, fresh = fits
    assert np.allclose(weights(cached), weights(fresh), rtol=0, atol=2e-3)
    began = start(kept.with_changes(stages=[stages[0]], **plain), pictures, tmp_path / "untrained")
    assert np.abs(weights(cached) - weights(began)).max() > 0.02


def test_only_what_is_above_the_boundary_changes(
    kept: Recipe, pictures: dict[Split, Pictures], unbroken: Fit, tmp_path: Path
) -> None:
    began = start(kept, pictures, tmp_path)
    before, after = (
        [layer.get_weights() for layer in fit.model.get_layer("backbone").layers] for fit in (began, unbroken)
    )
    same = [
        all(np.array_equal(one, other) for one, other in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
        if pair[0]
    ]
    assert same == [True] * 4 + [False] * 4


def test_the_features_of_a_fit_without_a_store_of_its_own_go_with_it(unbroken: Fit) -> None:
    assert {path.name for path in unbroken.folder.iterdir()} == {"state.json", unbroken.state.start}


def kept_features(wanted: Recipe, store: Path, loaders: Loaders) -> KeptFeatures:
    keras.utils.set_random_seed(5)
    model = backbones.build(wanted, 6, RANDOM_FROZEN)
    backbones.set_trainable(model, wanted.stages[1])
    boundary: Boundary = split_at(model, wanted.stages[1])
    return KeptFeatures(FeatureStore(store), boundary, wanted, wanted.stages[1], loaders)


def test_views_come_back_epoch_after_epoch_and_differ_from_one_another(
    kept: Recipe, pictures: dict[Split, Pictures], tmp_path: Path
) -> None:
    train = some_of(pictures[Split.TRAIN], 8)
    with Loaders(0) as none:
        found = kept_features(kept, tmp_path, none)
        first, second, again = (found.of_epoch(train, epoch)[:] for epoch in (0, 1, VIEWS))
        unchanged = found.unchanged(train)[:]
    assert np.array_equal(first, again)
    assert not np.allclose(first, second)
    assert np.allclose(unchanged, found.boundary.lower.predict(train.pixels, verbose=0), atol=2e-2)


def test_a_view_does_not_depend_on_the_photos_around_it(kept: Recipe, pictures: dict[Split, Pictures]) -> None:
    train = pictures[Split.TRAIN]
    alone = Views(train, np.array([7]), 1, kept.augmentation)[0]
    together = Views(train, np.arange(20), 1, kept.augmentation)[0]
    assert np.array_equal(alone[0], together[7])
    assert not np.array_equal(alone[0], Views(train, np.array([7]), 2, kept.augmentation)[0][0])
    assert np.array_equal(Views(train, np.array([7]), features.UNCHANGED, None)[0][0], train.pixels[7])


def test_loading_processes_make_the_same_views(kept: Recipe, pictures: dict[Split, Pictures], tmp_path: Path) -> None:
    train = pictures[Split.TRAIN]
    with Loaders(0) as none, Loaders(1) as one:
        alone = kept_features(kept, tmp_path / "alone", none).of_epoch(train, 0)
        loaded = kept_features(kept, tmp_path / "loaded", one).of_epoch(train, 0)
    assert np.array_equal(alone[:], loaded[:])
