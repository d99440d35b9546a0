import pickle
from pathlib import Path

import numpy as np
import pytest

from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET
from training.dataset import DatasetSnapshot, Split
from training.fitting import pipeline
from training.fitting.batches import Batches, Changes
from training.fitting.loading import Loaders
from training.fitting.mixing import Mixing
from training.fitting.pipeline import Pictures
from training.recipe_parts import Augmentation

SPEC = InputSpec(width=32, height=32)


@pytest.fixture
def holdout(snapshot_directory: Path, tmp_path: Path) -> Pictures:
    snapshot = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    return pipeline.load(snapshot_directory, snapshot.of(Split.HOLDOUT), TRASHNET, SPEC, tmp_path)


def batches(pictures: Pictures, *seed: int, size: int = 8, changes: Changes | None = None) -> Batches:
    return Batches(pictures.pixels, pictures.labels, np.arange(1.0, 7.0), size, seed, changes)


def test_batches_carry_one_hot_labels_and_the_weight_of_their_class(holdout: Pictures) -> None:
    inputs, targets, weights = batches(holdout, 1)[0]
    assert (inputs.shape, inputs.dtype) == ((8, 32, 32, 3), np.uint8)
    assert np.array_equal(targets.sum(axis=1), np.ones(8))
    assert np.array_equal(weights, targets.argmax(axis=1) + 1)


def test_an_epoch_shows_each_photo_once_in_an_order_of_its_own(holdout: Pictures) -> None:
    def epoch(*seed: int) -> list[bytes]:
        return [picture.tobytes() for inputs, _, _ in batches(holdout, *seed) for picture in inputs]

    assert sorted(epoch(1)) == sorted(picture.tobytes() for picture in holdout.pixels)
    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_the_same_seed_gives_the_same_views(holdout: Pictures) -> None:
    turned = Changes(Augmentation(rotation_degrees=30))
    first, again, other = (batches(holdout, *seed, changes=turned)[1][0] for seed in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({picture.tobytes() for picture in first}) == 8


def test_what_does_not_fill_a_batch_waits(holdout: Pictures) -> None:
    assert len(batches(holdout, 1, size=10)) == 2
    assert len(batches(holdout, 1, size=100)) == 1
    assert len(batches(holdout, 1, size=100)[0][0]) == 24


def test_mixed_photos_weigh_what_their_labels_weigh_together(holdout: Pictures) -> None:
    """Target times weight is label share times class weight: the loss is the sum of those of both labels."""
    class_weights = np.arange(1.0, 7.0)
    _, targets, weights = batches(holdout, 1, changes=Changes(mixing=Mixing(mixup_alpha=1)))[0]
    assert targets.max(axis=1).min() < 1
    assert targets.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-6)
    shares = targets * weights[:, np.newaxis] / class_weights
    assert shares.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)


@pytest.mark.parametrize("loaders", [1, 2])
def test_loading_processes_give_the_same_batches_in_the_same_order(holdout: Pictures, loaders: int) -> None:
    changed = Changes(Augmentation(rotation_degrees=30, noise=5), Mixing(0.4, 1))
    wanted = list(batches(holdout, 1, 2, size=4, changes=changed))
    with Loaders(loaders) as pool:
        given = list(pool.stream(batches(holdout, 1, 2, size=4, changes=changed)))
    assert len(given) == len(wanted) == 6
    for one, other in zip(given, wanted, strict=True):
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_photos_travel_to_another_process_as_the_name_of_their_file(holdout: Pictures) -> None:
    sent = pickle.dumps(batches(holdout, 1))
    assert len(sent) < holdout.pixels.nbytes / 10
    assert np.array_equal(pickle.loads(sent)[0][0], batches(holdout, 1)[0][0])  # noqa: S301  # Our own bytes.
