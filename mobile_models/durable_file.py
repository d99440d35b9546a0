"""Files that survive a crash and a power cut.

Guarantees: once `write` returns, the content is on the disk; until then, and where it fails, a reader sees what was
there before.
"""

import os
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        _write(partial, content, mode)
        partial.replace(path)
    except OSError:  # Most likely the disk is full; then half a file only takes room.
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove the file if it is there."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Put a file's content, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
