"""`/v1/channels`: who runs what, and going back."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import Session

from backend.api.dependencies import Transaction
from backend.api.rollout_bodies import ReasonBody, RolloutAnswer
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber, Text
from backend.releasing import channels, release_history, retreat
from backend.tables import ReleaseChannel
from mobile_models.updates.update_channel import ChannelPointer

router = APIRouter(prefix="/v1/channels", tags=["channels"])


class GoBackBody(ReasonBody):
    version: RowNumber


class ChannelAnswer(BaseModel):
    name: Text
    current_version: int | None
    """Null: the bundled release."""
    return_to_bundled: bool
    rollout: RolloutAnswer | None
    """The one under way."""
    pointer: ChannelPointer
    """What phones will be told once it can be got."""
    published: ChannelPointer | None
    """What phones were told last."""


class ChannelList(BaseModel):
    channels: list[ChannelAnswer]


class PeriodAnswer(BaseModel):
    since: datetime
    until: datetime | None
    pointer: ChannelPointer
    metadata_versions: dict[str, int]


class PeriodList(BaseModel):
    periods: list[PeriodAnswer]


@router.get("")
def every(_: Engineer, session: Transaction) -> ChannelList:
    return ChannelList(channels=[_answer(session, row) for row in channels.every(session)])


@router.get("/{name}")
def one(name: Text, _: Engineer, session: Transaction) -> ChannelAnswer:
    return _answer(session, channels.find(session, name))


@router.get("/{name}/periods")
def periods(name: Text, _: Engineer, session: Transaction) -> PeriodList:
    """What this channel told phones, from when to when."""
    found = release_history.periods(session, name)
    return PeriodList(
        periods=[
            PeriodAnswer(
                since=each.since, until=each.until, pointer=each.pointer, metadata_versions=each.metadata_versions
            )
            for each in found
        ]
    )


@router.post("/{name}/go-back")
def go_back(name: Text, given: GoBackBody, person: Engineer, session: Transaction) -> ChannelAnswer:
    """Make an older release, one that is still kept, the current one again."""
    return _answer(session, retreat.to_release(session, person.name, name, given.version, given.reason))


@router.post("/{name}/return-to-bundled")
def return_to_bundled(name: Text, given: ReasonBody, person: Engineer, session: Transaction) -> ChannelAnswer:
    """Let everybody run the release that came with the app, until that is ended."""
    return _answer(session, retreat.to_bundled(session, person.name, name, given.reason))


@router.post("/{name}/end-return-to-bundled")
def end_return_to_bundled(name: Text, given: ReasonBody, person: Engineer, session: Transaction) -> ChannelAnswer:
    """Let everybody run the channel's current release again."""
    return _answer(session, retreat.end(session, person.name, name, given.reason))


def _answer(session: Session, row: ReleaseChannel) -> ChannelAnswer:
    rollout = channels.open_rollout(session, row.name)
    return ChannelAnswer(
        **row.model_dump(),
        rollout=None if rollout is None else RolloutAnswer.of(rollout),
        pointer=channels.pointer(row, rollout),
        published=release_history.last_published(session, row.name),
    )
