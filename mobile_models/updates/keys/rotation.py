"""New keys for old: who may sign what, changed.

Guarantees: a change touches the roles that it is about and nothing else; what it gives is unsigned, the next version,
and holds for another year. The keys of root, targets, snapshot and timestamp are named by the root, those of channels
by targets. No role is left with fewer keys than it needs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Role, Root, Targets

from mobile_models.updates import update_roles
from mobile_models.updates.keys import offline_metadata
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.update_roles import UpdateRole

_SHORTEST_ID = 8


@dataclass(frozen=True)
class KeyChange:
    """What becomes of the keys of one role."""

    role: UpdateRole
    add: tuple[Key, ...] = ()
    remove: tuple[str, ...] = ()
    """Key ids, or as much of them as tells them apart."""
    threshold: int | None = None


def new_root(root: bytes, changes: Iterable[KeyChange], moment: datetime) -> bytes:
    """Return the next root.json, unsigned. Raise `KeyProblem` for a change that cannot be."""
    metadata = offline_metadata.parse_root(root)
    for change in changes:
        if change.role == UpdateRole.CHANNELS:
            raise KeyProblem("the key of channels is named by targets.json, not by root.json; rotate it by itself")
        _apply(metadata.signed, change)
    _advance(metadata.signed, UpdateRole.ROOT, moment)
    return Metadata(metadata.signed).to_bytes()


def new_targets(targets: bytes, change: KeyChange, moment: datetime) -> bytes:
    """Return the next targets.json, unsigned, that lets other keys sign for channels. Raise `KeyProblem` likewise."""
    metadata = offline_metadata.parse_targets(targets)
    if change.role != UpdateRole.CHANNELS:
        raise KeyProblem(f"the keys of {change.role} are named by root.json, not by targets.json")
    _apply(metadata.signed, change)
    _advance(metadata.signed, UpdateRole.TARGETS, moment)
    return Metadata(metadata.signed).to_bytes()


def _apply(signed: Root | Targets, change: KeyChange) -> None:
    role: Role = signed.get_delegated_role(change.role)
    for reference in change.remove:
        signed.revoke_key(_key_id(role, reference, change.role), change.role)
    for key in change.add:
        if key.keyid in role.keyids:
            raise KeyProblem(f"key {key.keyid} may sign {change.role} already")
        signed.add_key(key, change.role)
    threshold = role.threshold if change.threshold is None else change.threshold
    if not 1 <= threshold <= len(role.keyids):
        raise KeyProblem(
            f"{change.role} would have {len(role.keyids)} keys, and needs {threshold} signatures; "
            "add a key or set another threshold"
        )
    role.threshold = threshold


def _key_id(role: Role, reference: str, name: str) -> str:
    found = [keyid for keyid in role.keyids if keyid.startswith(reference)]
    if len(reference) < _SHORTEST_ID or len(found) != 1:
        raise KeyProblem(f"{reference} is not the id of one key of {name}; these may sign it: {_listed(role.keyids)}")
    return found[0]


def _listed(keyids: Sequence[str]) -> str:
    return ", ".join(keyids) or "none"


def _advance(signed: Root | Targets, role: UpdateRole, moment: datetime) -> None:
    signed.version += 1
    signed.expires = update_roles.expiry(role, moment)
