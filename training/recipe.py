"""Recipes: everything that decides how a model is trained, as one checked document.

Guarantees: a `Recipe` that exists can be trained; combinations that cannot are refused with the name of the field. A
recipe is immutable and has one digest. No Keras here, so the backend may read it. The named recipes lie in
`training/recipes`, one file each, with their results.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from mobile_models.document import Document
from mobile_models.input_spec import InputSpec


class RecipeError(ValueError):
    """There is no such recipe, or a value in it cannot be; the message names the field."""


class Backbone(StrEnum):
    RESNET50V2 = "resnet50v2"
    MOBILENET_V2 = "mobilenet_v2"
    TINY = "tiny"  # four convolutions for tests and drawn pictures; nobody's product


BACKBONE_LAYERS = {Backbone.RESNET50V2: 190, Backbone.MOBILENET_V2: 154, Backbone.TINY: 13}
"""Keras layers without top and pooling, input layer included."""

PRETRAINED = frozenset({Backbone.RESNET50V2, Backbone.MOBILENET_V2})
"""Keras has ImageNet weights for these."""

IMAGENET, RANDOM, CHAMPION = "imagenet", "random", "champion"
"""What `weights` may say beside the path of a file."""


class Scaling(StrEnum):
    """How the model itself scales raw pixels 0 to 255."""

    ZERO_TO_ONE = "zero_to_one"
    MINUS_ONE_TO_ONE = "minus_one_to_one"


class Augmentation(Document):
    """Random changes of each training photo. Zeros change nothing; edges are filled with the nearest pixel."""

    rotation_degrees: float = Field(default=0, ge=0, le=180)
    shift_fraction: float = Field(default=0, ge=0, lt=1, description="of width and of height")
    zoom_fraction: float = Field(default=0, ge=0, lt=1)
    shear_degrees: float = Field(default=0, ge=0, lt=45)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    channel_shift: float = Field(default=0, ge=0, le=255, description="added to each channel, in raw pixel values")
    brightness_fraction: float = Field(default=0, ge=0, lt=1)

    @property
    def changes_nothing(self) -> bool:
        return self == Augmentation()


class Head(Document):
    """Pooled features to logits: [batch norm] [dense, ReLU] [dropout] dense."""

    batch_norm: bool = False
    dense_units: int = Field(default=0, ge=0, le=4096, description="0: no hidden layer")
    dropout: float = Field(default=0, ge=0, lt=1)


class Schedule(StrEnum):
    CONSTANT = "constant"
    COSINE = "cosine"  # half a cosine from learning_rate to a hundredth of it, over the stage
    PLATEAU = "plateau"  # divided where the monitored value stopped getting better


class Stage(Document):
    """One stretch of training with one optimiser."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")
    epochs: int = Field(ge=1, le=1000)
    trainable_layers: int = Field(ge=0, description="last layers of the backbone; 0: only the head")
    batch_norm_frozen: bool = Field(description="batch norm of the backbone keeps its statistics and weights")
    learning_rate: float = Field(gt=0, lt=1)
    schedule: Schedule = Schedule.CONSTANT
    warmup_epochs: int = Field(default=0, ge=0, description="the first ones run at a third of the learning rate")
    augment: bool = True
    plateau_factor: float = Field(default=0.2, gt=0, lt=1)
    plateau_patience: int = Field(default=4, ge=1)
    minimum_learning_rate: float = Field(default=1e-6, ge=0)
    stop_patience: int | None = Field(default=None, ge=1, description="epochs without a better one; null: never stop")

    @model_validator(mode="after")
    def _warmup_is_shorter(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs} must be less than epochs {self.epochs}")
        return self


class Recipe(Document):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    description: str
    backbone: Backbone
    input_edge: int = Field(ge=32, le=1024, description="photos are stretched to this many pixels square")
    scaling: Scaling
    head: Head
    stages: tuple[Stage, ...] = Field(min_length=1)
    batch_size: int = Field(ge=1, le=512)
    weight_decay: float = Field(default=0, ge=0, lt=1, description="decoupled (AdamW)")
    label_smoothing: float = Field(default=0, ge=0, lt=0.5)
    class_weights: Literal["balanced", "none"] = "balanced"
    augmentation: Augmentation = Augmentation()
    monitor: Literal["accuracy", "loss"] = Field(default="accuracy", description="on validation; picks the best epoch")
    calibration_photos: int = Field(default=200, ge=1, le=5000, description="of the train split, for quantisation")

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if self.input_edge % 32:
            raise ValueError(f"input_edge must be a multiple of 32, got {self.input_edge}")
        for stage in self.stages:
            if stage.trainable_layers > (layers := BACKBONE_LAYERS[self.backbone]):
                raise ValueError(f"trainable_layers of stage {stage.name!r}: {self.backbone} has only {layers} layers")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages need different names, got {names}")
        return self

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(width=self.input_edge, height=self.input_edge)

    @property
    def total_epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def with_changes(self, **fields: Any) -> Self:
        """Return a copy with other values, checked. Raise `RecipeError` naming the field that cannot be."""
        return type(self).checked({**self.model_dump(), **fields})

    def with_epochs(self, epochs: int) -> Self:
        """Return a copy whose last stage has so many epochs, without warm-up where it would be all there is."""
        *earlier, last = self.stages
        shortened = {**last.model_dump(), "epochs": epochs, "warmup_epochs": min(last.warmup_epochs, epochs - 1)}
        return self.with_changes(stages=(*(stage.model_dump() for stage in earlier), shortened))

    def for_weights(self, weights: str) -> Self:
        """Return the recipe as it is run from `weights`: a champion's head needs no stage of its own."""
        tail = tuple(stage for stage in self.stages if stage.trainable_layers > 0)
        return self.with_changes(stages=tail) if weights == CHAMPION and tail else self

    @classmethod
    def checked(cls, content: dict[str, Any]) -> Self:
        """Read what JSON holds. Raise `RecipeError` naming the field that cannot be."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            places = [f"{'.'.join(map(str, each['loc'])) or 'recipe'}: {each['msg']}" for each in error.errors()]
            raise RecipeError("; ".join(places)) from error


def names() -> tuple[str, ...]:
    """The recipes that come with the program."""
    folder = Path(__file__).with_name("recipes")
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(folder)])))


def load(name: str) -> Recipe:
    """Raise `RecipeError` naming the known recipes if there is no such one."""
    if name not in names():
        raise RecipeError(f"There is no recipe {name!r}; there are {', '.join(names())}.")
    recipe = importlib.import_module(f"training.recipes.{name}").RECIPE
    if not isinstance(recipe, Recipe) or recipe.name != name:
        raise RecipeError(f"training/recipes/{name}.py must hold a RECIPE of that name.")
    return recipe


def check_weights(recipe: Recipe, weights: str) -> None:
    """Raise `RecipeError` if training cannot start from `weights` (imagenet, random, champion, or a file)."""
    if weights == IMAGENET and recipe.backbone not in PRETRAINED:
        raise RecipeError(f"There are no ImageNet weights for {recipe.backbone}: use weights 'random' or 'champion'.")
    if weights not in (IMAGENET, RANDOM, CHAMPION) and not Path(weights).is_file():
        raise RecipeError(f"weights: there is no file {weights} (or use 'imagenet', 'random' or 'champion').")


def balanced_class_weights(labels: Sequence[int], label_count: int) -> tuple[float, ...]:
    """w_j = n / (k n_j): each class weighs the same in all (King and Zeng 2001; design of the reference paper).

    Raise `ValueError` if a class has no photo.
    """
    counts = Counter(labels)
    if missing := [label for label in range(label_count) if not counts[label]]:
        raise ValueError(f"no photo of label {missing}")
    return tuple(len(labels) / (label_count * counts[label]) for label in range(label_count))
