"""The parts of a recipe: the changes of photos, the head, the loss, and each stretch of training.

Guarantees: each part is checked by itself when it is read; what only makes sense together is checked by `Recipe`.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from mobile_models.document import Document


class Augmentation(Document):
    """Random changes of each training photo. Zeros change nothing; edges are filled with the nearest pixel."""

    rotation_degrees: float = Field(default=0, ge=0, le=180)
    shift_fraction: float = Field(default=0, ge=0, lt=1, description="of width and of height")
    zoom_fraction: float = Field(default=0, ge=0, lt=1)
    shear_degrees: float = Field(default=0, ge=0, lt=45)
    horizontal_flip: bool = False
    vertical_flip: bool = False
    channel_shift: float = Field(default=0, ge=0, le=255, description="added to all channels, in raw pixel values")
    brightness_fraction: float = Field(default=0, ge=0, lt=1)
    contrast_fraction: float = Field(default=0, ge=0, lt=1)
    saturation_fraction: float = Field(default=0, ge=0, le=1)
    tint_fraction: float = Field(default=0, ge=0, lt=1, description="each channel by itself, as other light does")
    blur_pixels: float = Field(default=0, ge=0, le=10, description="largest standard deviation of the blur")
    noise: float = Field(default=0, ge=0, le=64, description="largest standard deviation, in raw pixel values")
    erase_fraction: float = Field(default=0, ge=0, le=1, description="share of the photos that lose a rectangle")
    background_fraction: float = Field(
        default=0, ge=0, le=1, description="share of the photos whose plain bright background is replaced"
    )

    @property
    def changes_nothing(self) -> bool:
        return self == Augmentation()


class Head(Document):
    """Pooled features to logits: [batch norm] [dense, ReLU] [dropout] dense."""

    batch_norm: bool = False
    dense_units: int = Field(default=0, ge=0, le=4096, description="0: no hidden layer")
    dropout: float = Field(default=0, ge=0, lt=1)


class Optimizer(StrEnum):
    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"


class Sampling(StrEnum):
    """Which training photos make an epoch."""

    NATURAL = "natural"
    OVERSAMPLE = "oversample"  # each class as often as the largest one, photos repeated
    SMOTE = "smote"  # features between neighbours of rare classes; only for stages on kept features


class Loss(StrEnum):
    CROSS_ENTROPY = "cross_entropy"
    FOCAL = "focal"


class Precision(StrEnum):
    FLOAT32 = "float32"
    BFLOAT16 = "mixed_bfloat16"
    FLOAT16 = "mixed_float16"


class Schedule(StrEnum):
    CONSTANT = "constant"
    COSINE = "cosine"  # half a cosine from learning_rate to a hundredth of it, over the stage
    PLATEAU = "plateau"  # divided where the monitored value stopped getting better
    EXPONENTIAL = "exponential"  # times decay_factor after each decay_every_epochs
    ONE_CYCLE = "one_cycle"  # up to learning_rate over the first three tenths, then down to a hundredth


class Stage(Document):
    """One stretch of training with one optimiser."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")
    epochs: int = Field(ge=1, le=1000)
    trainable_layers: int = Field(default=0, ge=0, description="last layers of the backbone; 0: only the head")
    trainable_groups: int = Field(
        default=0, ge=0, le=10, description="instead of layers: last stretches of equal resolution of the backbone"
    )
    group_learning_rate_factor: float = Field(
        default=1, gt=0, le=1, description="each group of layers below learns this much slower than the one above"
    )
    batch_norm_frozen: bool = Field(description="batch norm of the backbone keeps its statistics and weights")
    learning_rate: float = Field(gt=0, lt=1)
    schedule: Schedule = Schedule.CONSTANT
    warmup_epochs: int = Field(default=0, ge=0, description="the first ones run at a third of the learning rate")
    augment: bool = True
    cached_views: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="views of each photo whose activations, where training begins, are kept and used again; "
        "0: each epoch computes its own",
    )
    decay_factor: float = Field(default=0.5, gt=0, lt=1)
    decay_every_epochs: int = Field(default=1, ge=1)
    plateau_factor: float = Field(default=0.2, gt=0, lt=1)
    plateau_patience: int = Field(default=4, ge=1)
    minimum_learning_rate: float = Field(default=1e-6, ge=0)
    stop_patience: int | None = Field(default=None, ge=1, description="epochs without a better one; null: never stop")
    kept_change: float = Field(
        default=1,
        gt=0,
        le=1,
        description="how far the weights go from where the stage began to its best epoch; less keeps more of what "
        "the pretrained ones know of other photos",
    )
    stop_minimum_change: float = Field(default=0, ge=0, description="less than this does not count as better")

    @property
    def trains_body(self) -> bool:
        return bool(self.trainable_layers or self.trainable_groups)

    @property
    def keeps_features(self) -> bool:
        """Whether it learns on kept activations: where that is asked for, and where they would stay the same anyway."""
        return self.cached_views > 0 or not (self.trains_body or self.augment)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs} must be less than epochs {self.epochs}")
        if self.trainable_layers and self.trainable_groups:
            raise ValueError("trainable_groups: give either layers or groups, not both")
        if self.group_learning_rate_factor < 1 and not self.trains_body:
            raise ValueError("group_learning_rate_factor: only the head is trained, so there are no groups")
        return self
