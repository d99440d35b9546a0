"""Downloads of signed files.

Guarantees: a download goes on where it was cut, at whichever byte, also in another process and after a power cut; it is
handed over only with the signed length and digest. What another server slips in, however long or slow, ends early and
never costs what has already come. A download never fills the phone: it does not begin without room for all of it, and
gives back what it took where the room runs out all the same. The name of a file contains its digest, so no `If-Range`
is needed: the digest of the whole decides.
"""

import errno
import os
import shutil
import time
from io import FileIO
from pathlib import Path

import httpx
from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile

from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused, refusing_storage_errors

_GONE = frozenset({httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.GONE})
"""A bucket answers 403 for what is not there."""
_HEXADECIMAL = frozenset("0123456789abcdef")
_ROOM_TO_LEAVE_BYTES = 2 * 1024 * 1024
_WINDOW_SECONDS = 60.0
_LEAST_BYTES = 16 * 1024
"""What must come in each window; less is no download but somebody who holds the phone up."""


def target_url(targets_url: str, target: TargetFile, is_consistent: bool = True) -> str:
    """Return where `target` lies: under its digest in a consistent snapshot (specification, section 6.2)."""
    parent, slash, name = target.path.rpartition("/")
    return f"{targets_url}{parent}{slash}{digest(target)}.{name}" if is_consistent else f"{targets_url}{target.path}"


def digest(target: TargetFile) -> str:
    """Return the digest that `target` is named by. Raise `UpdateRefused` for one that no phone can compute."""
    for algorithm, digits in (("sha256", 64), ("sha512", 128)):
        found = target.hashes.get(algorithm, "")
        if len(found) == digits and set(found) <= _HEXADECIMAL:
            return found
    detail = f"{target.path} was signed with digests that this app does not know"
    raise UpdateRefused(RefusalReason.APP_TOO_OLD, detail)


def fetch(http: httpx.Client, url: str, target: TargetFile, folder: Path) -> Path:
    """Return the path of `target` in `folder`, downloaded as far as it is not there.

    Raise `UpdateRefused`: `unreachable` keeps what has come so far, `tampered_file` and `disk_full` do not.
    """
    complete, partial = folder / digest(target), _partial(folder, target)
    with refusing_storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if is_intact(complete, target):
            return complete
        check_room(folder, missing_bytes(folder, target))
        resumed = _fetch_rest(http, url, partial, target.length)
        if resumed and not is_intact(partial, target):  # The first part may have been damaged on this phone.
            partial.unlink()
            _fetch_rest(http, url, partial, target.length)
        if not is_intact(partial, target):
            partial.unlink()
            raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{target.path} is not what was signed")
        partial.replace(complete)
    return complete


def check_room(folder: Path, wanted_bytes: int) -> None:
    """Raise `OSError` (ENOSPC) unless `wanted_bytes` fit and leave the phone some room."""
    if shutil.disk_usage(folder).free < wanted_bytes + _ROOM_TO_LEAVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _partial(folder: Path, target: TargetFile) -> Path:
    return folder / f"{digest(target)}.partial"


def missing_bytes(folder: Path, target: TargetFile) -> int:
    """How much of `target` is still to be downloaded."""
    if (folder / digest(target)).exists():
        return 0
    partial = _partial(folder, target)
    return target.length - (min(partial.stat().st_size, target.length) if partial.exists() else 0)


def is_intact(path: Path, target: TargetFile) -> bool:
    try:
        with path.open("rb") as file:
            target.verify_length_and_hashes(file)
    except (FileNotFoundError, LengthOrHashMismatchError):
        return False
    return True


def _fetch_rest(http: httpx.Client, url: str, partial: Path, length: int) -> bool:
    """Bring `partial` to `length` bytes; return whether the beginning was there already."""
    have = partial.stat().st_size if partial.exists() else 0
    if have >= length > 0:
        return True
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with http.stream("GET", url, headers=headers) as answer:
            start = _start(answer, have, length)
            _append(answer, partial, start, length)
    except httpx.HTTPError as error:
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{url} cannot be fetched: {error}") from error
    if partial.stat().st_size < length:
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{url} ended early")
    return start > 0


def _start(answer: httpx.Response, have: int, length: int) -> int:
    """Return where the bytes of `answer` belong. What has come is not given up for an answer of another length."""
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        place, _, total = answer.headers.get("Content-Range", "").partition("/")
        if place.startswith(f"bytes {have}-") and total in {str(length), "*"}:
            return have
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{answer.url} answered with another part than was asked for")
    if answer.status_code == httpx.codes.OK:
        if not have or answer.headers.get("Content-Length", str(length)) == str(length):
            return 0
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{answer.url} gives another file at the moment")
    if answer.status_code in _GONE:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"{answer.url} is signed, but not there")
    raise UpdateRefused(RefusalReason.UNREACHABLE, f"{answer.url} answered {answer.status_code}")


def _append(answer: httpx.Response, partial: Path, start: int, length: int) -> None:
    try:
        with partial.open("r+b" if start else "wb", buffering=0) as file:
            file.seek(start)
            file.truncate()
            try:
                _write(answer, file, length - start)
            finally:
                os.fsync(file.fileno())
    except OSError:  # The person needs the room more than this download does.
        partial.unlink(missing_ok=True)
        raise
    if partial.stat().st_size > length:
        partial.unlink()
        raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{answer.url} has more than the {length} bytes signed")


def _write(answer: httpx.Response, file: FileIO, wanted_bytes: int) -> None:
    """Write at most one chunk more than was wanted."""
    pace = _Pace()
    for chunk in answer.iter_raw():
        rest = memoryview(chunk)
        while rest:  # An unbuffered write may take less than it was given.
            rest = rest[file.write(rest) or 0 :]
        wanted_bytes -= len(chunk)
        if wanted_bytes < 0:
            break
        pace.check(len(chunk))


class _Pace:
    """Ends a download that only drips. What has come is kept, so a phone far out loses nothing by it."""

    def __init__(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def check(self, count: int) -> None:
        self._bytes += count
        if self._bytes >= _LEAST_BYTES:
            self._since, self._bytes = time.monotonic(), 0
        elif time.monotonic() - self._since > _WINDOW_SECONDS:
            detail = f"less than {_LEAST_BYTES} bytes came in {_WINDOW_SECONDS:.0f} s"
            raise UpdateRefused(RefusalReason.UNREACHABLE, detail)
