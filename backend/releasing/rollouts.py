"""Rollouts: one release is brought to one channel, step by step.

Guarantees: one rollout at a time is open on a channel, by a unique index. A rollout only ever widens; at 100 % its
release becomes the channel's current one, as soon as phones can get it. Halting takes it from everybody, also after
that: the channel goes back to the newest good release that it came from. Each step is in the audit log with its
reason, and the publisher is asked in the same transaction.

    RUNNING <-> PAUSED                pause, resume
       |  \\        |
       v   v       v
    COMPLETED -> HALTED -> RUNNING    widen to 100 %, halt, resume
    and WITHDRAWN from each, for ever, with its release
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from backend import publisher
from backend.database import now
from backend.errors import Conflict, DomainError, NotFound
from backend.records import audit_log
from backend.releasing import channels
from backend.rollout_plan import EVERYBODY_PERCENT, RolloutPlan
from backend.tables import OPEN_ROLLOUT, Release, ReleaseChannel, ReleaseState, Rollout, RolloutState
from mobile_models.updates.update_channel import STABLE, DownloadConditions

_GIVABLE = (ReleaseState.APPROVED, ReleaseState.AWAITING_SIGNATURES, ReleaseState.PUBLISHED)


@dataclass(frozen=True)
class Terms:
    """How a release is to be brought to phones."""

    plan: RolloutPlan
    channel: str = STABLE
    conditions: DownloadConditions = field(default_factory=DownloadConditions)


def running(session: Session) -> Sequence[Rollout]:
    """Return those that widen by their plan."""
    return session.exec(select(Rollout).where(Rollout.state == RolloutState.RUNNING).order_by(col(Rollout.id))).all()


def under_way(session: Session) -> Sequence[Rollout]:
    """Return those that some phones follow: running or paused."""
    statement = select(Rollout).where(col(Rollout.state).in_(OPEN_ROLLOUT)).order_by(col(Rollout.id))
    return session.exec(statement).all()


def completed(session: Session, since: datetime) -> Sequence[Rollout]:
    """Return those that were completed since then and whose release everybody on their channel runs."""
    statement = (
        select(Rollout)
        .join(ReleaseChannel, col(ReleaseChannel.name) == col(Rollout.channel))
        .where(
            Rollout.state == RolloutState.COMPLETED,
            col(Rollout.ended_at) >= since,
            col(ReleaseChannel.current_version) == col(Rollout.version),
            col(ReleaseChannel.return_to_bundled).is_(False),
        )
    )
    return session.exec(statement.order_by(col(Rollout.id))).all()


def newest(session: Session, limit: int = 100) -> Sequence[Rollout]:
    return session.exec(select(Rollout).order_by(col(Rollout.id).desc()).limit(limit)).all()


def find(session: Session, rollout_id: int) -> Rollout:
    found = session.get(Rollout, rollout_id)
    if found is None:
        raise NotFound(f"There is no rollout {rollout_id}.")
    return found


def of_release(session: Session, version: int) -> Sequence[Rollout]:
    """Return the rollouts of a release, newest first."""
    return session.exec(select(Rollout).where(Rollout.version == version).order_by(col(Rollout.id).desc())).all()


def meant(session: Session, version: int) -> Rollout:
    """Return the rollout that is meant by the number of a release: the one under way, else the newest."""
    release = session.get(Release, version)
    if release is None:
        raise NotFound(f"There is no release {version}.")
    found = of_release(session, version)
    if not found:
        raise Conflict(f"Release {version} is {release.state} and has no rollout.", code="no_rollout")
    return next((rollout for rollout in found if rollout.state in OPEN_ROLLOUT), found[0])


def start(
    session: Session, actor: str, version: int, terms: Terms, reason: str, *, moment: datetime | None = None
) -> Rollout:
    """Begin to bring a release to a channel; the time of its first step counts from when phones can get it."""
    channels.lock(session)
    channel = channels.find(session, terms.channel)
    _check_can_begin(session, channel.name, version)
    rollout = Rollout(
        channel=channel.name,
        version=version,
        rollout_percent=terms.plan.steps[0].percent,
        plan=terms.plan.rows(),
        conditions=terms.conditions.model_dump(),
        came_from=channel.current_version,
        created_at=moment or now(),
        reason=reason,
    )
    session.add(rollout)
    session.flush()
    channels.record_step(session, actor, rollout, "started", plan=str(terms.plan))
    reached(session, actor, frozenset({version}) if _is_published(session, version) else frozenset(), moment=moment)
    publisher.ask(session)
    return rollout


def pause(session: Session, actor: str, rollout: Rollout, reason: str) -> Rollout:
    """Keep it as wide as it is until it is resumed."""
    _lock(session, rollout, "pause", RolloutState.RUNNING)
    rollout.state, rollout.reason = RolloutState.PAUSED, reason
    channels.record_step(session, actor, rollout, "paused")
    return rollout


def resume(session: Session, actor: str, rollout: Rollout, reason: str, *, moment: datetime | None = None) -> Rollout:
    """Let a paused rollout widen again, or offer a halted one again, as widely as before."""
    _lock(session, rollout, "resume", RolloutState.PAUSED, RolloutState.HALTED)
    if rollout.state == RolloutState.HALTED:
        _check_can_begin(session, rollout.channel, rollout.version)
        rollout.came_from = channels.find(session, rollout.channel).current_version
        rollout.ended_at = None
        rollout.stage_started_at = (moment or now()) if rollout.started_at else None
    rollout.state, rollout.reason = RolloutState.RUNNING, reason
    channels.record_step(session, actor, rollout, "resumed")
    if rollout.started_at is not None and _is_published(session, rollout.version):
        _complete_if_whole(session, actor, rollout, moment or now())
    publisher.ask(session)
    return rollout


def widen(
    session: Session, actor: str, rollout: Rollout, percent: float, reason: str, *, moment: datetime | None = None
) -> Rollout:
    """Offer it to more phones; 100 makes its release the current one. It is never taken from a phone that has it."""
    _lock(session, rollout, "widen", *OPEN_ROLLOUT)
    if not 0 < percent <= EVERYBODY_PERCENT:
        raise DomainError("rollout_percent must be above 0 and at most 100.", code="bad_percent")
    if rollout.started_at is None:
        raise Conflict(f"Release {rollout.version} is not published yet; wait until it is.", code="not_published")
    if percent <= rollout.rollout_percent:
        detail = f"It is at {rollout.rollout_percent:g} % already; to offer it to fewer phones, halt it."
        raise Conflict(detail, code="not_wider")
    rollout.rollout_percent, rollout.stage_started_at, rollout.reason = percent, moment or now(), reason
    channels.record_step(session, actor, rollout, "widened")
    _complete_if_whole(session, actor, rollout, moment or now())
    publisher.ask(session)
    return rollout


def halt(session: Session, actor: str, rollout: Rollout, reason: str, *, moment: datetime | None = None) -> Rollout:
    """Offer it to nobody: phones go back to the release before, also where it had become the current one."""
    _lock(session, rollout, "halt", *OPEN_ROLLOUT, RolloutState.COMPLETED)
    end(session, actor, rollout, RolloutState.HALTED, reason, moment=moment)
    leave(session, actor, rollout)
    publisher.ask(session)
    return rollout


def explain(session: Session, actor: str, rollout: Rollout, reason: str) -> Rollout:
    """Say why, after it was done in a hurry; what was said before stays in the audit log."""
    channels.lock(session)
    rollout.reason = reason
    channels.record_step(session, actor, rollout, "explained")
    return rollout


def end(
    session: Session,
    actor: str,
    rollout: Rollout,
    state: RolloutState,
    reason: str,
    *,
    moment: datetime | None = None,
) -> None:
    """Say that it ended so, under the lock that the caller holds."""
    rollout.state, rollout.reason, rollout.ended_at = state, reason, moment or now()
    channels.record_step(session, actor, rollout, str(state))


def leave(session: Session, actor: str, rollout: Rollout) -> None:
    """Send the channel back to the release before, if this rollout's is the current one."""
    if channels.find(session, rollout.channel).current_version == rollout.version:
        channels.move(session, actor, rollout.channel, _one_before(session, rollout))


def note_failures(session: Session, actor: str, rollout: Rollout, reason: str) -> bool:
    """Write down that a completed release fails on phones; return whether this is the first time."""
    events = audit_log.history(session, f"release/{rollout.version}")
    if any(each.action == "rollout.failures" and each.detail["rollout"] == rollout.id for each in events):
        return False
    channels.record_step(session, actor, rollout, "failures", found=reason)
    return True


def note_judgement(session: Session, rollout: Rollout, judgement: str, moment: datetime) -> None:
    """Keep why a rollout was widened or not, where people see it; the audit log keeps what was done."""
    rollout.judgement, rollout.judged_at = judgement, moment
    session.add(rollout)


def reached(session: Session, actor: str, available: frozenset[int], *, moment: datetime | None = None) -> None:
    """Start the clocks of rollouts whose releases phones can get now; complete those for everybody."""
    for rollout in under_way(session):
        if rollout.version not in available or rollout.started_at is not None:
            continue
        rollout.started_at = rollout.stage_started_at = moment or now()
        session.add(rollout)
        _complete_if_whole(session, actor, rollout, rollout.started_at)


def _complete_if_whole(session: Session, actor: str, rollout: Rollout, moment: datetime) -> None:
    if rollout.rollout_percent < EVERYBODY_PERCENT:
        return
    rollout.state, rollout.ended_at = RolloutState.COMPLETED, moment
    channels.record_step(session, actor, rollout, "completed")
    channels.move(session, actor, rollout.channel, rollout.version, conditions=rollout.conditions, moment=moment)


def _one_before(session: Session, rollout: Rollout) -> int | None:
    """Return the newest release on the way here that is kept and was not halted; None for the bundled one."""
    version, seen = rollout.came_from, {rollout.version}
    while version is not None and version not in seen:
        seen.add(version)
        release = session.get_one(Release, version)
        brought = next((each for each in of_release(session, version) if each.channel == rollout.channel), None)
        is_good = brought is None or brought.state == RolloutState.COMPLETED
        if release.training_run_id is not None and is_good and is_kept(release):
            return version
        version = None if brought is None else brought.came_from
    return None


def is_kept(release: Release) -> bool:
    """Whether phones can still be sent to it."""
    return release.state == ReleaseState.PUBLISHED and release.retired_at is None


def _is_published(session: Session, version: int) -> bool:
    return is_kept(session.get_one(Release, version))


def _lock(session: Session, rollout: Rollout, act: str, *allowed: RolloutState) -> None:
    channels.lock(session)
    if rollout.state not in allowed:
        detail = (
            f"The rollout of release {rollout.version} on {rollout.channel} is {rollout.state}; to {act} it, it must "
            f"be {' or '.join(allowed)}."
        )
        raise Conflict(detail, code="wrong_state")


def _check_can_begin(session: Session, name: str, version: int) -> None:
    release = session.get_one(Release, version)
    if release.state not in _GIVABLE or release.retired_at is not None:
        state = "no longer kept" if release.retired_at else release.state
        raise Conflict(f"Release {version} is {state}; it cannot be given to phones.", code="wrong_state")
    check_free(session, name, version)


def check_free(session: Session, name: str, version: int) -> None:
    """Raise `Conflict` unless a rollout of this release could begin on the channel now."""
    channel, other = channels.find(session, name), channels.open_rollout(session, name)
    if other is not None:
        detail = f"Release {other.version} is on its way on {name}. Complete, halt or withdraw it first."
        raise Conflict(detail, code="rollout_under_way")
    if channel.return_to_bundled:
        raise Conflict(f"{name} has returned to the bundled release. End that first.", code="returned_to_bundled")
    if channel.current_version is not None and version <= channel.current_version:
        detail = f"Release {channel.current_version} is current on {name}, and {version} is no newer; go back instead."
        raise Conflict(detail, code="not_newer")
