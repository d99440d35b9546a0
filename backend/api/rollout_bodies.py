"""What is sent and answered about rollouts, wherever they are spoken of.

Guarantees: a plan is checked before anything is decided, and what is not said comes from the settings.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from backend.database import Text
from backend.errors import DomainError
from backend.releasing.rollouts import Terms
from backend.rollout_plan import MOST_STEPS, BadPlan, RolloutPlan
from backend.settings import Settings
from backend.tables import Rollout, RolloutState
from mobile_models.updates.update_channel import STABLE, DownloadConditions


class ReasonBody(BaseModel):
    reason: Text = Field(min_length=1, max_length=500)
    """For the permanent history."""


class WidenBody(BaseModel):
    rollout_percent: float = Field(gt=0, le=100)
    reason: Text = Field(default="", max_length=500)


class StepBody(BaseModel):
    percent: float = Field(gt=0, le=100)
    hours: float = Field(default=0, ge=0, description="how long to stay at this share at least")


class TermsBody(BaseModel):
    channel: Text = Field(default=STABLE, max_length=50)
    plan: list[StepBody] | None = Field(default=None, max_length=MOST_STEPS, description="null: the city's own")
    rollout_percent: float | None = Field(
        default=None, gt=0, le=100, description="begin at this share and go on by the city's plan"
    )
    conditions: DownloadConditions = DownloadConditions()
    """When phones may download it."""
    reason: Text = Field(default="", max_length=500)

    def terms(self, settings: Settings) -> Terms:
        """Raise `DomainError` for what is no plan."""
        try:
            return Terms(self._plan(RolloutPlan.parse(settings.rollout_plan)), self.channel, self.conditions)
        except BadPlan as error:
            raise DomainError(str(error), code="bad_plan") from None

    def _plan(self, default: RolloutPlan) -> RolloutPlan:
        if self.plan is not None and self.rollout_percent is not None:
            raise DomainError("Say either plan or rollout_percent.", code="bad_plan")
        if self.plan is not None:
            return RolloutPlan.of([step.model_dump() for step in self.plan])
        return default if self.rollout_percent is None else default.starting_at(self.rollout_percent)


class RolloutAnswer(BaseModel):
    id: int
    channel: str
    version: int
    state: RolloutState
    rollout_percent: float
    next_percent: float | None
    """The next step of its plan; null: none is left."""
    next_step_at: datetime | None
    """When it may be widened, if the evidence allows."""
    plan: list[StepBody]
    conditions: DownloadConditions
    came_from: int | None
    created_at: datetime
    started_at: datetime | None
    stage_started_at: datetime | None
    ended_at: datetime | None
    reason: str
    """Of its last change."""
    judged_at: datetime | None
    judgement: str
    """Why it was widened or not when it was last looked at."""

    @classmethod
    def of(cls, row: Rollout) -> Self:
        plan = RolloutPlan.of(row.plan)
        is_open = row.state == RolloutState.RUNNING and row.stage_started_at is not None
        next_percent = plan.next_percent(row.rollout_percent) if is_open else None
        due_at = None if row.stage_started_at is None else row.stage_started_at + plan.stay(row.rollout_percent)
        return cls(
            **row.model_dump(),
            next_percent=next_percent,
            next_step_at=None if next_percent is None else due_at,
        )
