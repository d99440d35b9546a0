import numpy as np
import pytest

from mobile_models.classifier import softmax
from training.evaluation import calibration


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
    """Of the first label's answers a third are wrong, of the second's none."""
    chance = np.random.default_rng(0)
    predicted = np.repeat([0, 1], 60)
    labels = np.where((predicted == 0) & (chance.random(120) < 0.33), 1, predicted)
    margins = np.where(labels == predicted, 2.5, 1.0) + chance.uniform(0, 0.5, 120)
    logits = np.stack([margins * (predicted == 0), margins * (predicted == 1)], axis=1).astype(np.float32)
    first, second = calibration.calibrate(logits, labels, 0.9).fits
    assert first.threshold > second.threshold
    assert second.reached


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    confidence = np.full(100, 0.9)
    assert calibration.expected_calibration_error(confidence, np.arange(100) < 90) == pytest.approx(0)
    assert calibration.expected_calibration_error(confidence, np.arange(100) < 50) == pytest.approx(0.4)


def scores_of(right: int, wrong: int, high: float = 0.95, low: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    return np.array([high] * right + [low] * wrong), np.array([True] * right + [False] * wrong)


def test_a_threshold_rises_until_the_stated_precision_is_reached() -> None:
    scores, right = scores_of(40, 15)
    lax, strict = calibration.fit_threshold(scores, right, 0.6), calibration.fit_threshold(scores, right, 0.9)
    assert (lax.threshold, lax.answers, lax.kept) == (0.5, 55, 1)
    assert 0.7 < strict.threshold < 0.72
    assert strict.reached
    assert (strict.answers, strict.kept) == (40, pytest.approx(40 / 55))
    assert strict.lower_bound == pytest.approx(0.05 ** (1 / 40))


def test_a_label_that_cannot_reach_the_precision_says_so_and_is_not_silenced() -> None:
    chance = np.random.default_rng(0)
    scores, right = chance.uniform(0.6, 1, 60), chance.random(60) < 0.4
    fit = calibration.fit_threshold(scores, right, 0.9)
    assert not fit.reached
    assert fit.precision < 0.9
    assert fit.kept >= calibration.LEAST_KEPT


def test_two_photos_do_not_prove_a_precision() -> None:
    fit = calibration.fit_threshold(np.array([0.62, 0.63]), np.array([True, True]), 0.9)
    assert not fit.reached
    assert 0.62 < fit.precision < 0.9


def test_a_label_that_was_never_predicted_keeps_the_middle() -> None:
    fit = calibration.fit_threshold(np.array([]), np.array([], dtype=bool), 0.9)
    assert (fit.threshold, fit.answers, fit.kept, fit.reached) == (0.5, 0, 0, False)
