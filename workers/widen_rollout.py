"""Look after rollouts: what does harm is halted, what does well is widened by its plan, and the reason is kept.

Guarantees: each rollout is judged while nobody waits for it, and changed under the lock that people's decisions take,
too, if it still is what was judged; so of several schedulers at once one widens, and a duty that was killed has done
all of it or nothing. A rollout that cannot be judged hinders no other one. Paused rollouts are halted as well, but
never widened.
"""

import logging
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from backend.database import now
from backend.evidence import field_evidence
from backend.evidence.field_evidence import Judgement, Verdict
from backend.records import notices
from backend.releasing import channels, releases, rollouts
from backend.rollout_plan import RolloutPlan
from backend.tables import OPEN_ROLLOUT, Rollout, RolloutState
from workers.workplace import Workplace

log = logging.getLogger(__name__)

NAME = "widen_rollout"
"""As the actor of what it decides."""


class _Stand(NamedTuple):
    """What a judgement is about; people may change any of it while the evidence is weighed."""

    state: RolloutState
    percent: float
    stage_started_at: datetime | None


def look_after_rollouts(place: Workplace) -> None:
    """Judge each rollout that some phones follow."""
    with place.transaction() as session:
        under_way = [rollout.id for rollout in rollouts.under_way(session) if rollout.id is not None]
    for rollout_id in under_way:
        try:
            look_after(place, rollout_id, now())
        except Exception:
            log.exception("rollout %s could not be looked after and will be the next time", rollout_id)


def look_after(place: Workplace, rollout_id: int, moment: datetime) -> None:
    """Do what the evidence at `moment` says, if the rollout is under way; one that was changed meanwhile waits."""
    with place.transaction() as session:
        rollout = rollouts.find(session, rollout_id)
        judged = _stand(rollout)
        if judged.state not in OPEN_ROLLOUT:
            return
        judgement = field_evidence.judge(session, place.settings, rollout, moment)
    with place.transaction() as session:
        channels.lock(session)
        rollout = rollouts.find(session, rollout_id)
        if _stand(rollout) == judged:
            _obey(session, rollout, judgement, moment)


def _stand(rollout: Rollout) -> _Stand:
    return _Stand(rollout.state, rollout.rollout_percent, rollout.stage_started_at)


def _obey(session: Session, rollout: Rollout, judgement: Judgement, moment: datetime) -> None:
    if judgement.verdict == Verdict.HALT:
        _halt(session, rollout, judgement, moment)
        return
    percent, reason = next_step(rollout, judgement, moment)
    rollouts.note_judgement(session, rollout, reason, moment)
    if percent is not None:
        rollouts.widen(session, NAME, rollout, percent, reason, moment=moment)


def next_step(rollout: Rollout, judgement: Judgement, moment: datetime) -> tuple[float | None, str]:
    """Return how wide it becomes now, None if it stays, and why. Pure."""
    said = " ".join(judgement.reasons)
    plan = RolloutPlan.of(rollout.plan)
    percent = plan.next_percent(rollout.rollout_percent)
    if rollout.state == RolloutState.PAUSED:
        return None, "It is paused; resume it to let it widen."
    if judgement.verdict == Verdict.HOLD or rollout.stage_started_at is None:
        return None, said
    if percent is None:
        return None, f"Its plan ends at {rollout.rollout_percent:g} %; widen it by hand. {said}"
    widens_at = rollout.stage_started_at + plan.stay(rollout.rollout_percent)
    if moment < widens_at:
        return None, f"It stays at {rollout.rollout_percent:g} % until {widens_at:%Y-%m-%d %H:%M} UTC. {said}"
    return percent, said


def _halt(session: Session, rollout: Rollout, judgement: Judgement, moment: datetime) -> None:
    reason = " ".join(judgement.reasons)
    rollouts.note_judgement(session, rollout, reason, moment)
    percent = rollout.rollout_percent
    rollouts.halt(session, NAME, rollout, reason, moment=moment)
    notices.tell_staff(
        session,
        f"The rollout of release {rollout.version} on {rollout.channel} has halted by itself",
        f"{reason}\n\nIt was at {percent:g} % of the phones; they go back to the release before at their next check. "
        f"Look at the reports (`GET /v1/releases/{rollout.version}/field`), then withdraw it "
        f"(`wastelens releases withdraw {rollout.version} --reason ...`), or resume it "
        f"(`wastelens rollouts resume {rollout.id} --reason ...`).",
        moment=moment,
    )


def approve_what_may_be(place: Workplace) -> None:
    """Where the settings want no people for it: start the rollout of a model that beat the current one."""
    with place.transaction() as session:
        release = releases.approve_automatically(session, place.settings, moment=now())
    if release is not None:
        log.info("release %d was approved automatically", release.version)
