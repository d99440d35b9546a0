"""The roles of the update repository: what each signs, how long a signature holds, and who can sign.

Guarantees: only `targets` can name a model. `channels` is delegated and its paths are confined, so a thief of the
online keys can point phones to another model that was signed, or to none, and never to one of his own.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Signed, Snapshot, Targets, Timestamp

_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


class UpdateRole(StrEnum):
    """Names in TUF's metadata."""

    ROOT = "root"
    TARGETS = "targets"
    CHANNELS = "channels"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


CHANNELS_PATHS = ("channels/*", "guides/*", "patches/*")

LIFETIME: dict[UpdateRole, timedelta] = {
    UpdateRole.ROOT: timedelta(days=365),
    UpdateRole.TARGETS: timedelta(days=365),
    UpdateRole.CHANNELS: timedelta(days=21),
    UpdateRole.SNAPSHOT: timedelta(days=21),
    UpdateRole.TIMESTAMP: timedelta(days=3),
}
"""How long a signature holds. A phone that meets an older one refuses it as expired."""

RENEW_BELOW: dict[UpdateRole, timedelta] = {
    UpdateRole.ROOT: timedelta(days=90),
    UpdateRole.TARGETS: timedelta(days=90),
    UpdateRole.CHANNELS: timedelta(days=14),
    UpdateRole.SNAPSHOT: timedelta(days=14),
    UpdateRole.TIMESTAMP: timedelta(days=2),
}
"""Time left at which metadata is signed anew where its keys are at hand, and warned about where they are not."""


def expiry(role: UpdateRole, moment: datetime) -> datetime:
    """TUF's times are whole seconds in UTC."""
    return (moment + LIFETIME[role]).replace(microsecond=0)


def is_due(role: UpdateRole, signed: Signed, moment: datetime) -> bool:
    return signed.expires - moment < RENEW_BELOW[role]


def held(signers: Iterable[Signer], delegator: Root | Targets, role: UpdateRole) -> list[Signer]:
    """Return those of `signers` that `delegator` lets sign for `role`."""
    allowed = set(delegator.get_delegated_role(role).keyids)
    return [signer for signer in signers if signer.public_key.keyid in allowed]


def can_sign(signers: Iterable[Signer], delegator: Root | Targets, role: UpdateRole) -> bool:
    """Whether `signers` alone reach the threshold of `role`."""
    return len(held(signers, delegator, role)) >= delegator.get_delegated_role(role).threshold


def first_root(keys: dict[UpdateRole, list[Key]], thresholds: dict[UpdateRole, int], moment: datetime) -> Root:
    """Return an unsigned version 1 that names the keys of the four top-level roles."""
    root = Root(expires=expiry(UpdateRole.ROOT, moment), consistent_snapshot=True)
    for role in (UpdateRole.ROOT, UpdateRole.TARGETS, UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP):
        for key in keys[role]:
            root.add_key(key, role)
        root.roles[role].threshold = thresholds.get(role, 1)
    return root


def first_targets(key: Key, moment: datetime) -> Targets:
    """Return an unsigned version 1 that names no model and delegates to `channels`."""
    role = DelegatedRole(UpdateRole.CHANNELS, [key.keyid], 1, terminating=True, paths=list(CHANNELS_PATHS))
    delegations = Delegations({key.keyid: key}, {role.name: role})
    return Targets(expires=expiry(UpdateRole.TARGETS, moment), delegations=delegations)


def sign(signed: _Signed, signers: Iterable[Signer]) -> Metadata[_Signed]:
    """Return metadata of `signed` with a signature of each of `signers`."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata
