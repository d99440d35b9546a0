"""Retreats: a whole channel goes back, to an older release or to the one that the app carries.

Guarantees: a channel only ever goes back to a release that everybody on some channel ran before and that is still
kept. What it leaves is halted and may be resumed. Returning to the bundled release is a switch: it forgets nothing,
and ending it brings back what was current.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from backend import publisher
from backend.database import now
from backend.errors import Conflict, NotFound
from backend.records import audit_log
from backend.releasing import channels, rollouts
from backend.rollout_plan import EVERYBODY_PERCENT
from backend.tables import Release, ReleaseChannel, ReleaseState, Rollout, RolloutState


def to_release(
    session: Session, actor: str, name: str, version: int, reason: str, *, moment: datetime | None = None
) -> ReleaseChannel:
    """Make an older release current again; phones obey at their next check."""
    channels.lock(session)
    channel = channels.find(session, name)
    release = session.get(Release, version)
    if release is None:
        raise NotFound(f"There is no release {version}.")
    _check_can_return(session, channel, release)
    _halt_what_runs(session, actor, channel, reason, moment or now())
    channels.move(session, actor, name, None if release.training_run_id is None else version)
    audit_log.record(session, actor, "channel.went_back", channels.subject(name), current=version, reason=reason)
    publisher.ask(session)
    return channel


def to_bundled(
    session: Session, actor: str, name: str, reason: str, *, moment: datetime | None = None
) -> ReleaseChannel:
    """Let everybody run the release that came with the app, until `end`."""
    channels.lock(session)
    channel = channels.find(session, name)
    if channel.return_to_bundled:
        raise Conflict(f"{name} has returned to the bundled release already.", code="wrong_state")
    rollout = channels.open_rollout(session, name)
    if rollout is not None:
        rollouts.end(session, actor, rollout, RolloutState.HALTED, reason, moment=moment)
    _switch(session, actor, channel, reason, on=True)
    return channel


def end(session: Session, actor: str, name: str, reason: str) -> ReleaseChannel:
    """Let everybody run the channel's current release again. Rollouts that were halted stay so until resumed."""
    channels.lock(session)
    channel = channels.find(session, name)
    if not channel.return_to_bundled:
        raise Conflict(f"{name} has not returned to the bundled release.", code="wrong_state")
    _switch(session, actor, channel, reason, on=False)
    return channel


def _switch(session: Session, actor: str, channel: ReleaseChannel, reason: str, *, on: bool) -> None:
    channel.return_to_bundled = on
    session.add(channel)
    action = "channel.returned_to_bundled" if on else "channel.left_bundled"
    audit_log.record(session, actor, action, channels.subject(channel.name), reason=reason)
    publisher.ask(session)


def _halt_what_runs(session: Session, actor: str, channel: ReleaseChannel, reason: str, moment: datetime) -> None:
    """The rollout under way, and the one that brought the current release, which may be resumed one day."""
    under_way = channels.open_rollout(session, channel.name)
    statement = select(Rollout).where(
        Rollout.channel == channel.name,
        Rollout.version == channel.current_version,
        Rollout.state == RolloutState.COMPLETED,
    )
    for rollout in (under_way, *session.exec(statement).all()):
        if rollout is not None:
            rollouts.end(session, actor, rollout, RolloutState.HALTED, reason, moment=moment)


def _check_can_return(session: Session, channel: ReleaseChannel, release: Release) -> None:
    version, current = release.version, channel.current_version
    is_bundled = release.training_run_id is None  # Every phone has it, kept or not.
    if release.state != ReleaseState.PUBLISHED:
        raise Conflict(f"Release {version} is {release.state}; go back to one that is published.", code="wrong_state")
    if release.retired_at is not None and not is_bundled:
        detail = f"Release {version} is no longer kept (setting releases_kept); go back to a newer one."
        raise Conflict(detail, code="not_kept")
    if version == current or (is_bundled and current is None):
        raise Conflict(f"Release {version} is current on {channel.name} already.", code="wrong_state")
    if current is None or version > current:
        detail = f"Release {version} is newer than what is current on {channel.name}; resume its rollout instead."
        raise Conflict(detail, code="not_older")
    if not is_bundled and not _was_current(session, version):
        raise Conflict(f"Release {version} was never given to everybody; start a rollout of it.", code="never_current")


def _was_current(session: Session, version: int) -> bool:
    statement = select(Rollout.id).where(
        Rollout.version == version,
        col(Rollout.rollout_percent) >= EVERYBODY_PERCENT,
        col(Rollout.started_at).is_not(None),
    )
    return session.exec(statement.limit(1)).first() is not None
