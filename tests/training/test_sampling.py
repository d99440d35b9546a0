from collections import Counter

import numpy as np
import pytest

from training.fitting import sampling

LABELS = np.array([0] * 12 + [1] * 5 + [2])


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_oversampling_shows_each_class_as_often_as_the_largest() -> None:
    order = sampling.oversample(LABELS, seeded())
    assert Counter(LABELS[order].tolist()) == {0: 12, 1: 12, 2: 12}


def test_oversampling_repeats_photos_evenly() -> None:
    times = Counter(sampling.oversample(LABELS, seeded()).tolist())
    assert [times[photo] for photo in range(12)] == [1] * 12
    assert sorted(times[photo] for photo in range(12, 17)) == [2, 2, 2, 3, 3]
    assert times[17] == 12


def test_the_order_follows_from_the_generator() -> None:
    assert np.array_equal(sampling.oversample(LABELS, seeded(1)), sampling.oversample(LABELS, seeded(1)))
    assert not np.array_equal(sampling.oversample(LABELS, seeded(1)), sampling.oversample(LABELS, seeded(2)))


def test_smote_fills_up_rare_classes_with_features_between_those_there_are() -> None:
    features = (seeded(9).normal(size=(18, 2)) + LABELS[:, np.newaxis] * 10).astype(np.float32)
    more, labels = sampling.smote(features, LABELS, seeded())
    assert Counter(labels.tolist()) == {0: 12, 1: 12, 2: 12}
    assert np.array_equal(more[:18], features)
    assert more.dtype == np.float32
    of_one = features[LABELS == 1]
    new = more[18:][labels[18:] == 1]
    assert len({tuple(each) for each in new.tolist()} - {tuple(each) for each in of_one.tolist()}) == 7
    for each in new:
        assert any(_lies_between(each, one, other) for one in of_one for other in of_one if one is not other)


def _lies_between(point: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    detour = np.linalg.norm(point - one) + np.linalg.norm(other - point) - np.linalg.norm(other - one)
    return bool(detour < 1e-4)


def test_smote_repeats_a_photo_without_neighbours() -> None:
    features = np.arange(18, dtype=np.float32)[:, np.newaxis]
    more, labels = sampling.smote(features, LABELS, seeded())
    assert set(more[labels == 2].ravel().tolist()) == {17.0}


def test_smote_changes_nothing_where_classes_are_balanced() -> None:
    features = np.eye(4, dtype=np.float32)
    more, labels = sampling.smote(features, np.array([0, 0, 1, 1]), seeded())
    assert np.array_equal(more, features)
    assert labels == pytest.approx([0, 0, 1, 1])
