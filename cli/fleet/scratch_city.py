"""The city of the fleet: a real server, worker and schedule in a scratch folder, whose calendar is simulated.

Guarantees: releases are approved through the HTTP interface, signed and published by the worker, and rollouts are
judged, widened and halted by the product's own duty. What is arranged here, in this city's own database alone, is what
time has no time for: a candidate that was never trained, and the calendar. At the end of each simulated day what came
in is dated to that day, and the duty looks at the rollouts with that day's clock; the schedule's own look is put off.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select, update

from backend import first_start, publisher
from backend.database import now
from backend.releasing import release_files, releases
from backend.releasing.current_model import current_version
from backend.settings import PREFIX, Settings
from backend.tables import (
    DatasetSnapshotRow,
    DatasetSnapshotState,
    FieldBlock,
    Job,
    JobKind,
    JobState,
    Rollout,
    Schedule,
    TrainingMode,
    TrainingRun,
    TrainingRunState,
)
from cli.demo import city
from cli.demo.city import City
from phone.fleet.diary import RolloutNow
from workers import watch_completed, widen_rollout, workplace
from workers.workplace import Workplace

DAY = timedelta(days=1)
_SETTLE_SECONDS = 180
_POLL_SECONDS = 0.1
_SETTLED_BY_WORKERS = (JobKind.PUBLISH, JobKind.PATCH)


class CityFailed(Exception):
    """The city did not do its part; the message says where to look."""


@dataclass(frozen=True)
class Candidate:
    """What is published, on which day of the city, and by which plan."""

    folder: Path
    version: int
    day: int
    plan: tuple[tuple[float, float], ...]
    """Percent and hours of each step."""
    salt: str


class ScratchOffice:
    """People and schedule of the scratch city; one candidate is published in it."""

    def __init__(self, running: City, place: Workplace, candidate: Candidate, first_day: date) -> None:
        self._staff, self._place, self._candidate = running.staff, place, candidate
        self._first_day = datetime.combine(first_day, datetime.min.time(), UTC)
        self._arrived_from = now().replace(hour=0, minute=0, second=0, microsecond=0)
        self._rollout_id: int | None = None

    def begin(self, day: int) -> None:
        if day == self._candidate.day:
            self._publish(day)

    def end(self, day: int) -> RolloutNow | None:
        evening = self._first_day + (day + 1) * DAY
        with self._place.transaction() as session:
            _date_arrivals(session, self._arrived_from, evening - DAY)
        if self._rollout_id is None:
            return None
        widen_rollout.look_after(self._place, self._rollout_id, evening)
        self.settle()
        found = self._staff.get(f"/v1/rollouts/{self._rollout_id}")
        return RolloutNow(found["version"], found["state"], found["rollout_percent"], _reason(found))

    def settle(self) -> None:
        """Wait until the worker has published what was decided and made its patches, as it would overnight."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._is_busy():
            if time.monotonic() > deadline:
                logs = self._place.settings.data_dir / "logs"
                raise CityFailed(f"The worker was not done after {_SETTLE_SECONDS} seconds; see {logs}")
            time.sleep(_POLL_SECONDS)

    def _publish(self, day: int) -> None:
        with self._place.transaction() as session:
            _propose(session, self._place, self._candidate)
        plan = [{"percent": percent, "hours": hours} for percent, hours in self._candidate.plan]
        version = self._candidate.version
        terms = {"plan": plan, "conditions": {"unmetered_only": True}, "reason": "the fleet's candidate"}
        self._staff.post(f"/v1/releases/{version}/approve", terms)
        self.settle()
        with self._place.transaction() as session:
            self._rollout_id = _date_rollout(session, self._candidate, self._first_day + day * DAY)
        self.settle()

    def _is_busy(self) -> bool:
        with self._place.transaction() as session:
            statement = select(func.count()).where(
                col(Job.kind).in_(_SETTLED_BY_WORKERS), col(Job.state).in_([JobState.QUEUED, JobState.RUNNING])
            )
            return session.exec(statement).one() > 0


@contextmanager
def running(directory: Path, bundled: Path, changes: dict[str, str]) -> Iterator[tuple[City, Workplace]]:
    """Start a city in `directory` that ships with `bundled`, and stop it at the end."""
    environment = city.environment(directory, bundled, "mobilenet_v2", "random") | changes
    settings = _settings(environment)
    first_start.prepare(settings)
    place = workplace.open_workplace(settings)
    try:
        with place.transaction() as session:
            _put_off_own_look(session)
        with city.running(settings, environment) as started:
            yield started, place
    finally:
        place.close()


def _reason(rollout: dict[str, Any]) -> str:
    return str(rollout["reason"] if rollout["state"] in ("halted", "withdrawn") else rollout["judgement"])


def _settings(environment: dict[str, str]) -> Settings:
    """Read them from `environment` alone: other cities may live in this process's."""
    return Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in environment.items()})  # type: ignore[arg-type]


def _put_off_own_look(session: Session) -> None:
    """The schedule's clock is not the city's: its own look at the rollouts would see weeks pass at once."""
    for duty in (widen_rollout.look_after_rollouts, watch_completed.watch_completed_rollouts):
        session.add(Schedule(name=duty.__name__, due_at=now() + 365 * DAY))


def _date_arrivals(session: Session, arrived_from: datetime, day_begins: datetime) -> None:
    """Date what has come in since the last evening to the city's day that has just been lived.

    Where a midnight of ours fell into it, it came in two blocks; they stay two.
    """
    arrived = col(FieldBlock.received_at)
    blocks = session.exec(select(arrived).where(arrived >= arrived_from).distinct().order_by(arrived)).all()
    for number, block in enumerate(blocks):
        dated = day_begins + timedelta(seconds=number)
        session.execute(update(FieldBlock).where(arrived == block).values(received_at=dated))


def _date_rollout(session: Session, candidate: Candidate, moment: datetime) -> int:
    """Date the rollout to the city's day, with a salt that makes the run repeatable, and publish that."""
    rollout = session.exec(select(Rollout).where(Rollout.version == candidate.version)).one()
    if rollout.started_at is None or rollout.id is None:
        raise CityFailed(f"Release {candidate.version} was not published; see the logs of the city's worker.")
    rollout.started_at = rollout.stage_started_at = moment
    rollout.salt = candidate.salt
    session.add(rollout)
    publisher.ask(session)
    return rollout.id


def _propose(session: Session, place: Workplace, candidate: Candidate) -> None:
    """Put the candidate where the worker that trains puts its releases, with a run that nobody has run."""
    manifest, blessing = first_start.read_release(candidate.folder)
    release_files.store(place.storage, candidate.version, candidate.folder)
    snapshot = DatasetSnapshotRow(state=DatasetSnapshotState.FROZEN, requested_by="fleet")
    session.add(snapshot)
    session.flush()
    if snapshot.id is None:
        raise LookupError("a data set has an id once it is flushed")
    run = TrainingRun(
        state=TrainingRunState.BLESSED,
        recipe={},
        mode=TrainingMode.FROM_SCRATCH_ALL,
        weights="none",
        seed=0,
        snapshot_id=snapshot.id,
        trigger="hand",
        requested_by="fleet",
        release_version=candidate.version,
        champion_version=current_version(session),
    )
    session.add(run)
    session.flush()
    releases.propose(session, run, manifest, blessing)
