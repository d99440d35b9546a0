"""Steps are compared with their formulas, on a model with one weight."""

import keras
import numpy as np
import pytest

from training import recipe
from training.fitting import optimizers
from training.recipe import Recipe
from training.recipe_parts import Optimizer

TARGETS = [3.0, -1.0, 4.0, 1.0, -5.0]


@pytest.fixture
def plain() -> Recipe:
    return recipe.load("tiny").with_changes(optimizer="sgd", class_weights="none")


def weights_after(wanted: Recipe, targets: list[float], factor: float = 1) -> tuple[list[float], object]:
    """Steps of rate 0.1 on loss (w - target)^2 / 2 from w = 2; return w after each of them, and the optimiser."""
    weight = keras.Variable(np.float32(2), name="w")
    optimizer = optimizers.build(wanted, 0.1, [weight], {id(weight): factor})
    reached = []
    for target in targets:
        optimizer.apply([weight.value - target])
        reached.append(float(weight.value))
    return reached, optimizer


def by_hand(targets: list[float], rate: float = 0.1, decay: float = 0) -> list[float]:
    weight, reached = 2.0, []
    for target in targets:
        gradient = weight - target
        weight = weight - rate * decay * weight - rate * gradient
        reached.append(weight)
    return reached


def test_sgd_steps_down_the_gradient(plain: Recipe) -> None:
    assert weights_after(plain, TARGETS)[0] == pytest.approx(by_hand(TARGETS), rel=1e-5)


def test_decay_is_decoupled_from_the_gradient(plain: Recipe) -> None:
    decaying = plain.with_changes(weight_decay=0.2)
    assert weights_after(decaying, TARGETS)[0] == pytest.approx(by_hand(TARGETS, decay=0.2), rel=1e-5)


@pytest.mark.parametrize("optimizer", [Optimizer.SGD, Optimizer.ADAMW])
def test_a_factor_scales_the_update_not_the_gradient(plain: Recipe, optimizer: Optimizer) -> None:
    """Adam's first step has the length of the learning rate whatever the gradient is, so a factor must come after."""
    wanted = plain.with_changes(optimizer=optimizer)
    (whole,), (tenth,) = (weights_after(wanted, [0.0], factor)[0] for factor in (1, 0.1))
    assert 2 - tenth == pytest.approx((2 - whole) / 10, rel=1e-4)


def test_adamw_is_that_of_keras(plain: Recipe) -> None:
    weight = keras.Variable(np.float32(2), name="w")
    theirs = keras.optimizers.AdamW(0.1, weight_decay=0.1)
    theirs.build([weight])
    for target in TARGETS:
        theirs.apply([weight.value - target])
    ours, _ = weights_after(plain.with_changes(optimizer="adamw", weight_decay=0.1), TARGETS)
    assert ours[-1] == pytest.approx(float(weight.value), rel=1e-5)


def test_gradients_are_clipped_to_their_common_length(plain: Recipe) -> None:
    variables = [keras.Variable(np.float32(0), name=name) for name in ("one", "other")]
    optimizer = optimizers.build(plain.with_changes(gradient_norm=1), 0.1, variables)
    optimizer.apply([keras.ops.convert_to_tensor(3.0), keras.ops.convert_to_tensor(4.0)])
    assert [float(each.value) for each in variables] == pytest.approx([-0.06, -0.08], rel=1e-4)


def test_averages_are_free_of_the_weights_before_the_first_step(plain: Recipe) -> None:
    reached, optimizer = weights_after(plain.with_changes(weight_averaging=0.9), TARGETS)
    shares = 0.9 ** np.arange(len(TARGETS))[::-1]
    assert float(optimizer.averages[0].value) == pytest.approx(np.average(reached, weights=shares), rel=1e-4)


def test_averages_are_only_lent_to_the_weights(plain: Recipe) -> None:
    weight = keras.Variable(np.float32(2), name="w")
    optimizer = optimizers.build(plain.with_changes(weight_averaging=0.9), 0.1, [weight])
    for target in TARGETS:
        optimizer.apply([weight.value - target])
    trained, average = float(weight.value), float(optimizer.averages[0].value)
    with optimizers.averaged(optimizer, [weight]):
        assert float(weight.value) == average != trained
    assert float(weight.value) == trained


def test_without_averaging_the_weights_are_those_of_the_last_step(plain: Recipe) -> None:
    weight = keras.Variable(np.float32(2), name="w")
    optimizer = optimizers.build(plain, 0.1, [weight])
    optimizer.apply([weight.value])
    with optimizers.averaged(optimizer, [weight]):
        assert float(weight.value) == pytest.approx(1.8)


def test_momentum_is_that_of_nesterov(plain: Recipe) -> None:
    weight, velocity = 2.0, 0.0
    for target in TARGETS:
        gradient = weight - target
        velocity = 0.9 * velocity - 0.1 * gradient
        weight = weight + 0.9 * velocity - 0.1 * gradient
    assert weights_after(plain.with_changes(momentum=0.9), TARGETS)[0][-1] == pytest.approx(weight, rel=1e-4)
