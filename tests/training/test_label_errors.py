"""Label errors, planted in clouds of points and found in real photos."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mobile_models import bundled, photo
from mobile_models.classifier import Classifier
from training.data.labelled_files import DataError
from training.reporting import label_errors
from training.reporting.label_errors import Pair

CONTRADICTIONS = {("glass115", "metal91"), ("glass176", "plastic152"), ("glass389", "plastic332")}
OTHERS_OF_A_CLASS = 6
ALONE = [str(place) for place in range(120)]
"""Each photo is a group of its own."""


def clouds(chance: np.random.Generator, each: int = 40) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three classes of points, 8 coordinates each, well apart."""
    centres = np.eye(3, 8) * 9
    labels = np.repeat(np.arange(3), each)
    return (centres[labels] + chance.normal(size=(len(labels), 8))).astype(np.float32), labels


def test_flipped_labels_are_doubted_and_true_ones_are_not() -> None:
    points, true = clouds(np.random.default_rng(1))
    flipped = true.copy()
    flipped[[3, 50, 100]] = [1, 2, 0]
    probabilities = label_errors.out_of_sample(points, flipped, ALONE, 3)
    doubts = label_errors.doubts(probabilities, flipped)
    assert probabilities[[3, 50, 100]].argmax(axis=1).tolist() == [0, 1, 2], "the heads see through wrong labels"
    assert {(doubt.place, doubt.suggested) for doubt in doubts} >= {(3, 0), (50, 1)}
    assert {doubt.place for doubt in doubts} <= {3, 50, 100}
    assert label_errors.doubts(label_errors.out_of_sample(points, true, ALONE, 3), true) == []


def test_the_surest_error_comes_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.95, 0.05], [0.1, 0.9], [0.05, 0.95]])
    doubts = label_errors.doubts(probabilities, np.array([0, 0, 0, 1, 1, 1]))
    assert [(doubt.place, doubt.suggested) for doubt in doubts] == [(3, 0), (2, 1), (1, 1)]
    assert [doubt.margin for doubt in doubts] == pytest.approx([-0.9, -0.8, -0.4])


def test_an_unsure_model_accuses_nobody() -> None:
    """No probability reaches the mean of another class, so nothing is off the diagonal."""
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6], [0.45, 0.55]])
    assert label_errors.doubts(probabilities, np.array([0, 0, 1, 1])) == []


def test_a_class_without_photos_is_never_suggested() -> None:
    probabilities = np.array([[0.2, 0.1, 0.7], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert all(doubt.suggested != 2 for doubt in label_errors.doubts(probabilities, np.array([0, 0, 1])))


def test_no_head_is_fitted_to_the_group_that_it_answers_for() -> None:
    """One object, photographed five times and labelled wrongly each time, is doubted each time."""
    points, labels = clouds(np.random.default_rng(2))
    points[:5] = points[100] + np.random.default_rng(3).normal(0, 0.01, (5, 8))
    groups = ["wrong"] * 5 + [str(n) for n in range(5, len(labels))]
    doubted = label_errors.doubts(label_errors.out_of_sample(points, labels, groups, 3), labels)
    assert {doubt.place for doubt in doubted} == set(range(5))


def test_a_label_with_one_group_cannot_be_cross_validated() -> None:
    points, labels = clouds(np.random.default_rng(4), each=4)
    groups = ["same"] * 4 + [str(n) for n in range(8)]
    with pytest.raises(DataError, match="2 folds need 2 groups"):
        label_errors.out_of_sample(points, labels, groups, 3)


def test_equal_photos_with_different_labels_are_paired() -> None:
    points, labels = clouds(np.random.default_rng(5))
    points[7], points[60] = points[90], points[41]
    assert label_errors.look_alikes(points, labels) == [Pair(7, 90, pytest.approx(1.0))]


@pytest.mark.real_photos
def test_the_contradictory_pairs_of_trashnet_are_found_by_their_look() -> None:
    """Three photos of TrashNet are there twice, byte for byte, under two labels."""
    folder = Path(os.environ["WASTELENS_TEST_DATA"]) / "trashnet"
    wanted = {name for pair in CONTRADICTIONS for name in pair}
    files = [
        file
        for label in sorted(folder.iterdir())
        if label.is_dir()
        for number, file in enumerate(sorted(label.glob("*.jpg")))
        if number < OTHERS_OF_A_CLASS or file.stem in wanted
    ]
    model = Classifier.load(bundled.newest())
    prepared = [model.manifest.input_spec.prepare(photo.decode(file.read_bytes())) for file in files]
    embedding = np.stack([model.logits(each)[1].copy() for each in prepared])
    labels = np.array([model.manifest.label_set.index(file.parent.name) for file in files])
    pairs = label_errors.look_alikes(embedding, labels)
    assert {(files[pair.first].stem, files[pair.second].stem) for pair in pairs} == CONTRADICTIONS
