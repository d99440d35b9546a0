"""Look after releases that everybody has got: staff are told if they fail on phones.

Guarantees: of each rollout staff are told once, whoever watches at the same time. Nothing is taken back by itself:
nobody runs another release to compare with, so people decide. Watching ends `watched_after_completion_days` after a
rollout was completed, or once its release is not the current one any more.
"""

import logging
from datetime import datetime, timedelta

from sqlmodel import Session

from backend.database import now
from backend.evidence import field_evidence
from backend.records import notices
from backend.releasing import channels, rollouts
from backend.tables import Rollout, RolloutState
from workers.workplace import Workplace

log = logging.getLogger(__name__)

NAME = "watch_completed"
"""As the actor of what it writes down."""


def watch_completed_rollouts(place: Workplace) -> None:
    """Weigh what phones reported of each release that has been brought to everybody lately."""
    moment = now()
    since = moment - timedelta(days=place.settings.watched_after_completion_days)
    with place.transaction() as session:
        found = [rollout.id for rollout in rollouts.completed(session, since) if rollout.id is not None]
    for rollout_id in found:
        try:
            watch(place, rollout_id, moment)
        except Exception:
            log.exception("the completed rollout %s could not be watched and will be the next time", rollout_id)


def watch(place: Workplace, rollout_id: int, moment: datetime) -> None:
    """Tell the staff what is wrong with the release of a completed rollout, if that shows by `moment`."""
    with place.transaction() as session:
        reason = field_evidence.too_many_failures(session, place.settings, rollouts.find(session, rollout_id), moment)
    if reason is None:
        return
    with place.transaction() as session:
        channels.lock(session)
        rollout = rollouts.find(session, rollout_id)
        if rollout.state == RolloutState.COMPLETED and rollouts.note_failures(session, NAME, rollout, reason):
            _tell(session, rollout, reason, moment)


def _tell(session: Session, rollout: Rollout, reason: str, moment: datetime) -> None:
    version = rollout.version
    notices.tell_staff(
        session,
        f"Release {version} fails on phones, and everybody on {rollout.channel} has it",
        f"{reason}\n\nPhones on which it fails go back by themselves; nothing else was done. Look at the reports (`GET "
        f"/v1/releases/{version}/field`). `wastelens rollouts halt {rollout.id} --reason ...` takes it from everybody.",
        moment=moment,
    )
