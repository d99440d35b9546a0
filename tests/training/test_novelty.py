"""Clusters on a sphere stand for labels; what points elsewhere is new."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluation import novelty

LENGTH, LABELS = 32, 3


def photos_of(label: int, count: int, seed: int) -> NDArray[np.float32]:
    """Embeddings about one axis for each label, of any length."""
    chance = np.random.default_rng([seed, label])
    near = np.eye(LENGTH)[label] + chance.normal(0, 0.05, (count, LENGTH))
    return (near * chance.uniform(0.5, 4, (count, 1))).astype(np.float32)


def known(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    embeddings = np.concatenate([photos_of(label, count, seed) for label in range(LABELS)])
    return embeddings, np.repeat(np.arange(LABELS), count)


def test_what_is_like_no_label_is_too_far_and_new_photos_of_a_label_are_not() -> None:
    train, labels = known(60, 0)
    score = novelty.fit(train, labels, known(60, 1)[0], kept=0.95)
    again, elsewhere = known(200, 2)[0], photos_of(20, 200, 3)
    assert (score.distances(again) <= score.threshold).mean() == pytest.approx(0.95, abs=0.04)
    assert (score.distances(elsewhere) > score.threshold).all()
    assert novelty.auroc(score.distances(again), score.distances(elsewhere)) == 1


def test_the_brightness_of_an_embedding_does_not_matter() -> None:
    train, labels = known(20, 0)
    score = novelty.fit(train, labels, train, kept=0.9)
    np.testing.assert_allclose(score.distances(train * 7), score.distances(train), rtol=1e-5)


def test_few_photos_give_a_score_all_the_same() -> None:
    train, labels = known(2, 0)
    score = novelty.fit(train, labels, train, kept=0.98)
    assert np.isfinite(score.distances(train)).all()
    same = np.repeat(np.eye(LENGTH, dtype=np.float32)[:LABELS], 2, axis=0)
    assert novelty.fit(same, labels, same, kept=1.0).relative(same[:1]) == pytest.approx([0], abs=1)


def test_the_area_under_the_curve_counts_ties_half() -> None:
    assert novelty.auroc(np.array([1.0, 2.0]), np.array([3.0])) == 1
    assert novelty.auroc(np.array([1.0, 2.0]), np.array([0.0])) == 0
    assert novelty.auroc(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.5
