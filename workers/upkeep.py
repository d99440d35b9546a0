"""Keep everything moving: what waits is rung for, what is due is asked for, what is left over is removed.

Guarantees: any number of schedulers may run it at any time. A duty that fails is logged and hinders no other one; it
is tried again the next time. Nothing that waits depends on a message that may have been lost.
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import obstore
from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, delete, exists, inspect, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend import job_queue, publisher
from backend.database import connect, now
from backend.datasets import snapshots
from backend.evidence import field_reports
from backend.intake import photo_store
from backend.releasing.current_model import current_version
from backend.releasing.patches import Pair
from backend.runs import training_runs
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotRow,
    DatasetSnapshotState,
    Job,
    JobKind,
    JobState,
    Patch,
    PatchState,
    Photo,
    PhotoState,
    Release,
    ReleaseState,
    ReviewClaim,
    Schedule,
    StaffSession,
    StaffTicket,
    TrainingMode,
    TrainingRun,
)
from training import recipe
from workers import kept_features, make_patches, tell_staff, watch_completed, widen_rollout
from workers.workplace import Workplace

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Rows that one sweep looks after, of each kind; the next sweep goes on."""
ORPHAN_AGE = timedelta(hours=1)
"""A photo is stored before its row is committed; after this long it has been, or never will be."""
SCHEDULE = "schedule"
SWEEP = "sweep"
"""The row of `schedules` that says when the next sweep should be; one that is overdue tells that nobody sweeps."""
MISSED_SWEEPS = 6

Duty = Callable[[Workplace], None]


def run(place: Workplace) -> None:
    """Do what every sweep does, and what is due by a schedule of its own."""
    claim_schedule(place, SWEEP, timedelta(seconds=place.settings.sweep_seconds))
    always: tuple[Duty, ...] = (ask_again_for_what_was_lost, ring_for_due_jobs)
    for duty in always:
        _do(duty, place)
    for duty, every in PERIODIC.items():
        if claim_schedule(place, duty.__name__, every):
            _do(duty, place)


def _do(duty: Duty, place: Workplace) -> None:
    try:
        duty(place)
    except Exception:
        log.exception("%s failed and will be tried again", duty.__name__)


def claim_schedule(place: Workplace, name: str, every: timedelta) -> bool:
    """Whether it is due and this caller is the one to do it; a name is due when it is first seen."""
    moment = now()
    with place.transaction() as session:
        if session.get(Schedule, name) is None:
            _insert_schedule(session, name, moment)
        statement = (
            update(Schedule)
            .where(col(Schedule.name) == name, col(Schedule.due_at) <= moment)
            .values(due_at=moment + every)
            .execution_options(synchronize_session=False)
        )
        return session.connection().execute(statement).rowcount == 1


def sweep_problem(session: Session, settings: Settings) -> str | None:
    """Return what is wrong if nobody has swept for long: worker and schedule are both needed for it."""
    row = session.get(Schedule, SWEEP)
    if row is None:
        return "Nothing has been swept yet: worker or schedule has not begun"
    overdue = now() - row.due_at
    if overdue < MISSED_SWEEPS * timedelta(seconds=settings.sweep_seconds):
        return None
    return f"No sweep for {overdue.total_seconds():.0f} seconds: worker or schedule is not running, or is stuck"


def _insert_schedule(session: Session, name: str, due_at: datetime) -> None:
    try:
        with session.begin_nested():
            session.add(Schedule(name=name, due_at=due_at))
    except IntegrityError:
        log.debug("another scheduler was first to see %s", name)


def ring_for_due_jobs(place: Workplace) -> None:
    with place.transaction() as session:
        bells = job_queue.bells(session)
    for kind, job_id in bells:
        place.doorbell(kind, job_id)


def ask_again_for_what_was_lost(place: Workplace) -> None:
    """Every kind of pending row has a job, whatever happened to the one it had."""
    with place.transaction() as session:
        for kind, subject in _pending_without_job(session):
            log.warning("%s of %s had no job and gets a new one", kind, subject)
            job_queue.enqueue(session, kind, subject)


def _pending_without_job(session: Session) -> list[tuple[JobKind, str]]:
    photos = select(Photo.id).where(Photo.state == PhotoState.RECEIVED, _has_no_job(JobKind.INSPECT, col(Photo.id)))
    frozen_later = select(DatasetSnapshotRow.id).where(
        DatasetSnapshotRow.state == DatasetSnapshotState.REQUESTED,
        _has_no_job(JobKind.FREEZE, cast(col(DatasetSnapshotRow.id), String)),
    )
    runs = select(TrainingRun.id).where(
        col(TrainingRun.state).in_(training_runs.UNFINISHED),
        _has_no_job(JobKind.RETRAIN, col(TrainingRun.id)),
    )
    approved = select(Release.version).where(
        Release.state == ReleaseState.APPROVED, ~exists().where(*_is_pending(JobKind.PUBLISH))
    )
    return [
        *((JobKind.INSPECT, photo_id) for photo_id in session.exec(photos.limit(AT_ONCE))),
        *((JobKind.FREEZE, str(snapshot_id)) for snapshot_id in session.exec(frozen_later.limit(AT_ONCE))),
        *((JobKind.RETRAIN, run_id) for run_id in session.exec(runs.limit(AT_ONCE))),
        *((JobKind.PUBLISH, publisher.UPDATES) for _ in session.exec(approved.limit(1))),
        *((JobKind.PATCH, subject) for subject in _patches_without_job(session)),
    ]


def _patches_without_job(session: Session) -> list[str]:
    rows = session.exec(select(Patch).where(Patch.state == PatchState.REQUESTED)).all()
    jobs = set(session.exec(select(Job.subject).where(*_is_pending(JobKind.PATCH))).all())
    return [subject for row in rows if (subject := Pair(row.from_version, row.to_version).subject) not in jobs]


def _has_no_job(kind: JobKind, subject: SQLColumnExpression[str]) -> ColumnElement[bool]:
    return ~exists().where(*_is_pending(kind), col(Job.subject) == subject)


def _is_pending(kind: JobKind) -> tuple[ColumnElement[bool], ...]:
    return col(Job.kind) == kind, col(Job.state).in_([JobState.QUEUED, JobState.RUNNING])


def ask_for_retraining(place: Workplace) -> None:
    """Freeze what there is now, and train on it: the run is asked for at once and waits for its data set."""
    settings = place.settings
    with place.transaction() as session:
        trigger = training_runs.due_retraining(session, settings, now())
        if trigger is None:
            return
        snapshot = snapshots.request(session, SCHEDULE)
        if snapshot.id is None:
            raise LookupError("a requested data set has an id once it is flushed")
        training_runs.request(
            session,
            settings,
            recipe=recipe.load(settings.recipe),
            mode=_scheduled_mode(session, settings),
            weights=settings.weights,
            seed=secrets.randbelow(2**31),
            snapshot_id=snapshot.id,
            trigger=trigger,
            who=SCHEDULE,
        )


def _scheduled_mode(session: Session, settings: Settings) -> TrainingMode:
    """Without a champion there is none to fine-tune, and nothing is old."""
    return TrainingMode(settings.retrain_mode) if current_version(session) else TrainingMode.FROM_SCRATCH_ALL


def re_sign_updates(place: Workplace) -> None:
    """The publisher looks at every expiry, and does nothing where nothing is near."""
    with place.transaction() as session:
        publisher.ask(session)


def remove_what_has_expired(place: Workplace) -> None:
    with place.transaction() as session:
        for table in (ReviewClaim, StaffSession, StaffTicket):
            session.execute(
                delete(table).where(col(table.expires_at) < now()).execution_options(synchronize_session=False)
            )


def remove_orphan_photos(place: Workplace) -> None:
    """Delete stored photos that no row has: an upload that was cut, or one that was withdrawn meanwhile."""
    before = now() - ORPHAN_AGE
    for listed in obstore.list(place.storage, prefix=photo_store.PHOTOS, chunk_size=AT_ONCE):
        old = {_photo_id(found["path"]): found["path"] for found in listed if found["last_modified"] < before}
        with place.transaction() as session:
            kept = select(Photo.id).where(col(Photo.id).in_(old), Photo.state != PhotoState.WITHDRAWN)
            orphans = old.keys() - set(session.exec(kept).all())
        for photo_id in orphans:
            log.warning("removing the orphan %s", old[photo_id])
            obstore.delete(place.storage, old[photo_id])


def _photo_id(key: str) -> str:
    return key.removeprefix(photo_store.PHOTOS).removesuffix(".jpg")


def forget_delivered_messages(place: Workplace) -> None:
    """The queue on a database keeps every message that it has delivered; a queue with a server does not."""
    kind, _, url = place.settings.resolved_broker_url.partition("+")
    if kind != "sqla":
        return
    engine = connect(url)
    try:
        if inspect(engine).has_table("kombu_message"):
            with engine.begin() as connection:
                connection.execute(text("DELETE FROM kombu_message WHERE NOT visible"))
    finally:
        engine.dispose()


def forget_counted_reports(place: Workplace) -> None:
    with place.transaction() as session:
        field_reports.purge(session, now())


PERIODIC: dict[Duty, timedelta] = {
    ask_for_retraining: timedelta(minutes=10),
    widen_rollout.approve_what_may_be: timedelta(minutes=10),
    widen_rollout.look_after_rollouts: timedelta(minutes=5),
    watch_completed.watch_completed_rollouts: timedelta(minutes=10),
    re_sign_updates: timedelta(hours=1),
    remove_what_has_expired: timedelta(hours=1),
    remove_orphan_photos: timedelta(hours=1),
    kept_features.forget_withdrawn: timedelta(hours=1),
    forget_delivered_messages: timedelta(hours=1),
    make_patches.forget_unwanted: timedelta(hours=1),
    forget_counted_reports: timedelta(hours=1),
    tell_staff.send_notices: timedelta(seconds=15),  # Last: a receiver may be slow.
}
