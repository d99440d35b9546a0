"""The files of an update repository in a store (folder, bucket or memory).

Guarantees: a numbered metadata file is never overwritten, a target file lies under its digest, so all but
`metadata/timestamp.json` may be cached for ever; every file is written whole, and in a folder through to the disk. The
timestamp is replaced only if it is still the one that was read. What is read as a `Chain` has the signatures that its
root asks for, or none and an expiry long ago.

    metadata/timestamp.json, metadata/<version>.<role>.json, targets/<folder>/<sha256>.<name>
    pending/<role>.json                       signed by people, to be taken up by the publisher
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from mobile_models.updates.publishing import stored_files
from mobile_models.updates.update_roles import UpdateRole

if TYPE_CHECKING:
    from obstore import PutMode

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Expiry of what must be signed anew before anybody meets it."""
_TIMESTAMP = "metadata/timestamp.json"

_OVERTAKEN = "another publisher has published meanwhile; nothing of this one was, and the next look takes it up"

_Delegated = TypeVar("_Delegated", Timestamp, Snapshot, Targets)


class RepositoryInvalid(Exception):
    """The files do not fit together; nothing was published."""


class RepositoryBusy(Exception):
    """Somebody else publishes at the same time; nothing was published by this one, and trying again is safe."""


@dataclass(frozen=True)
class Chain:
    """All metadata that the published timestamp leads to."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    channels: Metadata[Targets]
    timestamp_tag: str | None = None
    """What the store calls the timestamp that was read; None: there was none."""

    def metadata(self, role: UpdateRole) -> Metadata[Any]:
        found: Metadata[Any] = getattr(self, role)
        return found

    def signed(self, role: UpdateRole) -> Signed:
        found: Signed = self.metadata(role).signed
        return found

    def delegator(self, role: UpdateRole) -> Root | Targets:
        """Return what names the keys of `role`."""
        return self.targets.signed if role == UpdateRole.CHANNELS else self.root.signed

    def is_signed(self, role: UpdateRole) -> bool:
        """Whether enough of the keys that count now have signed it."""
        return is_signed(self.metadata(role), role, self.delegator(role))


def is_signed(metadata: Metadata[Any], role: UpdateRole, delegator: Root | Targets) -> bool:
    return bool(delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures))


def is_there(store: ObjectStore) -> bool:
    return stored_files.find(store, _TIMESTAMP) is not None


def check_new(store: ObjectStore) -> None:
    """Raise `RepositoryInvalid` for a bucket where two publishers could overwrite each other's work."""
    if not isinstance(store, LocalStore) and not stored_files.obeys_conditions(store, "pending/try"):
        raise RepositoryInvalid(
            "this bucket ignores conditional writes (If-Match, If-None-Match), so two publishers could overwrite each "
            "other's work; use one that knows them, or a folder"
        )


def read_chain(store: ObjectStore, trusted_root: bytes | None = None, next_root: bytes | None = None) -> Chain:
    """Read what is published. Without `trusted_root` the store's own first root is believed.

    Signatures are verified; expiry is not, since a publisher must be able to renew what has expired. Where a newer root
    has replaced the keys of timestamp or snapshot and its publisher was killed before these were signed anew, they come
    back unsigned and empty, over the newest lists that the new root believes. So they do where they lead nowhere and a
    root that waits (`next_root`, or the one handed in) is about to replace their keys: a thief has been at them.
    """
    try:
        roots = list(_roots(store, trusted_root or stored_files.read(store, "metadata/1.root.json")))
        content, tag = stored_files.read_tagged(store, _TIMESTAMP)
        timestamp = Metadata[Timestamp].from_bytes(content)
        try:
            return replace(_led_to(store, roots[-1], timestamp), timestamp_tag=tag)
        except (RepositoryError, FileNotFoundError, KeyError):
            believed = [*roots, *_next_root(roots[-1], next_root or find_pending(store, UpdateRole.ROOT))]
            if not _is_of_replaced_keys(store, believed, timestamp):
                raise
            rebuilt = _rebuilt(store, believed[-1], timestamp.signed.version)
            return replace(rebuilt, root=roots[-1], timestamp_tag=tag)
    except (RepositoryError, FileNotFoundError, KeyError) as error:
        raise RepositoryInvalid(f"the update repository does not fit together: {error}") from error


def _led_to(store: ObjectStore, root: Metadata[Root], timestamp: Metadata[Timestamp]) -> Chain:
    _verified(root.signed, UpdateRole.TIMESTAMP, timestamp)
    version = timestamp.signed.snapshot_meta.version
    snapshot = _verified(root.signed, UpdateRole.SNAPSHOT, _numbered(store, UpdateRole.SNAPSHOT, version))
    version = snapshot.signed.meta["targets.json"].version
    targets = _verified(root.signed, UpdateRole.TARGETS, _numbered(store, UpdateRole.TARGETS, version))
    version = snapshot.signed.meta["channels.json"].version
    channels = _verified(targets.signed, UpdateRole.CHANNELS, _numbered(store, UpdateRole.CHANNELS, version))
    return Chain(root, timestamp, snapshot, targets, channels)


def _next_root(root: Metadata[Root], content: bytes | None) -> list[Metadata[Root]]:
    """Return the root that waits, if the published one and its own keys vouch for it."""
    if content is None:
        return []
    waiting: Metadata[Any] = Metadata.from_bytes(content)
    is_next = isinstance(waiting.signed, Root) and waiting.signed.version == root.signed.version + 1
    if not is_next or not all(is_signed(waiting, UpdateRole.ROOT, each.signed) for each in (root, waiting)):
        return []
    return [waiting]


def _is_of_replaced_keys(store: ObjectStore, roots: Sequence[Metadata[Root]], timestamp: Metadata[Timestamp]) -> bool:
    """Whether the timestamp or its snapshot was signed for an earlier root, and not for the newest."""
    role, part = UpdateRole.TIMESTAMP, timestamp
    if is_signed(timestamp, role, roots[-1].signed):
        role = UpdateRole.SNAPSHOT
        part = _numbered(store, role, timestamp.signed.snapshot_meta.version)
    signed_for = [is_signed(part, role, root.signed) for root in roots]
    return any(signed_for) and not signed_for[-1]


def _rebuilt(store: ObjectStore, root: Metadata[Root], version: int) -> Chain:
    """What replaced keys have signed counts for nothing, so no list is looked up by it."""
    targets = _newest_signed(store, UpdateRole.TARGETS, root.signed)
    if targets is None:
        raise RepositoryInvalid("no list of models has the signatures that the newest root asks for")
    channels = _newest_signed(store, UpdateRole.CHANNELS, targets.signed) or Metadata(Targets())
    timestamp = Metadata(Timestamp(version=version, expires=LONG_AGO))
    return Chain(
        root, timestamp, Metadata(Snapshot(expires=LONG_AGO)), targets, channels, stored_files.tag(store, _TIMESTAMP)
    )


def _newest_signed(store: ObjectStore, role: UpdateRole, delegator: Root | Targets) -> Metadata[Targets] | None:
    for version in sorted(numbers_in_use(store).get(role, ()), reverse=True):
        try:
            metadata = Metadata[Targets].from_bytes(find_numbered(store, role, version) or b"")
        except DeserializationError:  # Half a file.
            continue
        if is_signed(metadata, role, delegator):
            return metadata
    return None


def versions_taken(store: ObjectStore) -> dict[str, int]:
    """Return the highest number in use per role, also of files that no timestamp has led to yet."""
    return {role: max(numbers) for role, numbers in numbers_in_use(store).items()}


def numbers_in_use(store: ObjectStore) -> dict[str, dict[int, datetime]]:
    """Return per role the number of each metadata file, and when it was written."""
    found: dict[str, dict[int, datetime]] = {}
    for path, written_at in stored_files.ages(store, "metadata"):
        number, _, rest = path.rpartition("/")[2].partition(".")
        if number.isdecimal() and rest.endswith(".json"):
            found.setdefault(rest.removesuffix(".json"), {})[int(number)] = written_at
    return found


def numbered_file(role: UpdateRole, version: int) -> str:
    return f"metadata/{version}.{role}.json"


def find_numbered(store: ObjectStore, role: UpdateRole, version: int) -> bytes | None:
    return stored_files.find(store, numbered_file(role, version))


def put_numbered(store: ObjectStore, role: UpdateRole, version: int, content: bytes) -> None:
    """Write a new metadata file; nobody meets it before a timestamp leads there (a new root: at once).

    Writing the same again is allowed; raise `RepositoryBusy` if there is another file of this number.
    """
    path = numbered_file(role, version)
    try:
        stored_files.put(store, path, content, "create")
    except AlreadyExistsError:
        if find_numbered(store, role, version) != content:
            raise RepositoryBusy(f"{path} exists with other content: is there a second publisher? Try again") from None


def put_timestamp(store: ObjectStore, content: bytes, tag: str | None) -> str | None:
    """The one write that phones notice; return the new tag.

    Raise `RepositoryBusy` unless the published timestamp is still the one that was read with `tag`.
    """
    mode: PutMode = "create" if tag is None else {"e_tag": tag}
    if isinstance(store, LocalStore):  # It has no conditional writes; `repository_lock` keeps others away meanwhile.
        mode = "overwrite"
        if stored_files.tag(store, _TIMESTAMP) != tag:
            raise RepositoryBusy(_OVERTAKEN)
    try:
        return stored_files.put(store, _TIMESTAMP, content, mode, immutable=False)
    except (AlreadyExistsError, PreconditionError) as error:
        raise RepositoryBusy(_OVERTAKEN) from error


def put_pending(store: ObjectStore, role: UpdateRole, content: bytes) -> None:
    """Lay down what people have signed, for the publisher to take up; a newer one replaces an older one."""
    stored_files.put(store, _pending_file(role), content, "overwrite", immutable=False)


def find_pending(store: ObjectStore, role: UpdateRole) -> bytes | None:
    return stored_files.find(store, _pending_file(role))


def remove_pending(store: ObjectStore, role: UpdateRole) -> None:
    stored_files.delete(store, _pending_file(role))


def put_target(store: ObjectStore, target: TargetFile, content: bytes) -> None:
    stored_files.put(store, target_file(target), content, "overwrite")


def has_target(store: ObjectStore, target: TargetFile) -> bool:
    """Whether the file is there and intact; half of one may be left after a power cut."""
    return stored_files.find_sha256(store, target_file(target)) == target.hashes["sha256"]


def read_target(store: ObjectStore, target: TargetFile) -> bytes:
    return stored_files.read(store, target_file(target))


def _pending_file(role: UpdateRole) -> str:
    return f"pending/{role}.json"


def target_file(target: TargetFile) -> str:
    """Return where a target lies, below the digest of its content."""
    folder, _, name = target.path.rpartition("/")
    return f"targets/{folder}/{target.hashes['sha256']}.{name}"


def _roots(store: ObjectStore, trusted_root: bytes) -> Iterator[Metadata[Root]]:
    """Yield the trusted root and each newer one, as a phone goes through them."""
    root = Metadata[Root].from_bytes(trusted_root)
    yield root
    while (content := find_numbered(store, UpdateRole.ROOT, root.signed.version + 1)) is not None:
        newer = Metadata[Root].from_bytes(content)
        for delegator in (root.signed, newer.signed):
            delegator.verify_delegate(UpdateRole.ROOT, newer.signed_bytes, newer.signatures)
        root = newer
        yield root


def _numbered(store: ObjectStore, role: UpdateRole, version: int) -> Metadata[Any]:
    return Metadata.from_bytes(stored_files.read(store, numbered_file(role, version)))


def _verified(delegator: Root | Targets, role: UpdateRole, metadata: Metadata[_Delegated]) -> Metadata[_Delegated]:
    delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return metadata
