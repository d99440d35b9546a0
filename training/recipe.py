"""Recipes: everything that decides how a model is trained, as one checked document.

Guarantees: a `Recipe` that exists can be trained; combinations that cannot are refused with the name of the field. A
recipe is immutable and has one digest. No Keras here, so the backend may read it. The named recipes lie in
`training/recipes`, one file each, with their results.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from mobile_models.document import Document
from mobile_models.input_spec import InputSpec
from training.backbone_facts import FACTS, Backbone, Scaling
from training.papers import PaperResult
from training.recipe_parts import Augmentation, Head, Loss, Optimizer, Precision, Sampling, Stage


class RecipeError(ValueError):
    """There is no such recipe, or a value in it cannot be; the message names the field."""


IMAGENET, RANDOM, CHAMPION = "imagenet", "random", "champion"
RANDOM_FROZEN = "random_frozen"
"""What `weights` may say beside the path of a file; the last is for recipes whose backbone never learns."""


class Recipe(Document):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    description: str
    backbone: Backbone
    input_edge: int = Field(ge=32, le=1024, description="photos are made this many pixels square")
    crop: Literal["none", "centre_square"] = Field(default="none", description="none: the whole photo is stretched")
    scaling: Scaling | None = Field(default=None, description="null: what the backbone's own weights were made for")
    head: Head
    stages: tuple[Stage, ...] = Field(min_length=1)
    batch_size: int = Field(ge=1, le=512)
    split: tuple[float, float, float] = Field(
        default=(0.7, 0.1, 0.2), description="shares of train, validation and holdout, where a folder is split"
    )
    optimizer: Optimizer = Optimizer.ADAMW
    momentum: float = Field(default=0, ge=0, lt=1, description="of sgd, with Nesterov's correction")
    weight_decay: float = Field(default=0, ge=0, lt=1, description="decoupled from the gradient")
    gradient_norm: float | None = Field(default=None, gt=0, description="gradients are clipped to this length")
    loss: Loss = Loss.CROSS_ENTROPY
    focal_gamma: float = Field(default=2, ge=0, le=10, description="of the focal loss")
    label_smoothing: float = Field(default=0, ge=0, lt=0.5)
    class_weights: Literal["balanced", "none"] = "balanced"
    sampling: Sampling = Sampling.NATURAL
    mixup_alpha: float = Field(default=0, ge=0, le=10, description="0: photos are not mixed")
    cutmix_alpha: float = Field(default=0, ge=0, le=10, description="0: no patches of other photos")
    augmentation: Augmentation = Augmentation()
    weight_averaging: float = Field(
        default=0, ge=0, lt=1, description="share of the running average that each step keeps; 0: none"
    )
    precision: Precision = Precision.FLOAT32
    distillation_weight: float = Field(default=0, ge=0, le=1, description="of a teacher's answers in the loss")
    distillation_temperature: float = Field(default=2, gt=0, le=20)
    rehearsal_photos: int = Field(
        default=500, ge=0, description="old photos that are repeated where a champion learns from new ones"
    )
    monitor: Literal["accuracy", "loss"] = Field(default="accuracy", description="on validation; picks the best epoch")
    calibration_photos: int = Field(default=200, ge=1, le=5000, description="of the train split, for quantisation")
    quantization_drop: float = Field(
        default=0.005, ge=0, le=1, description="loss of validation accuracy by int8 from which more effort is made"
    )
    quantization_float_layers: int = Field(
        default=0, ge=0, le=20, description="most sensitive layers left float to see what it would give; never shipped"
    )
    quantization_aware_epochs: int = Field(default=2, ge=0, le=50, description="of the last effort; 0: never")
    target_precision: float = Field(
        default=0.9, ge=0.5, lt=1, description="of the answers of each label that are not unsure; sets its threshold"
    )
    novelty_kept: float = Field(
        default=0.98, ge=0.5, le=1, description="share of validation photos that are not too far away for an answer"
    )

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if problems := list(self._contradictions()):
            raise ValueError("; ".join(problems))
        return self

    def _contradictions(self) -> Iterator[str]:
        facts = FACTS[self.backbone]
        if self.input_edge < facts.minimum_edge:
            yield f"input_edge: {self.backbone} needs at least {facts.minimum_edge} pixels, not {self.input_edge}"
        for stage in self.stages:
            if stage.trainable_layers > facts.layers:
                yield f"trainable_layers of stage {stage.name!r}: {self.backbone} has only {facts.layers} layers"
            if stage.trainable_groups > facts.groups:
                yield f"trainable_groups of stage {stage.name!r}: {self.backbone} has only {facts.groups} groups"
            yield from self._features_contradict(stage)
            if self.sampling is Sampling.SMOTE and (stage.trains_body or (stage.augment and not stage.cached_views)):
                yield f"sampling: smote needs kept features, and stage {stage.name!r} has none"
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            yield f"stages need different names, got {names}"
        if abs(sum(self.split) - 1) > 1e-9 or min(self.split) <= 0:
            yield f"split: three shares above 0 that sum to 1, not {self.split}"
        if self.momentum and self.optimizer is not Optimizer.SGD:
            yield f"momentum: {self.optimizer} has its own; only sgd takes one"
        if self.weight_decay and self.optimizer is Optimizer.ADAM:
            yield "weight_decay: adam has none; adamw and sgd take it"
        if self.label_smoothing and self.loss is Loss.FOCAL:
            yield "label_smoothing: not with the focal loss, which already weighs sure answers less"
        if self.class_weights == "balanced" and self.sampling is not Sampling.NATURAL:
            yield f"class_weights: balanced weights and sampling {self.sampling} would count rare classes twice"
        if (self.mixup_alpha or self.cutmix_alpha) and self.sampling is Sampling.SMOTE:
            yield "mixup_alpha, cutmix_alpha: not with sampling smote"

    def _features_contradict(self, stage: Stage) -> Iterator[str]:
        """What cannot be with activations that are kept."""
        facts = FACTS[self.backbone]
        if not stage.cached_views:
            return
        if stage.trainable_layers == facts.layers or stage.trainable_groups == facts.groups:
            yield f"cached_views of stage {stage.name!r}: its whole backbone learns, so no activations stay the same"
        if self.cutmix_alpha and stage.augment:
            yield f"cutmix_alpha: stage {stage.name!r} keeps features (cached_views), which have no patches"
        if self.distillation_weight:
            yield f"distillation_weight: stage {stage.name!r} keeps features (cached_views), which no teacher can see"

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(width=self.input_edge, height=self.input_edge, crop=self.crop)

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
        tail = tuple(stage for stage in self.stages if stage.trains_body)
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
    recipe = _module(name).RECIPE
    if not isinstance(recipe, Recipe) or recipe.name != name:
        raise RecipeError(f"training/recipes/{name}.py must hold a RECIPE of that name.")
    return recipe


def paper(name: str) -> PaperResult | None:
    """What the paper behind a recipe reports; none for recipes of our own. Raise `RecipeError` as `load` does."""
    result: PaperResult | None = getattr(_module(name), "PAPER", None)
    return result


def _module(name: str) -> ModuleType:
    if name not in names():
        raise RecipeError(f"There is no recipe {name!r}; there are {', '.join(names())}.")
    return importlib.import_module(f"training.recipes.{name}")


def check_weights(recipe: Recipe, weights: str) -> None:
    """Raise `RecipeError` if training cannot start from `weights` (imagenet, random, champion, or a file)."""
    if weights == IMAGENET and not FACTS[recipe.backbone].pretrained:
        raise RecipeError(f"There are no ImageNet weights for {recipe.backbone}: use weights 'random' or 'champion'.")
    if weights == RANDOM and not any(stage.trains_body for stage in recipe.stages):
        raise RecipeError(
            f"weights: {recipe.name} never trains its backbone, so random weights would stay random: give a weights "
            f"file, or '{RANDOM_FROZEN}' if that is what you want."
        )
    if weights not in (IMAGENET, RANDOM, RANDOM_FROZEN, CHAMPION) and not Path(weights).is_file():
        raise RecipeError(f"weights: there is no file {weights} (or use 'imagenet', 'random' or 'champion').")


def balanced_class_weights(labels: Sequence[int], label_count: int) -> tuple[float, ...]:
    """w_j = n / (k n_j): each class weighs the same in all (King and Zeng 2001; design of the reference paper).

    Raise `ValueError` if a class has no photo.
    """
    counts = Counter(labels)
    if missing := [label for label in range(label_count) if not counts[label]]:
        raise ValueError(f"no photo of label {missing}")
    return tuple(len(labels) / (label_count * counts[label]) for label in range(label_count))
