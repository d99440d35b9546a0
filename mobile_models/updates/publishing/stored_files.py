"""Files in a store: a folder, a bucket or memory.

Guarantees: a file is written whole, and in a folder through to the disk; caches are told which files never change.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore, S3Store

from mobile_models import durable_file
from mobile_models.document import Sha256

if TYPE_CHECKING:
    from obstore import PutMode


def read(store: ObjectStore, path: str) -> bytes:
    return bytes(obstore.get(store, path).bytes())


def find(store: ObjectStore, path: str) -> bytes | None:
    try:
        return read(store, path)
    except FileNotFoundError:
        return None


def find_sha256(store: ObjectStore, path: str) -> Sha256 | None:
    """Return the digest of a file, None if there is none. It is read in pieces: a model may be large."""
    try:
        found = obstore.get(store, path)
    except FileNotFoundError:
        return None
    digest = hashlib.sha256()
    for piece in found:
        digest.update(piece)
    return Sha256(digest.hexdigest())


def read_tagged(store: ObjectStore, path: str) -> tuple[bytes, str | None]:
    """Return a file's content, and what the store calls this version of it."""
    found = obstore.get(store, path)
    return bytes(found.bytes()), found.meta["e_tag"]


def tag(store: ObjectStore, path: str) -> str | None:
    try:
        return obstore.head(store, path)["e_tag"]
    except FileNotFoundError:
        return None


def put(store: ObjectStore, path: str, content: bytes, mode: "PutMode", *, immutable: bool = True) -> str | None:
    """Write a file and return what the store calls this version of it."""
    kind = "application/json" if path.endswith(".json") else "application/octet-stream"
    cache = "public, max-age=31536000, immutable" if immutable else "no-cache"
    # Only a bucket keeps these; in a folder, whoever serves it sets them.
    attributes = {"Content-Type": kind, "Cache-Control": cache} if isinstance(store, S3Store) else {}
    written_as = obstore.put(store, path, content, attributes=attributes, mode=mode)["e_tag"]
    if isinstance(store, LocalStore) and store.prefix is not None:
        written = Path(store.prefix, path)
        for each in (written, written.parent):
            durable_file.sync(each)
    return written_as


def obeys_conditions(store: ObjectStore, path: str) -> bool:
    """Whether a write that must not happen does not happen, tried at `path`, where no file is before and after."""
    conditions: list[PutMode] = ["create", {"e_tag": '"another"'}]
    obstore.put(store, path, b"first")
    try:
        return not any(_happens(store, path, condition) for condition in conditions)
    finally:
        delete(store, path)


def _happens(store: ObjectStore, path: str, condition: "PutMode") -> bool:
    try:
        obstore.put(store, path, b"second", mode=condition)
    except (AlreadyExistsError, PreconditionError):
        return False
    return True


def delete(store: ObjectStore, path: str) -> None:
    """Delete a file if it is there."""
    try:
        obstore.delete(store, path)
    except FileNotFoundError:
        return


def remove_unfinished(store: ObjectStore, before: datetime) -> None:
    """Delete what a process that was killed while writing has left in a folder; no listing shows it (`<name>#<n>`)."""
    if not isinstance(store, LocalStore) or store.prefix is None:
        return
    for found in Path(store.prefix).rglob("*#*"):
        if found.stat().st_mtime < before.timestamp():
            found.unlink(missing_ok=True)


def ages(store: ObjectStore, folder: str) -> Iterator[tuple[str, datetime]]:
    """Yield the path of each file below `folder`, and when it was written."""
    for page in obstore.list(store, folder):
        for found in page:
            yield found["path"], found["last_modified"]
