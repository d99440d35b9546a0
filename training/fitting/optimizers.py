"""How a step changes the weights.

Guarantees: all that a step needs lies in the optimiser's variables, so a checkpoint with them goes on exactly. Written
with Keras alone: it runs on every backend and within its compiled step.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training import backbones
from training.recipe import Recipe
from training.recipe_parts import Optimizer, Precision, Stage

Factors = Mapping[int, float]
"""The share of the learning rate of a variable, by its `id`; those that are not named take all of it."""


def build(recipe: Recipe, learning_rate: float, variables: Sequence[Any], factors: Factors | None = None) -> Any:
    """Return the optimiser of `recipe`, ready for `variables`."""
    own: dict[str, Any] = {
        "learning_rate": learning_rate,
        "global_clipnorm": recipe.gradient_norm,
        "decay": recipe.weight_decay,
        "averaging": recipe.weight_averaging,
        "factors": factors or {},
    }
    if recipe.optimizer is Optimizer.SGD:
        optimizer = Sgd(momentum=recipe.momentum, nesterov=bool(recipe.momentum), **own)
    else:
        optimizer = Adam(**own)
    if recipe.precision is Precision.FLOAT16:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(list(variables))
    return optimizer


def factors(model: keras.Model, stage: Stage) -> Factors:
    """Return how much slower the backbone's variables learn, each group by one more factor, from the head downwards.

    As in Howard and Ruder 2018, arXiv:1801.06146, section 3.2 (discriminative fine-tuning).
    """
    if stage.group_learning_rate_factor == 1:
        return {}
    from_the_top = reversed(backbones.groups_of(model.get_layer(backbones.BACKBONE)))
    return {
        id(variable): stage.group_learning_rate_factor**depth
        for depth, group in enumerate(from_the_top, start=1)
        for layer in group
        for variable in layer.variables
    }


@contextmanager
def averaged(optimizer: Any, variables: Sequence[Any]) -> Iterator[None]:
    """Give `variables` their running averages for a while, where the recipe wants any."""
    averages = getattr(optimizer, "inner_optimizer", optimizer).averages
    if not averages:
        yield
        return
    trained = _values(variables)
    for variable, value in zip(variables, _values(averages), strict=True):
        variable.assign(value)
    try:
        yield
    finally:
        for variable, value in zip(variables, trained, strict=True):
            variable.assign(value)


def _values(variables: Sequence[Any]) -> list[NDArray[Any]]:
    """Copies: JAX gives away the buffer of a variable, and with it that of another one that was assigned from it."""
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


class _Steps:
    """Over an optimiser of Keras: a learning rate for each variable, decoupled decay, and running averages.

    Decay: Loshchilov and Hutter 2019, arXiv:1711.05101. Averages: Polyak and Juditsky 1992, exponential, with the
    correction of the start by Kingma and Ba 2015 (section 3), so that the weights before the first step have no share.
    """

    def __init__(self, *, decay: float, averaging: float, factors: Factors, **own: Any) -> None:
        super().__init__(**own)
        self._decay, self._averaging, self._all_factors = decay, averaging, dict(factors)
        self.averages: list[Any] = []

    def build(self, variables: list[Any]) -> None:
        super().build(variables)  # type: ignore[misc]
        self._factors = [self._all_factors.get(id(variable), 1.0) for variable in variables]
        if self._averaging:
            self.averages = [self.add_variable_from_reference(each, "average") for each in variables]  # type: ignore[attr-defined]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        position = self._get_variable_index(variable)  # type: ignore[attr-defined]
        rate = ops.cast(learning_rate, variable.dtype) * self._factors[position]
        if self._decay:
            self.assign_sub(variable, ops.multiply(variable, rate * self._decay))  # type: ignore[attr-defined]
        super().update_step(gradient, variable, rate)  # type: ignore[misc]
        if self.averages:
            self._average(variable, self.averages[position])

    def _average(self, variable: Any, average: Any) -> None:
        """average_t = sum_i d^(t-i) w_i / sum_i d^(t-i) over the steps i = 1..t, as a running sum."""
        before = ops.cast(self.iterations, variable.dtype)  # type: ignore[attr-defined]
        kept = self._averaging
        new = (1 - kept) / (1 - ops.power(ops.cast(kept, variable.dtype), before + 1))
        self.assign_add(average, ops.multiply(ops.subtract(variable, average), new))  # type: ignore[attr-defined]


class Adam(_Steps, keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types.
    """Kingma and Ba 2015; with decay this is AdamW."""


class Sgd(_Steps, keras.optimizers.SGD):  # type: ignore[misc]  # Keras has no types.
    """With momentum as Nesterov corrects it (Sutskever et al. 2013)."""
