"""What a phone says about a photo."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NewType

from pydantic import Field

from mobile_models.document import Document, is_unset
from mobile_models.guide import GuideAnswer
from mobile_models.label_set import LabelId

SubmissionId = NewType("SubmissionId", str)
"""A UUID that the phone made. The same UUID is the same submission for ever."""

CorrectionReason = Literal[
    "wrong_material", "several_materials", "several_things", "dirty_or_wet", "bad_photo", "none_fits"
]
"""Why it is something else; `none_fits`: the label is only the nearest one."""


class Prediction(Document):
    label: LabelId
    scores: dict[LabelId, float]
    release: int = Field(ge=1)


@dataclass(frozen=True)
class Answer:
    """What the resident sees."""

    prediction: Prediction
    milliseconds: float
    advice: GuideAnswer | None = None
    """What the city's guide says about it, where there is one."""

    @property
    def label(self) -> str:
        """Label id or `unsure`."""
        return self.prediction.label


class Location(Document):
    """Degrees (WGS 84). The server keeps 5 decimals of an exact one, 3 of a street, 2 of a district."""

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    precision: Literal["exact", "street", "district"] = "district"


class Submission(Document):
    """Nothing is sent that the resident did not choose; by default no person looks and no model learns."""

    prediction: Prediction | None = None
    correction: LabelId | None = None
    correction_reason: CorrectionReason | None = Field(default=None, exclude_if=is_unset)
    captured_on: date | None = None
    place: str | None = Field(default=None, description="as coarse as the resident chose")
    location: Location | None = None
    note: str | None = Field(default=None, min_length=1, max_length=500, description="plain text")
    allow_review: bool = False
    allow_training: bool = False


class Correction(Document):
    label: LabelId
    reason: CorrectionReason | None = Field(default=None, exclude_if=is_unset)


class Consent(Document):
    """What the city may do with a photo from now on."""

    allow_review: bool
    allow_training: bool
