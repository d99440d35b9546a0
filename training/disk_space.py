"""Room on a disk, looked at before it is needed.

Guarantees: what does not fit is said with the bytes that are needed and that are free, before hours are spent. A file
that was reserved can be written through a memory map: without that, a full disk kills the process that writes.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.data.labelled_files import DataError

SPARE_BYTES = 16 * 1024 * 1024
"""Left free for what is written beside."""


def is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def require(folder: Path, needed_bytes: int, what: str) -> None:
    """Raise `DataError` if `needed_bytes` for `what` are not free on the disk of `folder`, which exists."""
    free = shutil.disk_usage(folder).free
    if needed_bytes + SPARE_BYTES > free:
        raise DataError(
            f"The disk of {folder} is too full: {what} need {needed_bytes + SPARE_BYTES:,} bytes, and {free:,} are "
            "free. Make room, or choose a run directory on another disk."
        )


@contextmanager
def needing(folder: Path, needed_bytes: int, what: str) -> Iterator[None]:
    """Raise `DataError` in place of the error of a disk that fills up while `what` is written into `folder`."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        free = shutil.disk_usage(folder).free
        raise DataError(
            f"The disk of {folder} is full: {what} needs {needed_bytes:,} bytes, and {free:,} are free. Make room and "
            "give the same command again: it goes on from the last epoch that was kept."
        ) from error


@contextmanager
def explaining(folder: Path) -> Iterator[None]:
    """Raise `DataError` in place of the error of a disk that fills up while anything is written into `folder`."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DataError(full(folder)) from error


def full(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    return f"The disk of {folder} is full ({free:,} bytes are free). Make room and give the same command again."


def reserve(file: Path, size_bytes: int, what: str) -> None:
    """Make sure that the first `size_bytes` of `file` can be written. Raise `DataError` where the disk has no room."""
    require(file.parent, size_bytes, what)
    if not hasattr(os, "posix_fallocate"):
        return
    with file.open("r+b") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, size_bytes)
        except OSError as error:
            if is_full(error):
                require(file.parent, size_bytes, what)
                raise DataError(f"The disk of {file.parent} is full: {what} need {size_bytes:,} bytes.") from error
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # File systems that cannot reserve.
                raise
