"""Bringing labelled photos into a snapshot directory, each once, by the digest of its bytes.

Guarantees: only photos that can be decoded are taken, and the others are listed; equal bytes with different labels are
believed in neither; the source files are never changed. Where the file system allows it, nothing is copied: the
snapshot holds hard links. Where it does not, the space is looked at first, and a full disk leaves nothing behind.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mobile_models import photo as photos
from mobile_models.document import Sha256, sha256
from training import disk_space
from training.data.labelled_files import Box, DataError, LabelledFile, LeftOut, Reason

QUALITY_OF_PARTS = 95
"""Of the JPEG of a part; cut out of a JPEG, less would add to what the first one lost."""


@dataclass(frozen=True)
class Taken:
    kept: dict[Sha256, LabelledFile]
    left_out: tuple[LeftOut, ...]


def take(files: Sequence[LabelledFile], folder: Path) -> Taken:
    """Bring `files` into `folder` as `<sha256>.jpg`. Raise `DataError` where there is no room, or no right to write."""
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(files, folder)
        return _take(files, folder)


def _take(files: Sequence[LabelledFile], folder: Path) -> Taken:
    kept: dict[Sha256, LabelledFile] = {}
    contradicted: dict[Sha256, LabelledFile] = {}
    left_out: list[LeftOut] = []
    for file in files:
        try:
            content = _read(file)
        except _Unreadable as error:
            left_out.append(LeftOut(file.path, Reason.UNREADABLE, str(error), file.label))
            continue
        digest = sha256(content)
        if (twin := kept.get(digest)) is not None:
            left_out.append(_copy_of(twin, file))
            contradicted.setdefault(digest, file) if twin.label != file.label else None
            continue
        kept[digest] = file
        _place(None if file.box else file.path, content, folder / f"{digest}.jpg")
    for digest, other in contradicted.items():
        left_out.append(_copy_of(other, kept.pop(digest)))
        (folder / f"{digest}.jpg").unlink()
    return Taken(kept, tuple(left_out))


class _Unreadable(Exception):
    """A file that is no photo that can be decoded."""


def _read(file: LabelledFile) -> bytes:
    """The bytes of the file, or of a new JPEG of the part that the label is of."""
    try:
        content = file.path.read_bytes()
        if not content:
            raise _Unreadable("the file is empty")
        image = photos.decode(content)
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror or error}") from error
    except photos.PhotoError as error:
        raise _Unreadable(str(error)) from error
    return content if file.box is None else _cut(image, file.box)


def _cut(image: Image.Image, box: Box) -> bytes:
    if image.size != (box.width, box.height):
        sizes = f"{image.width} x {image.height} pixels, and its boxes were drawn on {box.width} x {box.height}"
        raise _Unreadable(f"has {sizes}")
    return photos.encode(image.crop((box.left, box.top, box.right, box.bottom)), QUALITY_OF_PARTS)


def _copy_of(twin: LabelledFile, file: LabelledFile) -> LeftOut:
    if twin.label == file.label:
        return LeftOut(file.path, Reason.COPY, f"the same file as {twin.path}", file.label, twin.path, twin.label)
    sentence = f"the same file is {twin.label} at {twin.path}"
    return LeftOut(file.path, Reason.CONTRADICTION, sentence, file.label, twin.path, twin.label)


def _place(source: Path | None, content: bytes, target: Path) -> None:
    """Link `target` to the bytes of `source`, or write them; a name never stands for half a file."""
    if target.exists():
        return
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    if source is None or not _link(source, partial):
        partial.write_bytes(content)
    partial.replace(target)


def _link(source: Path, target: Path) -> bool:
    """Whether a hard link could be made; other devices, other owners and some file systems refuse it."""
    try:
        os.link(source.resolve(strict=True), target)
    except OSError as error:
        if disk_space.is_full(error):
            raise
        return False
    return True


def _check_room(files: Sequence[LabelledFile], folder: Path) -> None:
    """Raise `DataError` where copies would not fit. Links need no room."""
    copied = [file.path for file in files if file.box is None]
    if not copied or _can_link(copied[0], folder):
        return
    disk_space.require(folder, sum(map(_size, copied)), "the photos")


def _can_link(source: Path, folder: Path) -> bool:
    trial = folder / ".link"
    trial.unlink(missing_ok=True)
    try:
        return _link(source, trial)
    finally:
        trial.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """0 for what is not there: it will be listed when it is read."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `DataError`, and give back what had been taken of a full one."""
    try:
        yield
    except OSError as error:
        if disk_space.is_full(error):
            used = sum(_size(file) for file in folder.glob("*"))
            shutil.rmtree(folder, ignore_errors=True)
            free = shutil.disk_usage(folder.parent).free
            raise DataError(
                f"The disk of {folder.parent} is full: the photos did not fit after {used:,} bytes, and {free:,} are "
                "free now that these are gone. Make room, or choose a run directory on another disk."
            ) from error
        raise DataError(f"The photos cannot be brought to {folder}: {error.strerror or error}.") from error
