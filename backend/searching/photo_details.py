"""All that is known of one photo: opinions, notes, history, and which data sets and models saw it.

Guarantees: nothing of it tells which device sent the photo, or which other photos it sent. Whether a photo may be
looked at is decided here alone: only where its sender lets staff look, and not before it was inspected; a hidden one
only by those who may show it again. What others said of a photo that still waits for opinions is told to nobody who
has said nothing yet: a second opinion is an independent one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from backend import device_blocks
from backend.people.permissions import Permission
from backend.people.staff import Person
from backend.records import audit_log
from backend.reviewing.review_items import found_by, predictions
from backend.tables import (
    AuditEvent,
    Correction,
    DatasetSnapshotPhoto,
    Photo,
    PhotoId,
    PhotoNote,
    PhotoState,
    Prediction,
    Release,
    Review,
    ReviewVerdict,
    Staff,
    TrainingRun,
)

_MOST_EVENTS = 200


@dataclass(frozen=True)
class StaffOpinion:
    by: str
    verdict: ReviewVerdict
    label: str | None
    at: datetime
    taken_back: bool


@dataclass(frozen=True)
class StaffNote:
    by: str
    text: str
    at: datetime


@dataclass(frozen=True)
class InSnapshot:
    snapshot_id: int
    split: str
    label: str
    releases: tuple[int, ...]
    """Models that were made with it."""


@dataclass(frozen=True)
class Details:
    photo: Photo
    may_be_seen: bool
    device_is_blocked: bool
    predictions: Sequence[Prediction]
    corrections: Sequence[Correction]
    opinions: Sequence[StaffOpinion]
    opinions_withheld: bool
    notes: Sequence[StaffNote]
    snapshots: Sequence[InSnapshot]
    history: Sequence[AuditEvent]


def of(session: Session, person: Person, photo_id: PhotoId) -> Details:
    """Raise `NotFound` where there is no such photo for this person."""
    photo = found_by(session, person, photo_id)
    opinions = _opinions(session, photo_id)
    withheld = _still_waits(photo) and person.name not in {each.by for each in opinions}
    history = audit_log.history(session, f"photo/{photo_id}", _MOST_EVENTS)
    said = select(Correction).where(Correction.photo_id == photo_id).order_by(col(Correction.id))
    return Details(
        photo=photo,
        may_be_seen=may_be_seen(person, photo),
        device_is_blocked=device_blocks.is_blocked(session, photo.device_id),
        predictions=predictions(session, photo_id),
        corrections=session.exec(said).all(),
        opinions=[] if withheld else opinions,
        opinions_withheld=withheld and bool(opinions),
        notes=_notes(session, photo_id),
        snapshots=_snapshots(session, photo_id),
        history=[event for event in history if not (withheld and event.action.startswith("review."))],
    )


def may_be_seen(person: Person, photo: Photo) -> bool:
    if not photo.allow_review:
        return False
    if photo.state == PhotoState.HIDDEN:
        return person.may(Permission.CHANGE_DATA)
    return photo.state == PhotoState.INSPECTED


def _still_waits(photo: Photo) -> bool:
    return photo.gold_label is None and photo.rejected_at is None


def _opinions(session: Session, photo_id: PhotoId) -> list[StaffOpinion]:
    said = (
        select(Review, Staff.name)
        .join(Staff, col(Staff.id) == col(Review.staff_id))
        .where(Review.photo_id == photo_id)
        .order_by(col(Review.id))
    )
    rows = session.exec(said).all()
    undone = {row.takes_back for row, _ in rows}
    return [
        StaffOpinion(name, row.verdict, row.label, row.created_at, row.id in undone)
        for row, name in rows
        if row.verdict != ReviewVerdict.UNDO
    ]


def _notes(session: Session, photo_id: PhotoId) -> list[StaffNote]:
    noted = (
        select(PhotoNote, Staff.name)
        .join(Staff, col(Staff.id) == col(PhotoNote.staff_id))
        .where(PhotoNote.photo_id == photo_id)
        .order_by(col(PhotoNote.id))
    )
    return [StaffNote(name, row.text, row.created_at) for row, name in session.exec(noted)]


def _snapshots(session: Session, photo_id: PhotoId) -> list[InSnapshot]:
    there = (
        select(DatasetSnapshotPhoto)
        .where(DatasetSnapshotPhoto.photo_id == photo_id)
        .order_by(col(DatasetSnapshotPhoto.snapshot_id).desc())
    )
    rows = session.exec(there).all()
    made = (
        select(TrainingRun.snapshot_id, Release.version)
        .join(Release, col(Release.training_run_id) == TrainingRun.id)
        .where(col(TrainingRun.snapshot_id).in_([row.snapshot_id for row in rows]))
    )
    releases: dict[int, list[int]] = {}
    for snapshot_id, version in session.exec(made):
        releases.setdefault(snapshot_id, []).append(version)
    return [
        InSnapshot(row.snapshot_id, row.split, row.label, tuple(sorted(releases.get(row.snapshot_id, ()))))
        for row in rows
    ]
