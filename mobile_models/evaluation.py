"""Evidence about a model: what was measured, and what the gate decided from it.

Guarantees: an `EvaluationReport` names the model, the holdout and the label set by digest, so two reports
are comparable exactly when their holdout digests are equal; a `Blessing` names both reports it compared.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from mobile_models.document import Document, Sha256, is_unset
from mobile_models.label_set import LabelSet
from mobile_models.quantization import QuantizationReport


class Answer(Document):
    """One photo of the holdout and what the model said. Paired tests need every single answer."""

    photo: Sha256
    label: str = Field(description="gold label id")
    predicted: str = Field(description="label id with the highest score, whatever its threshold")
    confidence: float = Field(ge=0, le=1, description="score of `predicted` after temperature scaling")


class ClassMetrics(Document):
    """Precision, recall and F1 are fractions; 0 where undefined (no photo, or never predicted)."""

    precision: float = Field(ge=0, le=1)
    recall: float = Field(ge=0, le=1)
    f1: float = Field(ge=0, le=1)
    support: int = Field(ge=0, description="photos of this class in the holdout")


class ThresholdFit(Document):
    """How a label's threshold was fitted on the validation split. All but `answers` are fractions."""

    threshold: float = Field(ge=0, le=1)
    precision: float = Field(ge=0, le=1, description="of answers from the threshold up, shrunk towards their scores")
    lower_bound: float = Field(ge=0, le=1, description="of that precision, one-sided 95 % (Clopper and Pearson 1934)")
    answers: int = Field(ge=0, description="validation photos that were answered so, from the threshold up")
    kept: float = Field(ge=0, le=1, description="share of the answers of this label that are not below the threshold")
    reached: bool = Field(description="whether `precision` reaches the target")


class Counted(Document):
    right: int = Field(ge=0)
    photos: int = Field(ge=0)


class OutsideReport(Document):
    """The same model on photos taken elsewhere, by other people, of other things than the photos it learnt from."""

    name: str = Field(description="of the set of photos")
    photos_digest: Sha256 = Field(description="of the photos and their gold labels, like that of the holdout")
    photos: int = Field(gt=0)
    accuracy: float = Field(ge=0, le=1, description="of the most probable label, whatever its threshold")
    recall: dict[str, Counted] = Field(description="only labels that have photos there")
    unmeasured: tuple[str, ...] = Field(description="labels without a photo there")
    unsure: float = Field(ge=0, le=1, description="share of the photos that are answered unsure")
    sure_accuracy: float | None = Field(ge=0, le=1, description="of the answers that are not unsure")
    not_waste_photos: int = Field(default=0, ge=0, description="photos that show none of the labels")
    not_waste_unsure: float | None = Field(default=None, ge=0, le=1, description="share of those answered unsure")
    novelty_auroc: float | None = Field(
        default=None, ge=0, le=1, description="chance that such a photo is farther away than one of the holdout"
    )


class EvaluationReport(Document):
    """An int8 .tflite measured through LiteRT on photos it has never seen."""

    model: Sha256
    holdout: Sha256 = Field(description="digest of the holdout: its photos and gold labels, sorted by photo")
    label_set: LabelSet
    answers: tuple[Answer, ...]
    accuracy: float = Field(ge=0, le=1)
    per_class: dict[str, ClassMetrics]
    confusion_matrix: tuple[tuple[int, ...], ...] = Field(description="[gold label][predicted label], label set order")
    expected_calibration_error: float = Field(ge=0, le=1, description="15 equal-width bins")
    temperature: float = Field(gt=0, description="fitted on the validation split")
    float_accuracy: float | None = Field(default=None, description="the float model on the same holdout")
    float_agreement: float | None = Field(default=None, description="share of photos where float and int8 agree")
    size_bytes: int = Field(gt=0)
    latency_milliseconds: float = Field(gt=0, description="median of one invocation on one thread")
    float_operators: tuple[str, ...] = Field(default=(), description="float operators other than the allowed borders")
    group_accuracy: float | None = Field(
        default=None,
        exclude_if=is_unset,
        ge=0,
        le=1,
        description="share of photos whose group has the largest sum; null: no groups",
    )
    target_precision: float | None = Field(default=None, exclude_if=is_unset, description="what `thresholds` aim at")
    thresholds: dict[str, ThresholdFit] | None = Field(default=None, exclude_if=is_unset)
    unsure: float | None = Field(default=None, exclude_if=is_unset, description="share answered unsure")
    novel: float | None = Field(default=None, exclude_if=is_unset, description="share unsure for being too far away")
    sure_accuracy: float | None = Field(default=None, exclude_if=is_unset, description="of answers that are not unsure")
    outside: OutsideReport | None = Field(default=None, exclude_if=is_unset)
    quantization: QuantizationReport | None = Field(default=None, exclude_if=is_unset)

    @property
    def macro_f1(self) -> float:
        return self.macro("f1")

    def macro(self, figure: Literal["precision", "recall", "f1"]) -> float:
        """Return the mean over labels, whatever their number of photos."""
        figures: list[float] = [getattr(metrics, figure) for metrics in self.per_class.values()]
        return sum(figures) / len(figures)

    def weighted(self, figure: Literal["precision", "recall", "f1"]) -> float:
        """Return the mean over labels, each counted as often as it has photos."""
        counts = [metrics.support for metrics in self.per_class.values()]
        figures: list[float] = [getattr(metrics, figure) for metrics in self.per_class.values()]
        return sum(count * each for count, each in zip(counts, figures, strict=True)) / sum(counts)


@dataclass(frozen=True)
class GatePolicy:
    """What the gate asks of a model. Floors are fractions.

    The defaults: a class that is missed more often than found, or an answer that is wrong more often than right, does
    more harm than silence (0.5); on fewer than five photos a floor is no evidence. They keep out what is useless;
    what is merely worse than the champion is found by the paired tests.
    """

    alpha: float = 0.05
    minimum_recall: float = 0.5
    minimum_precision: float = 0.5
    minimum_photos_per_class: int = 5


class Verdict(StrEnum):
    PASSED = "passed"
    BLOCKED = "blocked"


class Blessing(Document):
    """The gate's decision. `reasons` says in plain words why it passed or what blocked it."""

    verdict: Verdict
    reasons: tuple[str, ...] = Field(min_length=1)
    challenger: Sha256 | None = Field(description="digest of the challenger's report; null if it was missing")
    champion: Sha256 | None = Field(description="digest of the champion's report on the same holdout")
    rubber_stamped: bool = Field(description="passed its floors with no champion to beat")
    p_values: dict[str, float] = Field(
        default_factory=dict, description="Holm-corrected, per class and 'overall', that the challenger lost"
    )

    @model_validator(mode="after")
    def _rubber_stamp_means_no_champion(self) -> Self:
        if self.rubber_stamped and self.champion is not None:
            raise ValueError("a rubber-stamped blessing has no champion")
        return self
