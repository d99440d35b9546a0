"""Channels: which release everybody runs.

Guarantees: what a channel tells phones (`pointer`) follows from its row and its open rollout alone. Whoever decides
about releases locks all channels first, so that decisions come one after another. `beta` is never behind `stable`:
it moves along where it stood on the same release or on an older one, and what was on its way there is over then. Each
step of a rollout is in the audit log with its reason.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import NotFound
from backend.records import audit_log
from backend.rollout_plan import EVERYBODY_PERCENT
from backend.tables import OPEN_ROLLOUT, Release, ReleaseChannel, Rollout, RolloutState
from mobile_models.updates.update_channel import STABLE, Candidate, ChannelPointer, DownloadConditions

_AT_ONCE: Mapping[str, bool] = {}


def every(session: Session) -> Sequence[ReleaseChannel]:
    return session.exec(select(ReleaseChannel).order_by(ReleaseChannel.name)).all()


def find(session: Session, name: str) -> ReleaseChannel:
    found = session.get(ReleaseChannel, name)
    if found is None:
        names = ", ".join(channel.name for channel in every(session))
        raise NotFound(f"There is no channel {name}; there are {names}.")
    return found


def lock(session: Session) -> None:
    """Wait until nobody else decides about releases, then see what they decided."""
    statement = select(ReleaseChannel).order_by(ReleaseChannel.name).with_for_update()
    session.flush()
    session.exec(statement.execution_options(populate_existing=True)).all()
    for table in (Release, Rollout):
        session.exec(select(table).execution_options(populate_existing=True)).all()


def open_rollout(session: Session, name: str) -> Rollout | None:
    """Return the rollout that is under way on the channel; there is one at most."""
    statement = select(Rollout).where(Rollout.channel == name, col(Rollout.state).in_(OPEN_ROLLOUT))
    return session.exec(statement).one_or_none()


def pointer(channel: ReleaseChannel, rollout: Rollout | None) -> ChannelPointer:
    """Return what phones are told. A rollout that has reached everybody is the current release.

    The bundled release is null and not its number, unless nothing else was ever current: it may never have been
    signed, and phones must leave a bad release all the same.
    """
    if channel.return_to_bundled:
        return ChannelPointer(return_to_bundled=True)
    if rollout is None:
        return _current(channel, return_to_bundled=channel.current_version is None)
    if rollout.rollout_percent >= EVERYBODY_PERCENT:
        return ChannelPointer(current=rollout.version, conditions=DownloadConditions(**rollout.conditions))
    candidate = Candidate(
        version=rollout.version,
        rollout_percent=rollout.rollout_percent,
        salt=rollout.salt,
        conditions=DownloadConditions(**rollout.conditions),
    )
    return _current(channel, candidate=candidate)


def _current(channel: ReleaseChannel, **more: Any) -> ChannelPointer:
    return ChannelPointer(current=channel.current_version, conditions=DownloadConditions(**channel.conditions), **more)


def pointers(session: Session) -> dict[str, ChannelPointer]:
    return {channel.name: pointer(channel, open_rollout(session, channel.name)) for channel in every(session)}


def move(
    session: Session,
    actor: str,
    name: str,
    version: int | None,
    *,
    conditions: Mapping[str, bool] = _AT_ONCE,
    moment: datetime | None = None,
) -> None:
    """Make `version` (None: the bundled release) the current one of a channel, and of those that follow it.

    `conditions` say when phones may download it. Going back has none: a bad release must go, whatever it costs.
    """
    channel = find(session, name)
    before = channel.current_version
    _set_current(session, actor, channel, version, conditions, moment or now())
    if name != STABLE:
        return
    for other in every(session):
        is_behind = version is not None and (other.current_version or 0) < version
        if other.name != STABLE and (is_behind or other.current_version == before):
            _set_current(session, actor, other, version, conditions, moment or now())


def _set_current(
    session: Session,
    actor: str,
    channel: ReleaseChannel,
    version: int | None,
    conditions: Mapping[str, bool],
    moment: datetime,
) -> None:
    if channel.current_version == version:
        return
    audit_log.record(
        session, actor, "channel.moved", subject(channel.name), before=channel.current_version, current=version
    )
    channel.current_version, channel.conditions = version, dict(conditions)
    session.add(channel)
    rollout = open_rollout(session, channel.name)
    if rollout is not None and version is not None and rollout.version <= version:
        _end_overtaken(session, actor, rollout, version, moment)
    session.flush()


def _end_overtaken(session: Session, actor: str, rollout: Rollout, version: int, moment: datetime) -> None:
    """An older one would take phones back, and bring the channel behind the one that it follows."""
    rollout.state = RolloutState.COMPLETED if rollout.version == version else RolloutState.HALTED
    rollout.ended_at, rollout.reason = moment, f"release {version} became the current one of {STABLE}"
    record_step(session, actor, rollout, rollout.state)


def record_step(session: Session, actor: str, rollout: Rollout, action: str, **detail: str) -> None:
    """Write a step of a rollout into the audit log."""
    session.add(rollout)
    audit_log.record(
        session,
        actor,
        f"rollout.{action}",
        f"release/{rollout.version}",
        channel=rollout.channel,
        rollout=rollout.id,
        rollout_percent=rollout.rollout_percent,
        reason=rollout.reason,
        **detail,
    )


def subject(name: str) -> str:
    return f"channel/{name}"
