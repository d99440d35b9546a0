"""What a phone may know of the photos that it sent.

Guarantees: a device sees its own only. Whatever is asked about many photos takes as many queries as for one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from backend.errors import Gone, NotFound
from backend.tables import (
    Correction,
    CorrectionReason,
    DatasetSnapshotPhoto,
    DeviceId,
    Opinionated,
    Photo,
    PhotoId,
    PhotoState,
    Prediction,
    Release,
    TrainingRun,
)
from mobile_models.label_set import UNSURE


@dataclass(frozen=True)
class Status:
    """What a resident may know of a submission."""

    photo_id: PhotoId
    state: PhotoState
    received_at: datetime
    allow_review: bool
    allow_training: bool
    correction: str | None
    correction_reason: CorrectionReason | None
    gold_label: str | None
    accepted: bool | None
    """Whether reviewers say the same as the sender: the newest correction, else what the phone said and nobody
    corrected. None until they have decided, and where the sender said nothing."""
    quarantine_reason: str | None
    in_releases: tuple[int, ...]
    """Published models that were made with this photo."""


def find(session: Session, device: DeviceId, photo_id: PhotoId, *, lock: bool = False) -> Photo:
    """Return the photo, locked until the transaction ends where that is asked for; raise `NotFound`."""
    statement = select(Photo).where(Photo.id == photo_id, Photo.device_id == device)
    found = session.exec(statement.with_for_update() if lock else statement).one_or_none()
    if found is None:
        raise NotFound("This device has sent no photo with this id.")
    return found


def find_stored(session: Session, device: DeviceId, photo_id: PhotoId) -> Photo:
    """Raise `Gone` if its bytes were deleted, else as `find`."""
    photo = find(session, device, photo_id)
    if photo.state == PhotoState.WITHDRAWN:
        raise Gone("This photo was withdrawn.", code="withdrawn")
    return photo


def status(session: Session, device: DeviceId, photo_id: PhotoId) -> Status:
    return statuses(session, [find(session, device, photo_id)])[0]


def newest(session: Session, device: DeviceId, limit: int, before: datetime | None = None) -> list[Status]:
    """Return the device's submissions, newest first; `before` is the `received_at` of the last one seen."""
    statement = select(Photo).where(Photo.device_id == device)
    if before is not None:
        statement = statement.where(col(Photo.received_at) < before)
    newest_first = statement.order_by(col(Photo.received_at).desc(), col(Photo.id).desc()).limit(limit)
    # Thousands of numbers each that nobody asks for here.
    slim = newest_first.options(defer(Photo.embedding))  # type: ignore[arg-type]
    return statuses(session, session.exec(slim).all())


def statuses(session: Session, photos: Sequence[Photo]) -> list[Status]:
    ids = [photo.id for photo in photos]
    corrections, said, releases = _corrections(session, ids), _phones_labels(session, ids), _releases(session, ids)
    return [
        _status(photo, corrections.get(photo.id), said.get(photo.id), releases.get(photo.id, set())) for photo in photos
    ]


def told(state: PhotoState) -> PhotoState:
    """What staff hide is to its sender what quarantine is: kept from everybody. Why is not told."""
    return PhotoState.QUARANTINED if state == PhotoState.HIDDEN else state


def _status(photo: Photo, correction: Correction | None, phone_said: str | None, releases: set[int]) -> Status:
    return Status(
        photo_id=PhotoId(photo.id),
        state=told(photo.state),
        received_at=photo.received_at,
        allow_review=photo.allow_review,
        allow_training=photo.allow_training,
        correction=None if correction is None else correction.label,
        correction_reason=None if correction is None else correction.reason,
        gold_label=photo.gold_label,
        accepted=_accepted(photo, phone_said if correction is None else correction.label),
        quarantine_reason=photo.quarantine_reason,
        in_releases=tuple(sorted(releases)),
    )


def _accepted(photo: Photo, said: str | None) -> bool | None:
    is_decided = photo.gold_label is not None or photo.rejected_at is not None
    if not is_decided or said in (None, UNSURE) or photo.state == PhotoState.WITHDRAWN:
        return None
    return said == photo.gold_label


def _corrections(session: Session, ids: Sequence[str]) -> dict[str, Correction]:
    newest_last = select(Correction).where(col(Correction.photo_id).in_(ids)).order_by(col(Correction.id))
    return {row.photo_id: row for row in session.exec(newest_last)}


def _phones_labels(session: Session, ids: Sequence[str]) -> dict[str, str]:
    made = (col(Prediction.photo_id).in_(ids), Prediction.made_by == Opinionated.PHONE)
    return dict(session.exec(select(Prediction.photo_id, Prediction.label).where(*made)).all())


def _releases(session: Session, ids: Sequence[str]) -> dict[str, set[int]]:
    releases: dict[str, set[int]] = defaultdict(set)
    used = (
        select(DatasetSnapshotPhoto.photo_id, Release.version)
        .join(TrainingRun, col(TrainingRun.snapshot_id) == DatasetSnapshotPhoto.snapshot_id)
        .join(Release, col(Release.training_run_id) == TrainingRun.id)
        .where(col(DatasetSnapshotPhoto.photo_id).in_(ids), col(Release.published_at).is_not(None))
    )
    for photo_id, version in session.exec(used):
        releases[photo_id].add(version)
    return releases
