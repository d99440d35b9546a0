"""A dataset snapshot as a ZIP that others read: folders per class, or ImageFolder of Hugging Face with its metadata.

Guarantees: it is written while it is sent; memory holds one photo and the list of names, whatever the size. Only
photos whose sender lets staff look at them and models learn from them; what was withdrawn or hidden since is left out,
and how many were is written inside. What was covered since comes covered. No name tells who sent what.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO

from obstore.store import ObjectStore
from sqlmodel import Session, col, select

from backend.intake import photo_store
from backend.people import staff
from backend.people.staff import Person
from backend.tables import DatasetSnapshotPhoto, Photo, PhotoId, PhotoState
from mobile_models.document import sha256

AT_ONCE = 200
LEFT_OUT = "left_out.json"
_METADATA = "metadata.jsonl"
_SPLIT_NAMES = {"holdout": "test"}
"""ImageFolder knows train, validation and test."""
_IN_MEMORY = 1 << 20


class Layout(StrEnum):
    FOLDERS = "folders"  # <split>/<label>/<sha256>.jpg
    IMAGE_FOLDER = "image_folder"  # <split>/<sha256>.jpg and <split>/metadata.jsonl


@dataclass(frozen=True)
class _Member:
    photo_id: PhotoId
    split: str
    label: str
    digest: str
    usable: bool
    licence: str | None


class _Pipe:
    """What `zipfile` has written since it was asked last. It cannot be wound back, so nothing needs to be kept."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: bytes) -> int:
        self._written += content
        return len(content)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def taken(self) -> bytes:
        content = bytes(self._written)
        self._written.clear()
        return content


def stream(
    begin: Callable[[], AbstractContextManager[Session]],
    storage: ObjectStore,
    person: Person,
    snapshot_id: int,
    layout: Layout,
) -> Iterator[bytes]:
    """Yield the ZIP. `begin` opens a short transaction, one for each few hundred photos."""
    pipe, left_out, seen = _Pipe(), 0, set[str]()
    metadata: dict[str, IO[str]] = {}
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # It is a stream.
        for member in _members(begin, person, snapshot_id):
            if member.digest in seen:  # The same file was sent more than once.
                continue
            seen.add(member.digest)
            content = _content(storage, member)
            if content is None:
                left_out += 1
                continue
            archive.writestr(_name(member, layout), content)
            if layout is Layout.IMAGE_FOLDER:
                _note(metadata, member)
            yield pipe.taken()
        for split, lines in sorted(metadata.items()):
            yield from _copied(archive, pipe, f"{split}/{_METADATA}", lines)
        archive.writestr(LEFT_OUT, json.dumps({"left_out": left_out, "snapshot": snapshot_id}))
    yield pipe.taken()


def _members(
    begin: Callable[[], AbstractContextManager[Session]], person: Person, snapshot_id: int
) -> Iterator[_Member]:
    last = ""
    while True:
        with begin() as session:
            some = _some(session, person, snapshot_id, last)
        yield from some
        if len(some) < AT_ONCE:
            return
        last = some[-1].photo_id


def _some(session: Session, person: Person, snapshot_id: int, last: str) -> list[_Member]:
    usable = (col(Photo.state) == PhotoState.INSPECTED) & col(Photo.allow_review) & col(Photo.allow_training)
    statement = (
        select(DatasetSnapshotPhoto, Photo.sha256, usable, Photo.licence)
        .join(Photo, col(Photo.id) == col(DatasetSnapshotPhoto.photo_id))
        .where(DatasetSnapshotPhoto.snapshot_id == snapshot_id, col(DatasetSnapshotPhoto.photo_id) > last)
        .where(staff.in_areas(person))
        .order_by(col(DatasetSnapshotPhoto.photo_id))
        .limit(AT_ONCE)
    )
    return [
        _Member(PhotoId(row.photo_id), row.split, row.label, digest, bool(ok), licence)
        for row, digest, ok, licence in session.exec(statement)
    ]


def _content(storage: ObjectStore, member: _Member) -> bytes | None:
    if not member.usable:
        return None
    try:
        content = photo_store.read(storage, member.photo_id)
    except FileNotFoundError:  # Withdrawn a moment ago.
        return None
    return content if sha256(content) == member.digest else None


def _name(member: _Member, layout: Layout) -> str:
    file = f"{member.digest}.jpg"
    if layout is Layout.FOLDERS:
        return f"{member.split}/{member.label}/{file}"
    return f"{_split(member)}/{file}"


def _split(member: _Member) -> str:
    return _SPLIT_NAMES.get(member.split, member.split)


def _note(metadata: dict[str, IO[str]], member: _Member) -> None:
    lines = metadata.setdefault(_split(member), SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8"))  # noqa: SIM115  # Closed when it is copied.
    said = {"file_name": f"{member.digest}.jpg", "label": member.label, "licence": member.licence}
    lines.write(json.dumps(said, ensure_ascii=False) + "\n")


def _copied(archive: zipfile.ZipFile, pipe: _Pipe, name: str, lines: IO[str]) -> Iterator[bytes]:
    lines.seek(0)
    with lines, archive.open(name, "w") as file:
        while chunk := lines.read(_IN_MEMORY):
            file.write(chunk.encode())
            yield pipe.taken()
