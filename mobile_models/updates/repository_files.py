"""The files of an update repository in a store (folder, bucket or memory).

Guarantees: a numbered metadata file is never overwritten, a target file lies under its digest, so all but
`metadata/timestamp.json` may be cached for ever; every file is written whole, and in a folder through to the disk.
What is read as a `Chain` has the signatures that its root asks for.

    metadata/timestamp.json, metadata/<version>.<role>.json, targets/<folder>/<sha256>.<name>
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, ObjectStore, S3Store
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp

from mobile_models.document import sha256
from mobile_models.updates.update_roles import UpdateRole

_TIMESTAMP = "metadata/timestamp.json"

_Delegated = TypeVar("_Delegated", Timestamp, Snapshot, Targets)


class RepositoryInvalid(Exception):
    """The files do not fit together, or somebody else writes at the same time; nothing was published."""


@dataclass(frozen=True)
class Chain:
    """All metadata that the published timestamp leads to."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    channels: Metadata[Targets]

    def signed(self, role: UpdateRole) -> Signed:
        found: Signed = getattr(self, role).signed
        return found

    def delegator(self, role: UpdateRole) -> Root | Targets:
        """Return what names the keys of `role`."""
        return self.targets.signed if role == UpdateRole.CHANNELS else self.root.signed


def is_there(store: ObjectStore) -> bool:
    return _find(store, _TIMESTAMP) is not None


def read_chain(store: ObjectStore, trusted_root: bytes | None = None) -> Chain:
    """Read what is published. Without `trusted_root` the store's own first root is believed.

    Signatures are verified; expiry is not, since a publisher must be able to renew what has expired.
    """
    try:
        root = _newest_root(store, trusted_root or _read(store, "metadata/1.root.json"))
        timestamp = _verified(
            root.signed, UpdateRole.TIMESTAMP, Metadata[Timestamp].from_bytes(_read(store, _TIMESTAMP))
        )
        version = timestamp.signed.snapshot_meta.version
        snapshot = _verified(root.signed, UpdateRole.SNAPSHOT, _numbered(store, UpdateRole.SNAPSHOT, version))
        version = snapshot.signed.meta["targets.json"].version
        targets = _verified(root.signed, UpdateRole.TARGETS, _numbered(store, UpdateRole.TARGETS, version))
        version = snapshot.signed.meta["channels.json"].version
        channels = _verified(targets.signed, UpdateRole.CHANNELS, _numbered(store, UpdateRole.CHANNELS, version))
    except (RepositoryError, FileNotFoundError, KeyError) as error:
        raise RepositoryInvalid(f"the update repository does not fit together: {error}") from error
    return Chain(root, timestamp, snapshot, targets, channels)


def versions_taken(store: ObjectStore) -> dict[str, int]:
    """Return the highest number in use per role, also of files that no timestamp has led to yet."""
    taken: dict[str, int] = {}
    for page in obstore.list(store, "metadata"):
        for found in page:
            number, _, rest = found["path"].rpartition("/")[2].partition(".")
            if number.isdecimal() and rest.endswith(".json"):
                role = rest.removesuffix(".json")
                taken[role] = max(taken.get(role, 0), int(number))
    return taken


def find_numbered(store: ObjectStore, role: UpdateRole, version: int) -> bytes | None:
    return _find(store, f"metadata/{version}.{role}.json")


def put_numbered(store: ObjectStore, role: UpdateRole, version: int, content: bytes) -> None:
    """Write a new metadata file; nobody meets it before a timestamp leads there (a new root: at once).

    Writing the same again is allowed; raise `RepositoryInvalid` if there is another file of this number.
    """
    path = f"metadata/{version}.{role}.json"
    try:
        _put(store, path, content, "create")
    except AlreadyExistsError:
        if find_numbered(store, role, version) != content:
            raise RepositoryInvalid(f"{path} exists with other content: is there a second publisher?") from None


def put_timestamp(store: ObjectStore, content: bytes) -> None:
    """The one write that phones notice."""
    _put(store, _TIMESTAMP, content, "overwrite")


def put_target(store: ObjectStore, target: TargetFile, content: bytes) -> None:
    _put(store, _target_path(target), content, "overwrite")


def has_target(store: ObjectStore, target: TargetFile) -> bool:
    """Whether the file is there and intact; half of one may be left after a power cut."""
    content = _find(store, _target_path(target))
    return content is not None and sha256(content) == target.hashes["sha256"]


def read_target(store: ObjectStore, target: TargetFile) -> bytes:
    return _read(store, _target_path(target))


def _target_path(target: TargetFile) -> str:
    folder, _, name = target.path.rpartition("/")
    return f"targets/{folder}/{target.hashes['sha256']}.{name}"


def _newest_root(store: ObjectStore, trusted_root: bytes) -> Metadata[Root]:
    root = Metadata[Root].from_bytes(trusted_root)
    while (content := find_numbered(store, UpdateRole.ROOT, root.signed.version + 1)) is not None:
        newer = Metadata[Root].from_bytes(content)
        for delegator in (root.signed, newer.signed):
            delegator.verify_delegate(UpdateRole.ROOT, newer.signed_bytes, newer.signatures)
        root = newer
    return root


def _numbered(store: ObjectStore, role: UpdateRole, version: int) -> Metadata[Any]:
    return Metadata.from_bytes(_read(store, f"metadata/{version}.{role}.json"))


def _verified(delegator: Root | Targets, role: UpdateRole, metadata: Metadata[_Delegated]) -> Metadata[_Delegated]:
    delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return metadata


def _read(store: ObjectStore, path: str) -> bytes:
    return bytes(obstore.get(store, path).bytes())


def _find(store: ObjectStore, path: str) -> bytes | None:
    try:
        return _read(store, path)
    except FileNotFoundError:
        return None


def _put(store: ObjectStore, path: str, content: bytes, mode: Literal["create", "overwrite"]) -> None:
    kind = "application/json" if path.endswith(".json") else "application/octet-stream"
    cache = "no-cache" if path == _TIMESTAMP else "public, max-age=31536000, immutable"
    # Only a bucket keeps these; in a folder, whoever serves it sets them.
    attributes = {"Content-Type": kind, "Cache-Control": cache} if isinstance(store, S3Store) else {}
    obstore.put(store, path, content, attributes=attributes, mode=mode)
    if isinstance(store, LocalStore) and store.prefix is not None:
        written = Path(store.prefix, path)
        for each in (written, written.parent):
            _sync(each)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
