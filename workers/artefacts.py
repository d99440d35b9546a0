"""Artefacts between storage and the disk of a worker: data sets, releases, reports.

Guarantees: a folder that is handed out is whole, and each photo in it has the digest that names it. What is already on
disk is not fetched again.
"""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import ObjectStore
from sqlmodel import col, select

from backend.datasets import snapshots
from backend.intake import photo_store
from backend.releasing.release_files import MANIFEST, manifest_last, release_key
from backend.runs.run_files import LOG, run_key
from backend.tables import DatasetSnapshotPhoto, Photo, PhotoId
from mobile_models.document import Sha256, file_sha256, sha256
from training.dataset import DatasetSnapshot
from workers.claim import CannotBeDone
from workers.workplace import Workplace

_READABLE = (".json", ".log", ".md", ".html")
_DOWNLOADS_AT_ONCE = 8


def snapshot_key(digest: str) -> str:
    return f"artefacts/snapshots/{digest}/snapshot.json"


def store_snapshot(storage: ObjectStore, document: DatasetSnapshot) -> None:
    obstore.put(storage, snapshot_key(document.digest), document.to_bytes())


def read_snapshot(storage: ObjectStore, digest: str) -> DatasetSnapshot:
    content = bytes(obstore.get(storage, snapshot_key(digest)).bytes())
    if sha256(content) != digest:
        raise CannotBeDone(f"The stored data set {digest} is not the one that was frozen.")
    return DatasetSnapshot.model_validate_json(content)


def fetch_snapshot(place: Workplace, snapshot_id: int, digest: str, check: Callable[[], None]) -> Path:
    """Return a data set folder as `training.run` reads it: snapshot.json and photos/<sha256>.jpg.

    `check` is called now and then, and may raise to end it. Raise `CannotBeDone` if photos were withdrawn since the
    data set was frozen, or may not be learned from any more; those are removed from this disk too.
    """
    folder = place.settings.work_dir / "snapshots" / digest
    document = read_snapshot(place.storage, digest)
    stored = _stored_photos(place, snapshot_id)
    gone = [photo.sha256 for photo in document.photos if photo.sha256 not in stored]
    for missing in gone:
        (folder / "photos" / f"{missing}.jpg").unlink(missing_ok=True)
    if gone:
        raise CannotBeDone(f"{len(gone)} photos of this data set may not be learned from any more. Freeze a new one.")
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        wanted = [(place.storage, stored[photo.sha256], photo.sha256, folder / "photos") for photo in document.photos]
        for _ in pool.map(lambda arguments: _fetch_photo(*arguments), wanted):
            check()
    document.write(folder / "snapshot.json")
    return folder


def _stored_photos(place: Workplace, snapshot_id: int) -> dict[str, PhotoId]:
    statement = (
        select(Photo.sha256, Photo.id)
        .join(DatasetSnapshotPhoto, col(DatasetSnapshotPhoto.photo_id) == col(Photo.id))
        .where(DatasetSnapshotPhoto.snapshot_id == snapshot_id, *snapshots.may_still_be_learned_from())
    )
    with place.transaction() as session:
        return {digest: PhotoId(photo_id) for digest, photo_id in session.exec(statement)}


def _fetch_photo(storage: ObjectStore, photo_id: PhotoId, digest: Sha256, folder: Path) -> None:
    file = folder / f"{digest}.jpg"
    if file.exists() and file_sha256(file) == digest:
        return
    content = photo_store.read(storage, photo_id)
    if sha256(content) != digest:
        raise CannotBeDone(f"The stored file of photo {photo_id} is not the one that was frozen.")
    _put_whole(file, content)


def fetch_release(place: Workplace, version: int) -> Path:
    """Return the folder of a release, as `training.run --champion` reads it."""
    folder = place.settings.work_dir / "releases" / str(version)
    if (folder / MANIFEST).exists():
        return folder
    prefix = release_key(version, "")
    names = [found["path"].removeprefix(prefix) for listed in obstore.list(place.storage, prefix) for found in listed]
    if MANIFEST not in names:
        raise CannotBeDone(f"The files of release {version} are not in storage.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in manifest_last(names):
        _put_whole(folder / name, bytes(obstore.get(place.storage, prefix + name).bytes()))
    return folder


def _put_whole(file: Path, content: bytes) -> None:
    """Also where two workers of one host fetch the same file at once."""
    partial = file.with_name(f"{file.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def store_log(storage: ObjectStore, run_id: str, run: Path) -> None:
    """Keep what the trainer has printed so far, for those who watch."""
    file = run / LOG
    if file.is_file():
        obstore.put(storage, run_key(run_id, LOG), file)


def store_reports(storage: ObjectStore, run_id: str, run: Path) -> None:
    """Keep what people read of a run, its documents and what it printed; not its checkpoints and models."""
    for file in sorted((*run.iterdir(), *run.glob("release/*"))):
        if file.suffix in _READABLE:
            obstore.put(storage, run_key(run_id, file.relative_to(run).as_posix()), file)
