import keras
import numpy as np
import pytest

from training import backbones, recipe
from training.fitting import losses
from training.recipe import Recipe

TARGETS = np.array([[1, 0, 0], [0.25, 0.75, 0]], dtype=np.float32)
OWN = np.array([[2, 1, -1], [0.5, 0, 3]], dtype=np.float32)
TEACHER = np.array([[3, 0, 0], [0, 4, 1]], dtype=np.float32)


@pytest.fixture
def plain() -> Recipe:
    return recipe.load("tiny").with_changes(input_edge=32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def loss_of(wanted: Recipe, answers: np.ndarray, *, taught: bool = False) -> float:
    return float(losses.of(wanted, taught=taught)(TARGETS, answers))


def test_cross_entropy_takes_mixed_targets(plain: Recipe) -> None:
    assert loss_of(plain, OWN) == pytest.approx(-(TARGETS * log_softmax(OWN)).sum(axis=1).mean(), rel=1e-5)


def test_label_smoothing_moves_targets_towards_all_labels(plain: Recipe) -> None:
    smoothed = TARGETS * 0.9 + 0.1 / 3
    wanted = -(smoothed * log_softmax(OWN)).sum(axis=1).mean()
    assert loss_of(plain.with_changes(label_smoothing=0.1), OWN) == pytest.approx(wanted, rel=1e-5)


def test_the_focal_loss_weighs_sure_answers_less(plain: Recipe) -> None:
    log_likelihood = log_softmax(OWN)
    wanted = -(TARGETS * (1 - np.exp(log_likelihood)) ** 3 * log_likelihood).sum(axis=1).mean()
    assert loss_of(plain.with_changes(loss="focal", focal_gamma=3), OWN) == pytest.approx(wanted, rel=1e-4)


def test_the_focal_loss_without_focus_is_cross_entropy(plain: Recipe) -> None:
    assert loss_of(plain.with_changes(loss="focal", focal_gamma=0), OWN) == pytest.approx(loss_of(plain, OWN), rel=1e-4)


def test_distillation_adds_what_the_teacher_says_at_its_temperature(plain: Recipe) -> None:
    taught = plain.with_changes(distillation_weight=0.7, distillation_temperature=3)
    soft = np.exp(log_softmax(TEACHER / 3))
    soft_loss = -(soft * log_softmax(OWN / 3)).sum(axis=1).mean()
    answers = np.concatenate([OWN, TEACHER], axis=1)
    assert loss_of(taught, answers, taught=True) == pytest.approx(
        0.3 * loss_of(plain, OWN) + 0.7 * 9 * soft_loss, rel=1e-5
    )


def test_accuracy_is_that_of_the_own_answers() -> None:
    alone, taught = (np.asarray(losses.accuracy(TARGETS, answers)) for answers in (OWN, np.hstack([OWN, TEACHER])))
    assert alone.tolist() == taught.tolist() == [1, 0]


def test_a_teacher_sees_the_same_view_at_its_own_size_and_learns_nothing(plain: Recipe) -> None:
    keras.utils.set_random_seed(0)
    student = backbones.build(plain, 3, "random")
    teacher = backbones.build(plain.with_changes(input_edge=48), 3, "random")
    pair = losses.with_teacher(student, teacher)
    photo = np.full((1, 32, 32, 3), 200, dtype=np.uint8)
    own, theirs = np.split(pair.predict(photo, verbose=0), 2, axis=1)
    assert own == pytest.approx(student.predict(photo, verbose=0), abs=1e-5)
    assert theirs == pytest.approx(teacher.predict(np.full((1, 48, 48, 3), 200), verbose=0), abs=1e-4)
    assert len(pair.trainable_variables) == len(student.trainable_variables)
