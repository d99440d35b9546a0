"""Evidence about quantisation: which efforts were made to keep an int8 model as good as its float one, and which ships.

Guarantees: every effort of `Effort` stands in a `QuantizationReport` in order, measured, or with the reason why it was
not made.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from mobile_models.document import Document


class Effort(StrEnum):
    """In the order of their cost."""

    POST_TRAINING = "post_training"  # ranges from smallest to largest, weights rounded to the nearest
    CALIBRATED = "calibrated"  # ranges of least squared error, rounding errors of weights made to cancel
    FLOAT_LAYERS = "float_layers"  # the most sensitive layers stay float
    QUANTIZATION_AWARE = "quantization_aware"  # weights are trained while they are rounded


class QuantizationAttempt(Document):
    """One effort, measured on views of the validation photos."""

    effort: Effort
    skipped: str | None = Field(default=None, description="why it was not made; the figures are null then")
    accuracy: float | None = Field(default=None, ge=0, le=1)
    agreement: float | None = Field(
        default=None, ge=0, le=1, description="share of photos with the float model's answer"
    )
    divergence: float | None = Field(
        default=None, description="mean Kullback-Leibler divergence of int8 scores from float ones, in nats"
    )
    signal_to_noise: float | None = Field(
        default=None,
        description="variance of the float logits over the mean squared error of the int8 ones, in decibels",
    )
    latency_milliseconds: float | None = Field(default=None, gt=0, description="mean of all views on one thread")
    size_bytes: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, ge=0, description="that the effort took, beyond the one before")
    float_operators: tuple[str, ...] = Field(default=(), description="what has any is for comparison and never ships")
    float_layers: tuple[str, ...] = Field(default=(), description="those that were left float, most sensitive first")


class QuantizationReport(Document):
    float_accuracy: float = Field(ge=0, le=1, description="of the float model on the same views")
    views: int = Field(gt=0, description="validation photos as they are, and turned over as in training")
    allowed_drop: float = Field(ge=0, le=1)
    least_agreement: float = Field(ge=0, le=1)
    attempts: tuple[QuantizationAttempt, ...] = Field(min_length=1)
    chosen: Effort
    reason: str
    inherited_layers: int = Field(default=0, ge=0, description="frozen layers with the champion's very numbers")

    @model_validator(mode="after")
    def _chosen_was_made(self) -> Self:
        if not any(attempt.effort is self.chosen and attempt.skipped is None for attempt in self.attempts):
            raise ValueError(f"chosen: effort {self.chosen} was not made")
        return self
