"""What a phone tells about a photo.

Guarantees: nothing is known that the resident did not choose to tell; a position is rounded here, whatever came.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from backend.database import Text
from backend.tables import CorrectionReason, LocationPrecision
from mobile_models.label_set import LabelId

Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Place = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Note = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_DECIMALS = {LocationPrecision.EXACT: 5, LocationPrecision.STREET: 3, LocationPrecision.DISTRICT: 2}


class Location(BaseModel):
    """Where it was, in degrees (WGS 84), as precise as the resident chose. It is rounded here once more."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    precision: LocationPrecision = LocationPrecision.DISTRICT

    @property
    def rounded(self) -> tuple[float, float]:
        decimals = _DECIMALS[self.precision]
        return round(self.latitude, decimals), round(self.longitude, decimals)


class PhonePrediction(BaseModel):
    """What the model on the phone said."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: LabelId
    scores: dict[LabelId, Score] = Field(max_length=500)
    release: int = Field(ge=1, lt=2**31)


class Submission(BaseModel):
    """All that a phone tells about a photo."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prediction: PhonePrediction | None = None
    correction: LabelId | None = None
    correction_reason: CorrectionReason | None = None
    captured_on: date | None = None
    place: Place | None = None
    location: Location | None = None
    note: Note | None = None
    allow_review: bool = False
    allow_training: bool = False

    @model_validator(mode="after")
    def _gives_a_reason_for_something(self) -> Self:
        if self.correction_reason is not None and self.correction is None:
            raise ValueError("a reason needs the correction that it is for")
        return self
