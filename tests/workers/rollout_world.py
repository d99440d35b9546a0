"""Rollouts with what the field says about them."""

from datetime import datetime, timedelta

from backend.database import now
from backend.rollout_plan import RolloutPlan
from backend.tables import FieldBlock, ReleaseState, Rollout
from mobile_models.field_report import Arm
from tests.workers.world import add_release
from workers.workplace import Workplace

OLD, NEW = 1, 2
HOUR = timedelta(hours=1)


def under_way(
    place: Workplace, started_at: datetime | None = None, plan: str = "5:24, 50:24, 100", **columns: object
) -> int:
    """Release 2 is at 5 % of the phones of `stable`, where everybody else runs release 1; return the rollout's id."""
    add_release(place, OLD, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, NEW, ReleaseState.PUBLISHED, rollout_percent=5, by_run=True)
    with place.transaction() as session:
        rollout = session.get_one(Rollout, 1)
        started = started_at or now() - 30 * HOUR
        rollout.sqlmodel_update(
            {"plan": RolloutPlan.parse(plan).rows(), "started_at": started, "stage_started_at": started, **columns}
        )
        session.add(rollout)
    return 1


def field_says(place: Workplace, moment: datetime, *, corrected: int = 1000, failed: int = 0) -> None:
    """Of 20,000 answers on each side 1,000 are corrected, on the new release's side as many as given."""
    zeros = {"passed": 0, "failed": 0, "rejected": 0}
    begin = moment.replace(minute=0, second=0, microsecond=0)
    for version, arm, wrong in ((OLD, Arm.CURRENT, 1000), (NEW, Arm.CANDIDATE, corrected)):
        passed = {"passed": 1000, "failed": failed} if version == NEW else {}
        block = FieldBlock(
            received_at=begin, day=begin.date(), channel="stable", version=version, arm=arm, phones=20_000,
            answers=20_000, corrected=wrong, **(zeros | passed),
        )  # fmt: skip
        with place.transaction() as session:
            session.add(block)
