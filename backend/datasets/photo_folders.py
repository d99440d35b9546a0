"""Folders of photos that staff name or send.

Guarantees: a folder that is named lies below `settings.folders_dir`, links followed, and what it holds does, too. What
is sent is laid into a folder of its own and nowhere else, whatever its names say, and is counted while it arrives: a
ZIP that unpacks to more than the limits ends at them, and one that lists more files is not even opened.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from backend.errors import DomainError, NotFound, TooLarge
from backend.settings import Settings

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
MOST_FILES = 5_000
MOST_BYTES = 1 << 30
_LISTED = 200
_LONGEST_NAME, _DEEPEST = 200, 8
_CHUNK = 1 << 20
_LARGEST_DIRECTORY_BYTES = MOST_FILES * 1024
_ENDS = ((b"PK\5\6", 12, 4), (b"PK\6\6", 40, 8))
"""What the end of a ZIP begins with, and where in it, in how many bytes, the length of the list stands."""
_LONGEST_END_BYTES = 66_000
"""With a comment of 65,535 bytes."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
"""What a damaged, encrypted or exotic ZIP raises (zipfile and its decompressors)."""


@dataclass
class Laid:
    """What has been laid into a folder so far."""

    folder: Path
    files: int = 0
    size_bytes: int = 0

    def put(self, name: str, content: BinaryIO) -> None:
        """Lay one file under its own relative name; raise `DomainError` for a name that leads out or is there."""
        parts = _parts(name)
        if parts is None:
            return
        self.files += 1
        if self.files > MOST_FILES:
            raise _too_many()
        target = self.folder.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                while chunk := content.read(_CHUNK):
                    self._count(len(chunk))
                    written.write(chunk)
        except (FileExistsError, NotADirectoryError):
            raise DomainError(f"{name[:80]!r} is there twice.", code="bad_folder") from None

    def unpack(self, archive: BinaryIO) -> None:
        """Lay all files of a ZIP; raise `DomainError` if it cannot be read."""
        if _directory_bytes(archive) > _LARGEST_DIRECTORY_BYTES:
            raise _too_many()
        try:
            with zipfile.ZipFile(archive) as opened:
                for each in opened.infolist():
                    if not each.is_dir():
                        with opened.open(each) as content:
                            self.put(each.filename, content)  # type: ignore[arg-type]  # It reads like a file.
        except _BROKEN as error:
            raise DomainError(f"This ZIP cannot be read: {error}", code="bad_zip") from None

    def _count(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        if self.size_bytes > MOST_BYTES:
            raise TooLarge(f"A folder that is sent has at most {MOST_BYTES >> 20} MB.", code="too_many_bytes")


def names(settings: Settings) -> list[str]:
    """Return the folders that one may name, two levels deep, in order."""
    if settings.folders_dir is None:
        return []
    root = settings.folders_dir.resolve()
    below = [*root.glob("*/"), *root.glob("*/*/")]
    found = [each for each in below if each.is_dir() and not each.name.startswith(".") and _is_below(each, root)]
    return sorted(each.relative_to(root).as_posix() for each in found)[:_LISTED]


def find(settings: Settings, name: str) -> Path:
    """Return the folder; raise `NotFound` alike for one that is not there and one that lies elsewhere."""
    missing = NotFound(f"There is no folder {name[:200]!r} below the configured one.", code="no_folder")
    if settings.folders_dir is None:
        raise NotFound("No folder is configured here. Send photos or a ZIP.", code="no_folder")
    root = settings.folders_dir.resolve()
    try:
        found = (root / name).resolve()
        if not found.is_relative_to(root) or not found.is_dir():
            raise missing
    except (OSError, ValueError):  # A name that no file system takes.
        raise missing from None
    return found


def photos(folder: Path) -> Iterator[Path]:
    """Yield the photos in a folder and below it, in order; what links lead elsewhere to is left out."""
    root = folder.resolve()
    for each in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in each.relative_to(folder).parts)
        if each.suffix.lower() in ENDINGS and not hidden and each.is_file() and _is_below(each, root):
            yield each


def check_inside(folder: Path, files: Iterator[Path]) -> None:
    """Raise `DomainError` unless all of these lie in the folder: annotations may name any path."""
    root = folder.resolve()
    for each in files:
        if not _is_below(each, root):
            raise DomainError("The folder names a file that is not in it.", code="bad_folder")


def _too_many() -> TooLarge:
    return TooLarge(f"Send at most {MOST_FILES} files at once.", code="too_many_files")


def _directory_bytes(archive: BinaryIO) -> int:
    """Return how long the list of a ZIP's files says it is, which is all read into memory when the ZIP is opened.

    It stands in the record at the end (APPNOTE 4.3.14 and 4.3.16). Where several could be that, the longest counts.
    """
    archive.seek(0, os.SEEK_END)
    archive.seek(max(0, archive.tell() - _LONGEST_END_BYTES))
    tail = archive.read()
    archive.seek(0)
    said = [
        int.from_bytes(tail[found.start() + offset :][:length], "little")
        for mark, offset, length in _ENDS
        for found in re.finditer(re.escape(mark), tail)
    ]
    return max(said, default=0)


def _parts(name: str) -> tuple[str, ...] | None:
    """Return the parts of a relative name, or None for what file managers add; raise `DomainError` for others."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    leads_out = not parts or parts[0] == "/" or ".." in parts
    too_long = len(parts) > _DEEPEST or any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts)
    if leads_out or too_long or "\0" in name:
        raise DomainError(f"{name[:80]!r} cannot be the name of a file here.", code="bad_folder")
    return None if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts) else parts


def _is_below(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)
