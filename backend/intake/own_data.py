"""All that is kept of one phone: told to it, and forgotten when it says so.

Guarantees: the export names no reviewer. Forgetting takes photo after photo, each as `photos.withdraw` does, a few per
transaction; whatever interrupts it, asking again goes on. The phone's token works until nothing of it is left.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime

from obstore.store import ObjectStore
from pydantic import BaseModel, ConfigDict
from sqlalchemy import delete, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from backend import device_blocks
from backend.database import now
from backend.errors import NotSignedIn
from backend.intake import own_photos, photos
from backend.intake.own_photos import Status
from backend.tables import (
    Correction,
    CorrectionReason,
    Device,
    DeviceBlock,
    DeviceId,
    LocationPrecision,
    Opinionated,
    Photo,
    PhotoId,
    PhotoState,
    Prediction,
    ReviewVerdict,
)

_READ_AT_ONCE, _WITHDRAWN_AT_ONCE = 200, 20


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class ExportedPrediction(_FromRow):
    made_by: Opinionated
    release_version: int
    label: str
    scores: dict[str, float]
    created_at: datetime


class ExportedCorrection(_FromRow):
    label: str
    reason: CorrectionReason | None
    created_at: datetime


class ExportedPhoto(_FromRow):
    id: str
    received_at: datetime
    withdrawn_at: datetime | None
    quarantine_reason: str | None
    sha256: str
    """Of the stored bytes."""
    width: int
    height: int
    size_bytes: int
    captured_on: date | None
    place: str | None
    latitude: float | None
    longitude: float | None
    location_precision: LocationPrecision | None
    note: str | None
    allow_review: bool
    allow_training: bool
    gold_label: str | None
    gold_labelled_at: datetime | None
    rejected_as: ReviewVerdict | None
    rejected_at: datetime | None


class ExportedSubmission(BaseModel):
    photo: ExportedPhoto
    state: PhotoState
    predictions: list[ExportedPrediction]
    corrections: list[ExportedCorrection]
    accepted: bool | None
    in_releases: tuple[int, ...]


class DeviceExport(BaseModel):
    exported_at: datetime
    registered_on: date
    is_blocked: bool
    """Whether the city takes no more photos of this phone."""
    submissions: list[ExportedSubmission]
    """Newest first."""


def export(session: Session, device: DeviceId) -> DeviceExport:
    return DeviceExport(
        exported_at=now(),
        registered_on=session.get_one(Device, device).created_at.date(),
        is_blocked=device_blocks.is_blocked(session, device),
        submissions=[each for some in _batches(session, device) for each in _exported(session, some)],
    )


def forget(begin: Callable[[], AbstractContextManager[Session]], storage: ObjectStore, device: DeviceId) -> int:
    """Withdraw every photo of the device, then forget the device; return how many photos were withdrawn now.

    `begin` opens a transaction. Raise `NotSignedIn` if the device was forgotten meanwhile.
    """
    withdrawn = 0
    while True:
        with begin() as session:
            some = _not_withdrawn(session, device)
            for photo_id in some:
                photos.withdraw(session, storage, device, photo_id)
            if not some and _let_go(session, device):
                return withdrawn
        withdrawn += len(some)


def _batches(session: Session, device: DeviceId) -> Iterator[Sequence[Photo]]:
    slim = select(Photo).where(Photo.device_id == device).options(defer(Photo.embedding))  # type: ignore[arg-type]
    newest_first = slim.order_by(col(Photo.received_at).desc(), col(Photo.id).desc())
    yield from session.exec(newest_first.execution_options(yield_per=_READ_AT_ONCE)).partitions()


def _exported(session: Session, some: Sequence[Photo]) -> Iterator[ExportedSubmission]:
    ids = [photo.id for photo in some]
    predictions: dict[str, list[ExportedPrediction]] = defaultdict(list)
    for made in session.exec(select(Prediction).where(col(Prediction.photo_id).in_(ids)).order_by(col(Prediction.id))):
        predictions[made.photo_id].append(ExportedPrediction.model_validate(made))
    corrections: dict[str, list[ExportedCorrection]] = defaultdict(list)
    for said in session.exec(select(Correction).where(col(Correction.photo_id).in_(ids)).order_by(col(Correction.id))):
        corrections[said.photo_id].append(ExportedCorrection.model_validate(said))
    for photo, status in zip(some, own_photos.statuses(session, some), strict=True):
        yield _submission(photo, status, predictions[photo.id], corrections[photo.id])


def _submission(
    photo: Photo, status: Status, predictions: list[ExportedPrediction], corrections: list[ExportedCorrection]
) -> ExportedSubmission:
    return ExportedSubmission(
        photo=ExportedPhoto.model_validate(photo),
        state=status.state,
        predictions=predictions,
        corrections=corrections,
        accepted=status.accepted,
        in_releases=status.in_releases,
    )


def _not_withdrawn(session: Session, device: DeviceId) -> list[PhotoId]:
    statement = select(Photo.id).where(Photo.device_id == device, Photo.state != PhotoState.WITHDRAWN)
    return [PhotoId(each) for each in session.exec(statement.order_by(Photo.id).limit(_WITHDRAWN_AT_ONCE))]


def _let_go(session: Session, device: DeviceId) -> bool:
    """Delete the device; return False if it has sent another photo meanwhile.

    Its tombstones stay without a sender. Nothing can be sent by it while its row is locked, nor afterwards.
    """
    row = session.get(Device, device, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotSignedIn("This device is not known here any more.")
    if _not_withdrawn(session, device):
        return False
    connection = session.connection()
    connection.execute(update(Photo).where(col(Photo.device_id) == device).values(device_id=None))
    connection.execute(delete(DeviceBlock).where(col(DeviceBlock.device_id) == device))
    session.delete(row)
    session.flush()
    return True
