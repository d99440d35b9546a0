"""A change of the update repository that phones do not see until it is published.

Guarantees: metadata is written only with the signatures that its role needs, under a number never used before; and
`publish` writes the timestamp last, and a new root beside it, or nothing at all where nothing changed.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self, TypeVar

from obstore.store import ObjectStore
from securesystemslib.signer import Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from mobile_models.updates import update_roles
from mobile_models.updates.keys.signing_keys import KeyProblem, KeyRing
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.repository_files import Chain
from mobile_models.updates.update_roles import UpdateRole

_Signed = TypeVar("_Signed", Root, Snapshot, Targets, Timestamp)


@dataclass
class RepositoryEdit:
    """`chain` is what the repository will be once `publish` is called."""

    store: ObjectStore
    signers: tuple[Signer, ...]
    chain: Chain
    moment: datetime
    taken: dict[str, int] = field(init=False)
    """Highest number in use per role."""
    _before: Root = field(init=False)
    """What phones believe until `publish`."""

    @classmethod
    def of(cls, store: ObjectStore, keys: KeyRing, moment: datetime) -> Self:
        """Begin a change of what is published. Raise `RepositoryInvalid` unless it starts from the root in `keys`."""
        return cls(store, keys.signers, repository_files.read_chain(store, keys.trusted_root), moment)

    def __post_init__(self) -> None:
        self.taken = repository_files.versions_taken(self.store)
        self._before = self.chain.root.signed

    def can_sign(self, role: UpdateRole) -> bool:
        return update_roles.can_sign(self.signers, self.chain.delegator(role), role)

    def is_due(self, role: UpdateRole) -> bool:
        """Whether it expires soon, or keys that count no more have signed it."""
        return update_roles.is_due(role, self.chain.signed(role), self.moment) or not self.chain.is_signed(role)

    def renew_root(self) -> None:
        """Sign the root anew if it is due and its keys are here. Phones meet it at once."""
        if self.is_due(UpdateRole.ROOT) and self.can_sign(UpdateRole.ROOT):
            root = self._write(UpdateRole.ROOT, deepcopy(self.chain.root.signed))
            self.chain = replace(self.chain, root=root)
            self._before = root.signed

    def take_root(self, root: Metadata[Root]) -> None:
        """Take a root that people have signed. Phones meet it when this is published."""
        self.chain = replace(self.chain, root=root)

    def set_targets(self, files: dict[str, TargetFile]) -> None:
        """Sign a list of models with the keys at hand."""
        targets = deepcopy(self.chain.targets.signed)
        targets.targets = files
        self.chain = replace(self.chain, targets=self._write(UpdateRole.TARGETS, targets))

    def take_targets(self, metadata: Metadata[Targets]) -> None:
        """Take a list of models that was signed elsewhere. Raise `KeyProblem` if signatures are missing."""
        self._check(UpdateRole.TARGETS, metadata)
        version = metadata.signed.version
        if not self.holds_same(metadata):
            repository_files.put_numbered(self.store, UpdateRole.TARGETS, version, metadata.to_bytes())
        self.taken[UpdateRole.TARGETS] = max(version, self.taken.get(UpdateRole.TARGETS, 0))
        self.chain = replace(self.chain, targets=metadata)

    def holds_same(self, metadata: Metadata[Targets]) -> bool:
        """Whether this list of models was written already, by a publisher that was killed before the timestamp."""
        found = self._find_targets(metadata.signed.version)
        return found is not None and found.signed == metadata.signed

    def _find_targets(self, version: int) -> Metadata[Targets] | None:
        """Return what is there; None also for half a file, which a power cut may have left."""
        content = repository_files.find_numbered(self.store, UpdateRole.TARGETS, version)
        try:
            return None if content is None else Metadata[Targets].from_bytes(content)
        except DeserializationError:
            return None

    def set_channels(self, files: dict[str, TargetFile]) -> None:
        channels = deepcopy(self.chain.channels.signed)
        channels.targets = files
        self.chain = replace(self.chain, channels=self._write(UpdateRole.CHANNELS, channels))

    def publish(self) -> bool:
        """Make the change visible; return whether there was one.

        New keys are met by phones before or after what they have signed, never in between, where the replaced keys are
        here as well: both sign the timestamp, and then the root that replaces them is written. Where they are lost,
        phones refuse what they find between two writes, and keep what they have.
        """
        self._renew_snapshot()
        timestamp = self._next_timestamp()
        root_first = timestamp is not None and not self._is_believed_before(timestamp)
        has_root = self._before.version < self.chain.root.signed.version
        if has_root and root_first:
            self._land_root()
        if timestamp is not None:
            tag = repository_files.put_timestamp(self.store, timestamp.to_bytes(), self.chain.timestamp_tag)
            self.chain = replace(self.chain, timestamp=timestamp, timestamp_tag=tag)
        if has_root and not root_first:
            self._land_root()
        return has_root or timestamp is not None

    def _renew_snapshot(self) -> None:
        signed = {"targets.json": self.chain.targets.signed, "channels.json": self.chain.channels.signed}
        meta = {name: MetaFile(each.version) for name, each in signed.items()}
        if meta != self.chain.snapshot.signed.meta or self.is_due(UpdateRole.SNAPSHOT):
            snapshot = deepcopy(self.chain.snapshot.signed)
            snapshot.meta = meta
            self.chain = replace(self.chain, snapshot=self._write(UpdateRole.SNAPSHOT, snapshot))

    def _next_timestamp(self) -> Metadata[Timestamp] | None:
        """Return the next one, signed, if there is anything to say."""
        version = self.chain.snapshot.signed.version
        current = self.chain.timestamp.signed
        if current.snapshot_meta.version == version and not self.is_due(UpdateRole.TIMESTAMP):
            return None
        timestamp = deepcopy(current)
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile(version)
        return self._sign(UpdateRole.TIMESTAMP, timestamp)

    def _is_believed_before(self, timestamp: Metadata[Timestamp]) -> bool:
        """Whether phones that have not met the new root yet believe all that the new timestamp leads to."""
        parts: dict[UpdateRole, Metadata[Any]] = {
            UpdateRole.TIMESTAMP: timestamp,
            UpdateRole.SNAPSHOT: self.chain.snapshot,
            UpdateRole.TARGETS: self.chain.targets,
        }
        return all(repository_files.is_signed(part, role, self._before) for role, part in parts.items())

    def _land_root(self) -> None:
        root = self.chain.root
        repository_files.put_numbered(self.store, UpdateRole.ROOT, root.signed.version, root.to_bytes())
        self.taken[UpdateRole.ROOT] = root.signed.version
        self._before = root.signed

    def _write(self, role: UpdateRole, signed: _Signed) -> Metadata[_Signed]:
        signed.version = self.taken.get(role, 0) + 1
        metadata = self._sign(role, signed)
        repository_files.put_numbered(self.store, role, signed.version, metadata.to_bytes())
        self.taken[role] = signed.version
        return metadata

    def _sign(self, role: UpdateRole, signed: _Signed) -> Metadata[_Signed]:
        """With all keys that count, and with those that counted before, for phones that have not met the new root."""
        signed.expires = update_roles.expiry(role, self.moment)
        held = {signer.public_key.keyid: signer for signer in self._held(role)}
        try:
            metadata = update_roles.sign(signed, held.values())
        except UnsignedMetadataError as error:
            raise KeyProblem(f"a key of {role} does not sign: {error.__cause__ or error}") from error
        self._check(role, metadata)
        return metadata

    def _held(self, role: UpdateRole) -> list[Signer]:
        held = update_roles.held(self.signers, self.chain.delegator(role), role)
        return held if role == UpdateRole.CHANNELS else held + update_roles.held(self.signers, self._before, role)

    def _check(self, role: UpdateRole, metadata: Metadata[_Signed]) -> None:
        try:
            self.chain.delegator(role).verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except UnsignedMetadataError as error:
            raise KeyProblem(f"the keys at hand cannot sign {role}: {error}") from error
