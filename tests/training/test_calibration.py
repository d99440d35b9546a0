import numpy as np
import pytest

from mobile_models.classifier import softmax
from training import calibration


def test_the_temperature_undoes_a_known_scale() -> None:
    chance = np.random.default_rng(0)
    true_logits = chance.normal(0, 2, (4000, 6)).astype(np.float32)
    labels = np.array([chance.choice(6, p=row) for row in softmax(true_logits, 1.0)])
    assert calibration.temperature(true_logits * 3, labels) == pytest.approx(3, rel=0.1)
    assert calibration.temperature(true_logits / 2, labels) == pytest.approx(0.5, rel=0.1)


def test_answers_that_are_mostly_wrong_below_a_score_become_unsure() -> None:
    scores = np.array([0.41, 0.45, 0.53, 0.57, 0.7, 0.8])
    right = np.array([False, False, False, True, True, True])
    assert 0.53 < calibration.threshold(scores, right) <= 0.57


def test_right_answers_lower_the_threshold() -> None:
    assert calibration.threshold(np.array([0.42, 0.5, 0.9]), np.array([True, True, True])) <= 0.42


def test_without_evidence_the_threshold_is_where_right_and_wrong_are_even() -> None:
    assert calibration.threshold(np.array([]), np.array([], dtype=bool)) == 0.5
    assert calibration.threshold(np.array([0.9, 0.1]), np.array([True, False])) == 0.5


def test_few_photos_cannot_silence_a_label() -> None:
    wrong = calibration.threshold(np.array([0.55, 0.99]), np.array([False, False]))
    assert wrong <= calibration.HIGHEST_THRESHOLD


def test_each_label_has_its_own_threshold() -> None:
    logits = np.log(np.array([[0.55, 0.45], [0.7, 0.3], [0.45, 0.55], [0.3, 0.7]], dtype=np.float32))
    first, second = calibration.thresholds(logits, np.array([1, 0, 1, 1]), 1.0)
    assert first > 0.55
    assert second == 0.5


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    confidence = np.full(100, 0.9)
    assert calibration.expected_calibration_error(confidence, np.arange(100) < 90) == pytest.approx(0)
    assert calibration.expected_calibration_error(confidence, np.arange(100) < 50) == pytest.approx(0.4)
