"""`/v1/rollouts`: bringing a release to a channel, step by step, and taking it back."""

from fastapi import APIRouter
from pydantic import BaseModel

from backend.api.dependencies import CurrentSettings, Transaction
from backend.api.rollout_bodies import ReasonBody, RolloutAnswer, TermsBody, WidenBody
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber
from backend.releasing import releases, rollouts

router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])


class StartBody(TermsBody):
    version: RowNumber


class RolloutList(BaseModel):
    rollouts: list[RolloutAnswer]


@router.get("")
def newest(_: Engineer, session: Transaction) -> RolloutList:
    return RolloutList(rollouts=[RolloutAnswer.of(row) for row in rollouts.newest(session)])


@router.get("/{rollout_id}")
def one(rollout_id: RowNumber, _: Engineer, session: Transaction) -> RolloutAnswer:
    return RolloutAnswer.of(rollouts.find(session, rollout_id))


@router.post("", status_code=201)
def start(given: StartBody, person: Engineer, session: Transaction, settings: CurrentSettings) -> RolloutAnswer:
    """Bring an approved release to a further channel, or anew after a rollout that was halted."""
    terms = given.terms(settings)
    return RolloutAnswer.of(releases.roll_out(session, person, given.version, terms, given.reason))


@router.post("/{rollout_id}/pause")
def pause(rollout_id: RowNumber, given: ReasonBody, person: Engineer, session: Transaction) -> RolloutAnswer:
    """Keep it as wide as it is; it still halts by itself."""
    return RolloutAnswer.of(rollouts.pause(session, person.name, rollouts.find(session, rollout_id), given.reason))


@router.post("/{rollout_id}/resume")
def resume(rollout_id: RowNumber, given: ReasonBody, person: Engineer, session: Transaction) -> RolloutAnswer:
    """Let it go on, after it was paused or halted."""
    return RolloutAnswer.of(rollouts.resume(session, person.name, rollouts.find(session, rollout_id), given.reason))


@router.post("/{rollout_id}/widen")
def widen(rollout_id: RowNumber, given: WidenBody, person: Engineer, session: Transaction) -> RolloutAnswer:
    """Offer it to more phones, whatever the plan says; 100 makes it the current release."""
    row = rollouts.find(session, rollout_id)
    return RolloutAnswer.of(rollouts.widen(session, person.name, row, given.rollout_percent, given.reason))


@router.post("/{rollout_id}/halt")
def halt(rollout_id: RowNumber, given: ReasonBody, person: Engineer, session: Transaction) -> RolloutAnswer:
    """Offer it to nobody; phones go back to the release before, also after it was completed."""
    return RolloutAnswer.of(rollouts.halt(session, person.name, rollouts.find(session, rollout_id), given.reason))
