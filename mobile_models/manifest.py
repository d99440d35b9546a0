"""The manifest that is signed beside each model: all that a phone must know to run it and a person to trust it.

Guarantees: everything a reader needs beyond the model file itself is inside; artefacts are named by digest.
"""

from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from mobile_models.document import Document, Sha256, is_unset
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import LabelSet
from mobile_models.novelty import Novelty


class SelfTest(Document):
    """An input made from `seed` (see `self_tests`) and the logits that it must give, within `tolerance`."""

    seed: int = Field(ge=0, lt=2**32)
    logits: tuple[float, ...]
    tolerance: float = Field(gt=0, description="largest allowed absolute difference of one logit")


class ModelFile(Document):
    sha256: Sha256
    size_bytes: int = Field(gt=0)
    embedding_length: int = Field(gt=0, description="length of the pooled embedding, the second output")


class Lineage(Document):
    """Where a model comes from, by digest."""

    recipe: str = Field(description="name of the recipe")
    recipe_digest: Sha256
    dataset_snapshot: Sha256
    training_run: str
    parent_version: int | None = Field(default=None, description="release it was fine-tuned from")
    code_version: str
    seed: int


class OutsideSummary(Document):
    """Measured on photos taken elsewhere than those it learnt from."""

    name: str
    photos: int = Field(gt=0)
    accuracy: float = Field(ge=0, le=1)
    unmeasured: tuple[str, ...] = Field(description="labels without a photo there")
    not_waste_unsure: float | None = Field(ge=0, le=1, description="of photos that show none of the labels")


class EvaluationSummary(Document):
    """The part of the evaluation report that travels; the whole report is `evaluation_digest`."""

    evaluation_digest: Sha256
    blessing_digest: Sha256
    holdout_photos: int = Field(gt=0)
    accuracy: float = Field(ge=0, le=1)
    macro_f1: float = Field(ge=0, le=1)
    recall: dict[str, float]
    rubber_stamped: bool
    outside: OutsideSummary | None = Field(default=None, exclude_if=is_unset)


class ReleaseManifest(Document):
    """`models/<version>/manifest.json`."""

    format_version: int = Field(default=1, ge=1)
    version: int = Field(ge=1)
    created_at: AwareDatetime
    model: ModelFile
    label_set: LabelSet
    input_spec: InputSpec
    temperature: float = Field(gt=0)
    thresholds: dict[str, float] = Field(description="label id to the score below which the answer is 'unsure'")
    novelty: Novelty | None = Field(
        default=None, exclude_if=is_unset, description="beyond its threshold the answer is 'unsure', too"
    )
    lineage: Lineage
    evaluation: EvaluationSummary
    minimum_app_version: str = "0.1"
    minimum_runtime_version: str = "2.0"
    licence: str
    self_tests: tuple[SelfTest, ...] = Field(min_length=8)

    @model_validator(mode="after")
    def _fits_its_label_set(self) -> Self:
        ids = self.label_set.ids
        if set(self.thresholds) != set(ids):
            raise ValueError("thresholds must name every label of the label set and no other")
        if any(len(test.logits) != len(ids) for test in self.self_tests):
            raise ValueError(f"each self-test needs {len(ids)} logits")
        if self.novelty is not None:
            self._check_novelty(self.novelty)
        return self

    def _check_novelty(self, novelty: Novelty) -> None:
        shape = (len(novelty.means.scales), novelty.means.columns)
        wanted = (len(self.label_set.ids), self.model.embedding_length)
        if shape != wanted:
            raise ValueError(
                f"the means of novelty must be {wanted[0]} times {wanted[1]}, not {shape[0]} times {shape[1]}"
            )
