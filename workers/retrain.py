"""Carry out a training run: bring its inputs, start the trainer, watch it, keep what it made.

Guarantees: the trainer is a child process that ends with this worker. A run that was interrupted goes on from its
checkpoint where its run directory still is, and starts afresh elsewhere; it is never done by two at once (the lease on
the row, the lock on the directory). A release is in storage, whole, before a row proposes it.
"""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session, col, select

from backend.releasing import release_files
from backend.releasing.current_model import current_version
from backend.runs import training_runs
from backend.runs.training_runs import UNFINISHED
from backend.tables import (
    DatasetSnapshotRow,
    DatasetSnapshotState,
    TrainingMode,
    TrainingRun,
    TrainingRunState,
)
from mobile_models.evaluation import Blessing
from mobile_models.manifest import ReleaseManifest
from training.child import TrainingCommand, last_words, train
from training.data.rehearsal import LearnFrom
from training.fitting.checkpoints import STATE_FILE, FitState, History
from training.recipe import CHAMPION, Recipe
from training.run_directory import ExitCode, Outcome, Progress, RunDirectory, RunResult
from workers import artefacts, kept_features
from workers.claim import CannotBeDone, NotYet, Settle, Task, Work
from workers.workplace import Workplace

WATCH_SECONDS = 2.0
LOG_SECONDS = 30.0
"""How old the log may be that people read while it trains."""
LEARN_FROM = {
    TrainingMode.FROM_SCRATCH: LearnFrom.NEW,
    TrainingMode.FINE_TUNE: LearnFrom.REHEARSAL,
    TrainingMode.FROM_SCRATCH_ALL: LearnFrom.ALL,
}


class Cancelled(Exception):
    """A person asked to end this run."""


class TrainerFailed(Exception):
    """The trainer ended without a result; it may go on from its checkpoint."""


@dataclass(frozen=True)
class Plan:
    """What the row says, read at the beginning."""

    run: TrainingRun
    digest: str
    champion: int | None


def _retrain(work: Work) -> Settle:
    plan = _begin(work)
    if plan is None:
        return _nothing_to_do
    run = RunDirectory(work.place.settings.work_dir / "runs" / plan.run.id)
    try:
        result = _train(work, plan, run)
    except Cancelled:
        return lambda session: training_runs.settle_cancelled(session, plan.run.id)
    finally:
        if run.path.is_dir():
            artefacts.store_reports(work.place.storage, plan.run.id, run.path)
    return _keep(work, plan, run, result)


def _nothing_to_do(_: Session) -> None:
    """It has ended before."""


def _begin(work: Work) -> Plan | None:
    """Mark the run as running, with the champion that it has to beat; None if it has ended."""
    with work.transaction() as session:
        run = session.get(TrainingRun, work.subject)
        if run is None or run.state not in UNFINISHED:
            return None
        digest, is_new = _frozen_digest(session, run), run.state == TrainingRunState.REQUESTED
        training_runs.start(session, run.id)
        if is_new:  # The one of now, which may be newer than that of the day when the run was asked for.
            run.champion_version = current_version(session)
        if run.champion_version is None and _weights(run) == CHAMPION:
            raise CannotBeDone("There is no release to start from. Request a run from scratch.")
        return Plan(run, digest, run.champion_version)


def _weights(run: TrainingRun) -> str:
    return CHAMPION if run.mode == TrainingMode.FINE_TUNE else run.weights


def _frozen_digest(session: Session, run: TrainingRun) -> str:
    snapshot = session.get_one(DatasetSnapshotRow, run.snapshot_id)
    if snapshot.state == DatasetSnapshotState.FAILED:
        raise CannotBeDone(f"Its data set could not be frozen: {snapshot.error}")
    if snapshot.digest is None:
        raise NotYet
    return snapshot.digest


def _train(work: Work, plan: Plan, run: RunDirectory) -> RunResult:
    command = _prepare(work, plan, run)
    code = train(command, _Watch(work, plan.run.id, run).look)
    with work.transaction() as session:  # Those that it did not see in time.
        training_runs.record_points(session, plan.run.id, _epochs(run))
    result = run.read_result()
    if code == ExitCode.LOCKED:
        raise TrainerFailed("Another trainer still holds the run directory.")
    if result is None:
        raise TrainerFailed(f"The trainer ended with {code} and no result. Its last words:\n{last_words(run.path)}")
    return result


def _prepare(work: Work, plan: Plan, run: RunDirectory) -> TrainingCommand:
    place = work.place
    _make_room(place)
    kept_features.forget_withdrawn(place)
    snapshot = artefacts.fetch_snapshot(place, plan.run.snapshot_id, plan.digest, work.check)
    champion = None if plan.champion is None else artefacts.fetch_release(place, plan.champion)
    recipe = run.path.with_suffix(".recipe.json")
    Recipe.model_validate(plan.run.recipe).write(recipe)
    return TrainingCommand(
        snapshot=snapshot,
        run=run.path,
        recipe=recipe,
        seed=plan.run.seed,
        version=plan.run.release_version,
        weights=_weights(plan.run),
        champion=champion,
        threads=place.settings.train_threads,
        lineage_run_id=plan.run.id,
        learn_from=LEARN_FROM[plan.run.mode],
        features=place.settings.resolved_features_dir,
        features_gigabytes=place.settings.features_gigabytes,
        outside=place.settings.outside_dir,
        outside_labels=place.settings.outside_labels,
    )


def _make_room(place: Workplace) -> None:
    """Remove the run directories and data sets of runs that have ended; those of the last one stay until now.

    It looks at the disk first: what another worker of this host begins later is not found, and not removed.
    """
    found = (*_entries(place, "runs"), *_entries(place, "snapshots"))
    with place.transaction() as session:
        statement = (
            select(TrainingRun.id, DatasetSnapshotRow.digest)
            .join(DatasetSnapshotRow, col(DatasetSnapshotRow.id) == col(TrainingRun.snapshot_id))
            .where(col(TrainingRun.state).in_(UNFINISHED))
        )
        kept = {name for row in session.exec(statement) for name in row}
    for folder in found:
        if folder.name.partition(".")[0] not in kept:
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


def _entries(place: Workplace, name: str) -> tuple[Path, ...]:
    folder = place.settings.work_dir / name
    return tuple(folder.iterdir()) if folder.is_dir() else ()


@dataclass
class _Watch:
    """Looks at a running trainer: writes its progress on the row, and sees when it has to end."""

    work: Work
    run_id: str
    run: RunDirectory
    written: Progress | None = None
    next_look_at: float = field(default=0.0)
    next_log_at: float = field(default=0.0)

    def look(self) -> None:
        self.work.check()
        if time.monotonic() < self.next_look_at:
            return
        self.next_look_at = time.monotonic() + WATCH_SECONDS
        progress = self.run.read_progress()
        with self.work.transaction() as session:
            if session.get_one(TrainingRun, self.run_id).cancel_requested_at is not None:
                raise Cancelled
            if progress is not None and progress != self.written:
                training_runs.record_points(session, self.run_id, _epochs(self.run))
                training_runs.record_progress(session, self.run_id, progress)
        self.written = progress
        self._keep_log()

    def _keep_log(self) -> None:
        if time.monotonic() >= self.next_log_at:
            self.next_log_at = time.monotonic() + LOG_SECONDS
            artefacts.store_log(self.work.place.storage, self.run_id, self.run.path)


def _epochs(run: RunDirectory) -> dict[int, tuple[str, dict[str, float]]]:
    """Return what each epoch measured so far, by number."""
    if run.history.is_file():
        found = History.read(run.history).epochs
    else:
        state = run.checkpoints / STATE_FILE
        found = FitState.read(state).epochs if state.is_file() else ()
    return {number: (epoch.name, epoch.metrics) for number, epoch in enumerate(found, 1)}


def _keep(work: Work, plan: Plan, run: RunDirectory, result: RunResult) -> Settle:
    run_id, version = plan.run.id, plan.run.release_version
    if result.outcome == Outcome.REFUSED:
        raise CannotBeDone(" ".join(result.reasons))
    blessing = Blessing.read(run.release / "blessing.json")
    if result.outcome == Outcome.BLOCKED:
        return lambda session: training_runs.settle_blocked(session, run_id, blessing)
    manifest = ReleaseManifest.read(run.release / release_files.MANIFEST)
    release_files.store(work.place.storage, version, run.release)
    return lambda session: training_runs.settle_blessed(session, run_id, manifest, blessing)


RETRAIN = Task(act=_retrain, give_up=training_runs.settle_failed)
