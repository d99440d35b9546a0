"""What a phone says about a photo."""

from dataclasses import dataclass
from datetime import date
from typing import NewType

from pydantic import Field

from mobile_models.document import Document
from mobile_models.guide import GuideAnswer
from mobile_models.label_set import LabelId

SubmissionId = NewType("SubmissionId", str)
"""A UUID that the phone made. The same UUID is the same submission for ever."""


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


class Submission(Document):
    """Nothing is sent that the resident did not choose; by default no person looks and no model learns."""

    prediction: Prediction | None = None
    correction: LabelId | None = None
    captured_on: date | None = None
    place: str | None = Field(default=None, description="as coarse as the resident chose")
    allow_review: bool = False
    allow_training: bool = False


class Correction(Document):
    label: LabelId
