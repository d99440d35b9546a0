"""A change of the update repository that phones do not see until it is published.

Guarantees: metadata is written only with the signatures that its role needs, under a number never used before; and
`publish` writes the timestamp last, or nothing at all where nothing changed.
"""

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from obstore.store import ObjectStore
from securesystemslib.signer import Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from mobile_models.updates import repository_files, update_roles
from mobile_models.updates.repository_files import Chain
from mobile_models.updates.signing_keys import KeyProblem
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

    def __post_init__(self) -> None:
        self.taken = repository_files.versions_taken(self.store)

    def can_sign(self, role: UpdateRole) -> bool:
        return update_roles.can_sign(self.signers, self.chain.delegator(role), role)

    def is_due(self, role: UpdateRole) -> bool:
        return update_roles.is_due(role, self.chain.signed(role), self.moment)

    def renew_root(self) -> None:
        """Sign the root anew if it is due and its keys are here. Phones meet it at once."""
        if self.is_due(UpdateRole.ROOT) and self.can_sign(UpdateRole.ROOT):
            root = self._write(UpdateRole.ROOT, deepcopy(self.chain.root.signed))
            self.chain = replace(self.chain, root=root)

    def set_targets(self, files: dict[str, TargetFile]) -> None:
        """Sign a list of models with the keys at hand."""
        targets = deepcopy(self.chain.targets.signed)
        targets.targets = files
        self.chain = replace(self.chain, targets=self._write(UpdateRole.TARGETS, targets))

    def take_renewed_targets(self) -> None:
        """Take the newest list in the store if it says what the published one says, and people signed it for longer.

        Anything else there is what a publisher that was killed has left.
        """
        current = self.chain.targets.signed
        renewed = self._find_targets(self.taken[UpdateRole.TARGETS])
        if renewed is None or renewed.signed.version <= current.version:
            return
        says_the_same = (renewed.signed.targets, renewed.signed.delegations) == (current.targets, current.delegations)
        if says_the_same and renewed.signed.expires > current.expires:
            with suppress(KeyProblem):  # It waits for more signatures.
                self.take_targets(renewed)

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
        """Make the change visible; return whether there was one."""
        signed = {"targets.json": self.chain.targets.signed, "channels.json": self.chain.channels.signed}
        meta = {name: MetaFile(each.version) for name, each in signed.items()}
        changed = meta != self.chain.snapshot.signed.meta
        if changed or self.is_due(UpdateRole.SNAPSHOT):
            snapshot = deepcopy(self.chain.snapshot.signed)
            snapshot.meta = meta
            self.chain = replace(self.chain, snapshot=self._write(UpdateRole.SNAPSHOT, snapshot))
        version = self.chain.snapshot.signed.version
        leads_elsewhere = self.chain.timestamp.signed.snapshot_meta.version != version
        if leads_elsewhere or self.is_due(UpdateRole.TIMESTAMP):
            timestamp = deepcopy(self.chain.timestamp.signed)
            timestamp.version += 1
            timestamp.snapshot_meta = MetaFile(version)
            signed_timestamp = self._sign(UpdateRole.TIMESTAMP, timestamp)
            repository_files.put_timestamp(self.store, signed_timestamp.to_bytes())
            self.chain = replace(self.chain, timestamp=signed_timestamp)
            return True
        return False

    def _write(self, role: UpdateRole, signed: _Signed) -> Metadata[_Signed]:
        signed.version = self.taken.get(role, 0) + 1
        metadata = self._sign(role, signed)
        repository_files.put_numbered(self.store, role, signed.version, metadata.to_bytes())
        self.taken[role] = signed.version
        return metadata

    def _sign(self, role: UpdateRole, signed: _Signed) -> Metadata[_Signed]:
        signed.expires = update_roles.expiry(role, self.moment)
        metadata = update_roles.sign(signed, update_roles.held(self.signers, self.chain.delegator(role), role))
        self._check(role, metadata)
        return metadata

    def _check(self, role: UpdateRole, metadata: Metadata[_Signed]) -> None:
        try:
            self.chain.delegator(role).verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except UnsignedMetadataError as error:
            raise KeyProblem(f"the keys at hand cannot sign {role}: {error}") from error
