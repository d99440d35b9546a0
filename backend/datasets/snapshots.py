"""Dataset snapshots: freezing the photos that a model is trained and measured on.

Guarantees: only photos with a gold label, inspected, not withdrawn, whose senders allowed training. What is frozen
names its parent, and freezing the same photos with the same labels again gives the same digest. Which photo went
into which snapshot is kept, so that a resident can be told which models saw it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert
from sqlalchemy.orm import load_only
from sqlmodel import Session, col, select

from backend import job_queue, known_labels
from backend.database import now
from backend.datasets.dataset_selection import GoldPhoto, select_photos
from backend.errors import Conflict, NotFound, Unavailable
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotPhoto,
    DatasetSnapshotRow,
    DatasetSnapshotState,
    Job,
    JobKind,
    JobState,
    Photo,
    PhotoSource,
    PhotoState,
)
from mobile_models.document import Sha256
from training.dataset import DatasetSnapshot, SeenPhotos, SnapshotPhoto, Split


@dataclass(frozen=True)
class Collected:
    """A data set that could be frozen, and which photos are in it (see `dataset_selection.Selection`)."""

    document: DatasetSnapshot
    photo_ids: Mapping[Sha256, tuple[str, ...]]


def request(session: Session, who: str) -> DatasetSnapshotRow:
    """Ask for all that may be trained on to be frozen."""
    row = DatasetSnapshotRow(requested_by=who)
    session.add(row)
    session.flush()
    job_queue.enqueue(session, JobKind.FREEZE, str(row.id))
    audit_log.record(session, who, "dataset_snapshot.requested", _subject(row.id))
    return row


def find(session: Session, snapshot_id: int) -> DatasetSnapshotRow:
    found = session.get(DatasetSnapshotRow, snapshot_id)
    if found is None:
        raise NotFound(f"There is no dataset snapshot {snapshot_id}.")
    return found


def newest(session: Session, limit: int = 100) -> Sequence[DatasetSnapshotRow]:
    return session.exec(select(DatasetSnapshotRow).order_by(col(DatasetSnapshotRow.id).desc()).limit(limit)).all()


def collect(session: Session, settings: Settings) -> Collected:
    """Choose and split the photos; raise `Conflict` if there is none. It reads only."""
    selection = select_photos(
        _gold_photos(session),
        settings.gold_labels_per_device_and_class,
        _senders(session),
        seen_by_bundled_release(settings),
    )
    if not selection.photos:
        raise Conflict("No inspected photo has a gold label and may be trained on.", code="no_gold_labels")
    return Collected(_document(session, selection.photos), selection.photo_ids)


def settle_frozen(session: Session, snapshot_id: int, collected: Collected) -> None:
    """Write down what was frozen. Raise `Unavailable` if a photo has changed since: collect again."""
    row = _locked(session, snapshot_id)
    if row.state != DatasetSnapshotState.REQUESTED:
        return
    _write_photos(session, snapshot_id, collected)
    row.state, row.frozen_at, row.error = DatasetSnapshotState.FROZEN, now(), None
    row.digest, row.parent_digest = collected.document.digest, collected.document.parent
    row.counts = collected.document.counts()
    session.add(row)
    audit_log.record(session, "freeze", "dataset_snapshot.frozen", _subject(snapshot_id), digest=row.digest)


def settle_failed(session: Session, snapshot_id: int, reason: str) -> None:
    row = _locked(session, snapshot_id)
    if row.state == DatasetSnapshotState.REQUESTED:
        row.state, row.error = DatasetSnapshotState.FAILED, reason
        session.add(row)
        audit_log.record(session, "freeze", "dataset_snapshot.failed", _subject(snapshot_id), reason=reason)


def seen_by_bundled_release(settings: Settings) -> dict[Sha256, Split]:
    """Return the side on which the bundled release had each photo, by the digest of its bytes as they first came."""
    folder = settings.resolved_bundled_release
    return SeenPhotos.read(folder / "dataset.json").splits()


def awaits_inspection(session: Session) -> bool:
    """Whether an imported photo that may be trained on is still being inspected: a data set would lack it."""
    inspecting = select(Job.subject).where(
        Job.kind == JobKind.INSPECT, col(Job.state).in_((JobState.QUEUED, JobState.RUNNING))
    )
    waiting = select(Photo.id).where(
        Photo.state == PhotoState.RECEIVED,
        Photo.source == PhotoSource.IMPORT,
        col(Photo.allow_training).is_(True),
        col(Photo.id).in_(inspecting),
    )
    return session.exec(waiting.limit(1)).first() is not None


def is_usable() -> tuple[ColumnElement[bool], ...]:
    """What makes a photo one that may be trained on."""
    return (
        col(Photo.state) == PhotoState.INSPECTED,
        col(Photo.allow_training).is_(True),
        col(Photo.gold_label).is_not(None),
    )


def may_still_be_learned_from() -> tuple[ColumnElement[bool], ...]:
    """What holds of a photo in a frozen data set unless its sender has said otherwise since."""
    return col(Photo.state) != PhotoState.WITHDRAWN, col(Photo.allow_training).is_(True)


def _gold_photos(session: Session) -> list[GoldPhoto]:
    """In the order in which they came; only these columns, since the embeddings would be most of the bytes."""
    columns: tuple[Any, ...] = (
        Photo.id,
        Photo.sha256,
        Photo.origin_sha256,
        Photo.gold_label,
        Photo.device_id,
        Photo.group_id,
        Photo.source,
        Photo.split,
    )
    statement = select(*columns).where(*is_usable()).order_by(col(Photo.received_at), col(Photo.id))
    rows: Any = session.exec(statement)
    return [
        GoldPhoto(
            photo_id=row.id,
            sha256=row.sha256,
            origin_sha256=row.origin_sha256,
            label=row.gold_label,
            device_id=row.device_id,
            group_id=row.group_id,
            source=row.source,
            split=None if row.split is None else Split(row.split),
        )
        for row in rows
    ]


def _senders(session: Session) -> dict[str, set[str | None]]:
    """Of all photos, whatever became of them, so that a group does not change when one is withdrawn."""
    senders: dict[str, set[str | None]] = defaultdict(set)
    for group, device in session.exec(select(Photo.group_id, Photo.device_id).distinct()):
        senders[group].add(device)
    return senders


def _document(session: Session, photos: tuple[SnapshotPhoto, ...]) -> DatasetSnapshot:
    """The child of the newest snapshot; or that one itself, if nothing has changed."""
    statement = (
        select(DatasetSnapshotRow)
        .where(DatasetSnapshotRow.state == DatasetSnapshotState.FROZEN)
        .order_by(col(DatasetSnapshotRow.id).desc())
        .limit(1)
    )
    parent = session.exec(statement).one_or_none()
    document = DatasetSnapshot(label_set=known_labels.label_set(session), photos=photos)
    if parent is None or parent.digest is None:
        return document
    before = None if parent.parent_digest is None else Sha256(parent.parent_digest)
    again = document.model_copy(update={"parent": before})
    return again if again.digest == parent.digest else document.model_copy(update={"parent": Sha256(parent.digest)})


def _write_photos(session: Session, snapshot_id: int, collected: Collected) -> None:
    frozen = {photo_id: photo for photo in collected.document.photos for photo_id in collected.photo_ids[photo.sha256]}
    # The embeddings would fill memory.
    slim = select(Photo).options(load_only(Photo.sha256, Photo.gold_label, Photo.split))  # type: ignore[arg-type]
    usable = session.exec(slim.where(*is_usable()).order_by(col(Photo.id)).with_for_update()).all()
    rows = {row.id: row for row in usable if row.id in frozen and _is_unchanged(row, frozen[row.id])}
    if len(rows) < len(frozen):
        changed = len(frozen) - len(rows)
        raise Unavailable(f"{changed} photos were withdrawn, relabelled or covered while the snapshot was frozen.")
    for photo_id, photo in frozen.items():
        rows[photo_id].split = rows[photo_id].split or photo.split
    session.flush()
    values = [
        {"snapshot_id": snapshot_id, "photo_id": photo_id, "split": photo.split, "label": photo.label}
        for photo_id, photo in frozen.items()
    ]
    session.connection().execute(insert(DatasetSnapshotPhoto), values)


def _is_unchanged(row: Photo, frozen: SnapshotPhoto) -> bool:
    """Whether it is still the picture with the label, and no other snapshot has put it on the other side meanwhile."""
    return (row.sha256, row.gold_label) == (frozen.sha256, frozen.label) and row.split in (None, frozen.split)


def _locked(session: Session, snapshot_id: int) -> DatasetSnapshotRow:
    return session.get_one(DatasetSnapshotRow, snapshot_id, with_for_update=True, populate_existing=True)


def _subject(snapshot_id: int | None) -> str:
    return f"dataset-snapshot/{snapshot_id}"
