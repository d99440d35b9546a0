"""Training runs: asking for one, watching it, ending it.

Guarantees: a run that exists can be run: its recipe, weights and data set are checked when it is asked for. Its
release has a number from the first moment, which no other release ever gets. A run that has ended does not change,
unless people let one go on that was cancelled or failed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend import job_queue, known_labels
from backend.database import now
from backend.datasets import snapshots
from backend.errors import Conflict, DomainError, NotFound
from backend.records import audit_log
from backend.releasing import releases
from backend.releasing.current_model import current_version
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotState,
    JobKind,
    Photo,
    Release,
    TrainingMode,
    TrainingPoint,
    TrainingRun,
    TrainingRunState,
)
from mobile_models.document import Document
from mobile_models.evaluation import Blessing
from mobile_models.manifest import ReleaseManifest
from training.recipe import CHAMPION, IMAGENET, RANDOM, RANDOM_FROZEN, Recipe, RecipeError, check_weights

UNFINISHED = (TrainingRunState.REQUESTED, TrainingRunState.RUNNING)
RESUMABLE = (TrainingRunState.CANCELLED, TrainingRunState.FAILED)
CALENDAR, GOLD_LABELS = "calendar", "gold_labels"
_TRAINER = "retrain"
_NUMBERING_ATTEMPTS = 10


def request(  # noqa: PLR0913  # All of them are given by name, and each is a decision of whoever asks.
    session: Session,
    settings: Settings,
    *,
    recipe: Recipe,
    mode: TrainingMode,
    weights: str,
    seed: int,
    snapshot_id: int,
    trigger: str,
    who: str,
) -> TrainingRun:
    """Ask for a run on a snapshot that is frozen, or will be: then the run waits for it.

    Raise `DomainError` for weights that are not `imagenet`, `random`, `champion` or those of the settings, `Conflict`
    if there is no champion to start from or the snapshot could not be frozen.
    """
    champion = current_version(session)
    weights = CHAMPION if mode == TrainingMode.FINE_TUNE else weights
    _check_weights(settings, recipe, weights)
    _check_start(weights, champion)
    _check_snapshot(session, snapshot_id)
    run = _insert_numbered(
        session,
        TrainingRun(
            recipe=recipe.model_dump(mode="json"),
            mode=mode,
            weights=weights,
            seed=seed,
            snapshot_id=snapshot_id,
            trigger=trigger,
            requested_by=who,
            release_version=0,
            champion_version=champion,
        ),
    )
    job_queue.enqueue(session, JobKind.RETRAIN, run.id)
    audit_log.record(
        session, who, "training_run.requested", _subject(run.id), recipe=recipe.name, mode=mode, trigger=trigger
    )
    return run


def find(session: Session, run_id: str) -> TrainingRun:
    found = session.get(TrainingRun, run_id)
    if found is None:
        raise NotFound(f"There is no training run {run_id}.")
    return found


def newest(session: Session, limit: int = 100) -> Sequence[TrainingRun]:
    return session.exec(select(TrainingRun).order_by(col(TrainingRun.created_at).desc()).limit(limit)).all()


def cancel(session: Session, run_id: str, who: str) -> TrainingRun:
    """End a run that waits at once, and ask the worker of one that runs; asking again changes nothing."""
    find(session, run_id)
    run = _locked(session, run_id)
    if run.state not in UNFINISHED and run.state != TrainingRunState.CANCELLED:
        raise Conflict(f"This run has ended already: it is {run.state}.", code="run_ended")
    if run.cancel_requested_at is None:
        run.cancel_requested_at = now()
        audit_log.record(session, who, "training_run.cancel_requested", _subject(run_id))
    if run.state == TrainingRunState.REQUESTED:
        run.state, run.finished_at = TrainingRunState.CANCELLED, now()
    session.add(run)
    session.flush()
    return run


def resume(session: Session, run_id: str, who: str) -> TrainingRun:
    """Let a run go on that was cancelled or failed, from its checkpoint where that still lies on a worker's disk.

    Raise `Conflict` for any other, and where another release is current than the one that it began against.
    """
    find(session, run_id)
    run = _locked(session, run_id)
    if run.state not in RESUMABLE:
        raise Conflict(f"Only a run that was cancelled or failed can go on; this one is {run.state}.", code="run_ended")
    _check_snapshot(session, run.snapshot_id)
    if run.started_at is not None and run.champion_version != current_version(session):
        raise Conflict("Another release is current since it began. Start a new run.", code="champion_changed")
    run.state, run.finished_at, run.cancel_requested_at, run.error = TrainingRunState.REQUESTED, None, None, None
    session.add(run)
    job_queue.enqueue(session, JobKind.RETRAIN, run.id)
    audit_log.record(session, who, "training_run.resumed", _subject(run_id))
    return run


def points(session: Session, run_id: str) -> Sequence[TrainingPoint]:
    """Return what each epoch measured, in order."""
    statement = select(TrainingPoint).where(TrainingPoint.run_id == run_id)
    return session.exec(statement.order_by(col(TrainingPoint.epoch))).all()


def start(session: Session, run_id: str) -> None:
    """Mark the run as running; one that was interrupted keeps the time of its first start."""
    run = _locked(session, run_id)
    if run.state in UNFINISHED:
        run.state, run.started_at = TrainingRunState.RUNNING, run.started_at or now()
        session.add(run)


def record_progress(session: Session, run_id: str, progress: Document) -> None:
    """Keep what the trainer says (`training.run_directory.Progress`) for those who watch."""
    run = _locked(session, run_id)
    if run.state != TrainingRunState.RUNNING:
        return
    said = run.progress = progress.model_dump(mode="json")
    session.add(run)
    if said["epoch"] > 0 and said["metrics"]:
        record_points(session, run_id, {said["epoch"]: (said["stage"], said["metrics"])})


def record_points(session: Session, run_id: str, epochs: Mapping[int, tuple[str, dict[str, float]]]) -> None:
    """Keep what epochs measured, by number from 1; of one that is known already, the first word counts."""
    statement = select(TrainingPoint.epoch).where(TrainingPoint.run_id == run_id)
    known = set(session.exec(statement).all())
    for epoch, (stage, metrics) in epochs.items():
        if epoch not in known:
            session.add(TrainingPoint(run_id=run_id, epoch=epoch, stage=stage, metrics=metrics))


def settle_blessed(session: Session, run_id: str, manifest: ReleaseManifest, blessing: Blessing) -> None:
    run = _end(session, run_id, TrainingRunState.BLESSED, blessing=blessing)
    if run is not None:
        releases.propose(session, run, manifest, blessing)


def settle_blocked(session: Session, run_id: str, blessing: Blessing) -> None:
    _end(session, run_id, TrainingRunState.BLOCKED, blessing=blessing, reason="; ".join(blessing.reasons))


def settle_failed(session: Session, run_id: str, reason: str) -> None:
    _end(session, run_id, TrainingRunState.FAILED, reason=reason)


def settle_cancelled(session: Session, run_id: str) -> None:
    _end(session, run_id, TrainingRunState.CANCELLED)


def due_retraining(session: Session, settings: Settings, moment: datetime) -> str | None:
    """Return why a run is due at `moment`: `calendar`, `gold_labels`, or None.

    Never while one waits or runs, without a gold label since the last one was asked for, or before each label has
    `settings.retrain_minimum_per_class` of them. A run that failed counts as the last one too, so that a broken
    trainer is not started again and again.
    """
    if session.exec(select(TrainingRun.id).where(col(TrainingRun.state).in_(UNFINISHED)).limit(1)).first() is not None:
        return None
    by_time = select(TrainingRun.created_at).order_by(col(TrainingRun.created_at).desc())
    last = session.exec(by_time.limit(1)).first()
    usable = select(func.count()).select_from(Photo).where(*snapshots.is_usable())
    new = session.exec(usable if last is None else usable.where(col(Photo.gold_labelled_at) > last)).one()
    if new == 0 or not _every_label_has(session, settings.retrain_minimum_per_class):
        return None
    if 0 < settings.retrain_after_gold_labels <= new:
        return GOLD_LABELS
    days = settings.retrain_every_days
    return CALENDAR if days and (last is None or moment - last >= timedelta(days=days)) else None


def _every_label_has(session: Session, minimum: int) -> bool:
    statement = select(Photo.gold_label, func.count()).where(*snapshots.is_usable()).group_by(col(Photo.gold_label))
    counts = dict(session.exec(statement).all())
    return all(counts.get(label, 0) >= minimum for label in known_labels.label_set(session).ids)


def _check_weights(settings: Settings, recipe: Recipe, weights: str) -> None:
    """A file may lie on the training host alone, so only its name is checked: it must be the operator's."""
    named = (IMAGENET, RANDOM, RANDOM_FROZEN, CHAMPION)
    if weights == settings.weights and weights not in named:
        return
    if weights not in named:
        raise DomainError(
            f"weights must be one of {', '.join(sorted({*named, settings.weights}))}.", code="bad_weights"
        )
    try:
        check_weights(recipe, weights)
    except RecipeError as error:
        raise DomainError(str(error), code="bad_weights") from None


def _check_start(weights: str, champion: int | None) -> None:
    if champion is None and weights == CHAMPION:
        raise Conflict("There is no release to start from. Request a run from scratch.", code="no_champion")


def _check_snapshot(session: Session, snapshot_id: int) -> None:
    snapshot = snapshots.find(session, snapshot_id)
    if snapshot.state == DatasetSnapshotState.FAILED:
        raise Conflict(f"The snapshot could not be frozen: {snapshot.error}", code="snapshot_failed")


def _insert_numbered(session: Session, run: TrainingRun) -> TrainingRun:
    """Give the run the next number of a release. Of two that take the same at once, one tries again."""
    taken = (select(func.max(Release.version)), select(func.max(TrainingRun.release_version)))
    for _ in range(_NUMBERING_ATTEMPTS):
        run.release_version = 1 + max(session.exec(each).one() or 0 for each in taken)
        try:
            with session.begin_nested():
                session.add(run)
        except IntegrityError:
            continue
        return run
    raise Conflict("Many runs were requested at once. Try again.", code="busy")


def _end(
    session: Session,
    run_id: str,
    state: TrainingRunState,
    *,
    blessing: Blessing | None = None,
    reason: str | None = None,
) -> TrainingRun | None:
    """Return the run, or None if it had ended before."""
    run = _locked(session, run_id)
    if run.state not in UNFINISHED:
        return None
    run.state, run.finished_at, run.error = state, now(), reason
    run.blessing = None if blessing is None else blessing.model_dump(mode="json")
    session.add(run)
    audit_log.record(session, _TRAINER, f"training_run.{state}", _subject(run_id), reason=reason)
    return run


def _locked(session: Session, run_id: str) -> TrainingRun:
    return session.get_one(TrainingRun, run_id, with_for_update=True, populate_existing=True)


def _subject(run_id: str) -> str:
    return f"training-run/{run_id}"
