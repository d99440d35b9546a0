"""What tuning may change of a recipe: which fields, between which values.

Guarantees: a space that is accepted names only fields that the recipe has. No Keras and no Optuna here.

A space as a JSON file; fields are dotted paths as `--set` takes them:

    {"fixed": {"batch_size": 24}, "choices": {"optimizer": ["adam", "sgd"]},
     "ranges": {"stages.*.learning_rate": {"low": 0.0001, "high": 0.01, "log": true}}}
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mobile_models.document import Document
from training import recipe_changes
from training.recipe import Recipe, RecipeError
from training.recipe_parts import Loss, Optimizer

Value = bool | int | float | str


class Range(Document):
    low: float
    high: float
    log: bool = Field(default=False, description="each tenfold as likely as the next")
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_values(self) -> Self:
        if self.low >= self.high or (self.log and (self.low <= 0 or self.step is not None)):
            raise ValueError("a range needs low < high, and with log a low above 0 and no step")
        return self


class Space(Document):
    fixed: dict[str, Value] = Field(default_factory=dict)
    choices: dict[str, tuple[Value, ...]] = Field(default_factory=dict)
    ranges: dict[str, Range] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if not self.choices and not self.ranges:
            raise ValueError("a space needs choices or ranges")
        if empty := [path for path, values in self.choices.items() if not values]:
            raise ValueError(f"choices: nothing to choose for {', '.join(empty)}")
        return self

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of choices. Raise `RecipeError` if there are ranges, which have no end."""
        if self.ranges:
            raise RecipeError(f"ranges: a grid has only choices, and {', '.join(self.ranges)} is a range.")
        for values in itertools.product(*self.choices.values()):
            yield dict(zip(self.choices, values, strict=True))

    def check(self, recipe: Recipe) -> None:
        """Raise `RecipeError` for a field that `recipe` has not, or a bound that it cannot take."""
        started = recipe_changes.with_settings(recipe, self.fixed)
        for path, values in self.choices.items():
            recipe_changes.with_settings(started, {path: values[0]})
        for path, bounds in self.ranges.items():
            recipe_changes.with_settings(started, {path: bounds.low})


GRIDS = {
    # "Automated Garbage Classification Using ConvNeXt": 7 learning rates times 3 decays, in batches of 24.
    "convnext": Space(
        fixed={"batch_size": 24, "stages.*.schedule": "exponential"},
        choices={
            "stages.*.learning_rate": (0.001, 0.002, 0.00225, 0.0025, 0.00275, 0.003, 0.004),
            "stages.*.decay_factor": (0.75, 0.80, 0.85),
        },
    )
}


def read(file: Path) -> Space:
    try:
        return Space.read(file)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{file} is no search space: {error}") from error


def around(recipe: Recipe) -> Space:
    """A space for those who give none: learning rates, decay and what keeps a network from learning by heart."""
    ranges = {
        f"stages.{stage.name}.learning_rate": Range(
            low=stage.learning_rate / 10, high=min(0.5, stage.learning_rate * 10), log=True
        )
        for stage in recipe.stages
    }
    ranges["head.dropout"] = Range(low=0, high=0.6, step=0.1)
    if recipe.optimizer is not Optimizer.ADAM:
        ranges["weight_decay"] = Range(low=1e-6, high=1e-1, log=True)
    if recipe.loss is not Loss.FOCAL:
        ranges["label_smoothing"] = Range(low=0, high=0.2, step=0.05)
    return Space(ranges=ranges)
