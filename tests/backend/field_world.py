"""The field's side of the small world: phones that report, and a rollout that is judged by it."""

import random
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.evidence import field_reports
from backend.settings import Settings
from backend.tables import DeviceId, Release, ReleaseState, Rollout
from mobile_models.field_report import Arm, FieldReport, ReleaseUse

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
OLD, NEW = 2, 3


def use(version: int = OLD, arm: Arm = Arm.CURRENT, **counts: Any) -> ReleaseUse:
    return ReleaseUse.model_validate({"version": version, "arm": arm} | counts)


def report(*uses: ReleaseUse, **changes: Any) -> FieldReport:
    values = {
        "report_id": uuid.uuid4(),
        "day": TODAY,
        "phone_model": "Fairphone 5",
        "app_version": "1.4.0",
        "runtime_version": "2.1.0",
        "releases": uses or (use(loads=1, answers=9, accepted=2, corrected=1, latency={9: 8, 11: 1}),),
    }
    return FieldReport.model_validate(values | changes)


def add_releases(session: Session, *versions: int) -> None:
    for version in versions or (1, OLD, NEW):
        session.add(Release(version=version, state=ReleaseState.PUBLISHED, manifest={}, blessing={}))
    session.flush()


def rollout(session: Session, started_at: datetime = NOON, **columns: Any) -> Rollout:
    """Release `NEW` goes to 25 % of the phones of `stable`."""
    values = {
        "channel": "stable",
        "version": NEW,
        "rollout_percent": 25,
        "plan": [{"percent": 25, "hours": 24}, {"percent": 100, "hours": 0}],
        "came_from": OLD,
        "started_at": started_at,
        "stage_started_at": started_at,
    }
    row = Rollout(**(values | columns))
    session.add(row)
    session.flush()
    return row


def send(session: Session, settings: Settings, given: FieldReport, moment: datetime = NOON) -> int:
    """As from a phone of its own."""
    return field_reports.accept(session, settings, DeviceId(str(uuid.uuid4())), given, moment)


def a_day(
    session: Session, settings: Settings, day: date, sides: Iterable[tuple[ReleaseUse, int, float]], seed: int = 0
) -> datetime:
    """Let phones report `day` in the night after it; each side has its answers, how many phones, and their rate.

    Return a moment at which all of it can be judged.
    """
    night = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    drawn = random.Random(f"{day} {seed}")
    for pattern, phones, rate in sides:
        for _ in range(phones):
            corrected = sum(drawn.random() < rate for _ in range(pattern.answers))
            changed = pattern.model_copy(update={"corrected": corrected})
            send(session, settings, report(changed, day=day), night)
    return night + timedelta(hours=1)
