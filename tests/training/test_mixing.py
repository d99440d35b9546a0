import numpy as np
import pytest

from training.fitting.mixing import Mixing

LABELS = np.eye(4, dtype=np.float32)
PICTURES = np.stack([np.full((16, 16, 3), 60 * number, dtype=np.uint8) for number in range(4)])


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_without_mixing_nothing_changes() -> None:
    inputs, targets = Mixing().mix(PICTURES, LABELS, seeded())
    assert inputs is PICTURES
    assert targets is LABELS


def test_mixup_blends_pictures_as_it_blends_labels() -> None:
    inputs, targets = Mixing(mixup_alpha=1).mix(PICTURES, LABELS, seeded())
    assert inputs.dtype == np.uint8
    values = targets @ np.array([0.0, 60.0, 120.0, 180.0])
    assert inputs.mean(axis=(1, 2, 3)) == pytest.approx(values, abs=0.51)
    assert targets.sum(axis=1) == pytest.approx(np.ones(4))
    assert targets.max(axis=1).min() < 1


def test_cutmix_gives_labels_the_share_of_their_pixels() -> None:
    for seed in range(10):
        inputs, targets = Mixing(cutmix_alpha=1).mix(PICTURES, LABELS, seeded(seed))
        for picture, target in zip(inputs, targets, strict=True):
            shares = [(picture[..., 0] == 60 * number).mean() for number in range(4)]
            assert target == pytest.approx(shares, abs=1e-6)


def test_cutmix_pastes_one_rectangle() -> None:
    inputs, _ = Mixing(cutmix_alpha=1).mix(PICTURES, LABELS, seeded(2))
    changed = (inputs != PICTURES).any(axis=-1)
    assert changed.any()
    for picture in changed:
        rows, columns = picture.any(axis=1), picture.any(axis=0)
        assert np.array_equal(picture, np.outer(rows, columns))


def test_with_both_a_batch_takes_one_or_the_other() -> None:
    """A cut keeps the values that there were, a blend makes new ones."""
    both = Mixing(mixup_alpha=1, cutmix_alpha=1)
    batches = [both.mix(PICTURES, LABELS, seeded(seed))[0] for seed in range(20)]
    blended = [not set(np.unique(batch)) <= {0, 60, 120, 180} for batch in batches]
    assert any(blended)
    assert not all(blended)


def test_kept_features_can_be_blended_too() -> None:
    features = np.arange(8, dtype=np.float32).reshape(4, 2)
    inputs, targets = Mixing(mixup_alpha=1).mix(features, LABELS, seeded())
    assert inputs == pytest.approx(targets @ features, abs=1e-5)
    assert inputs.dtype == np.float32


def test_the_same_generator_mixes_the_same_way() -> None:
    one, same, other = (Mixing(0.4, 1).mix(PICTURES, LABELS, seeded(seed))[1] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
