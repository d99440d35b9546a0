"""The update repository: what publishers do to it, and what it holds.

Guarantees: `reconcile` makes the repository agree with what is desired, as often as it is asked; what agrees already is
not written again. Files come first, then targets, channels and snapshot under new numbers, the timestamp last, so that
a phone sees the repository before or after, never in between, also when the publisher is killed at any point; the next
call completes the work. A model is published only with the signatures that the root asks for. A channel never points
to what is not published. One publisher works at a time (its job's lease); a second one is noticed, not obeyed.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from obstore.store import ObjectStore
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from mobile_models.updates import channel_targets, patch_targets, release_targets, repository_files, staged_targets
from mobile_models.updates.desired_state import Awaiting, DesiredPatch, DesiredRelease, DesiredState
from mobile_models.updates.published_updates import Published, pointer, published_versions, verify
from mobile_models.updates.repository_edit import RepositoryEdit
from mobile_models.updates.repository_files import Chain, RepositoryInvalid
from mobile_models.updates.signing_keys import KeyRing
from mobile_models.updates.staged_targets import (
    SignatureRefused,
    StagedSignature,
    releases_in_staged,
    sign_staged,
    staged_sha256,
)
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole

__all__ = [
    "Awaiting",
    "DesiredPatch",
    "DesiredRelease",
    "DesiredState",
    "Outcome",
    "Published",
    "RepositoryInvalid",
    "SignatureRefused",
    "StagedSignature",
    "check_signature",
    "create",
    "pointer",
    "published_versions",
    "reconcile",
    "releases_in_staged",
    "sign_staged",
    "staged_sha256",
    "verify",
]

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    published: tuple[int, ...]
    """Versions that this call made available."""
    available: frozenset[int]
    awaiting: dict[int, Awaiting]
    refused: dict[int, str]
    """Release version to the reason why it cannot be published as it is."""
    channels: dict[str, ChannelPointer]
    """As published now."""
    warnings: tuple[str, ...]
    changed: bool
    patches_refused: dict[str, str] = field(default_factory=dict)
    """Path of a patch to the reason why it was left out."""
    metadata_versions: dict[str, int] = field(default_factory=dict)
    """Number of each role's metadata, as published now."""


def create(store: ObjectStore, keys: KeyRing, *, moment: datetime | None = None) -> None:
    """Make an empty repository that starts from the root in `keys`; do nothing if there is one."""
    if repository_files.is_there(store):
        return
    root, targets = Metadata[Root].from_bytes(keys.trusted_root), Metadata[Targets].from_bytes(keys.first_targets)
    repository_files.put_numbered(store, UpdateRole.ROOT, root.signed.version, keys.trusted_root)
    repository_files.put_numbered(store, UpdateRole.TARGETS, targets.signed.version, keys.first_targets)
    # Nothing leads anywhere yet, and expired parts are signed anew.
    timestamp, snapshot = Metadata(Timestamp(expires=_LONG_AGO)), Metadata(Snapshot(expires=_LONG_AGO))
    empty = Chain(root, timestamp, snapshot, targets, Metadata(Targets()))
    edit = RepositoryEdit(store, keys.signers, empty, moment or datetime.now(UTC))
    edit.set_channels({})
    edit.publish()


def reconcile(store: ObjectStore, keys: KeyRing, desired: DesiredState, *, moment: datetime | None = None) -> Outcome:
    """Make the repository agree with `desired` as far as the keys and signatures at hand allow, and renew what is due.

    Raise `RepositoryInvalid` if the repository is not ours or damaged, `KeyProblem` if an online key is missing.
    """
    moment = moment or datetime.now(UTC)
    create(store, keys, moment=moment)
    edit = RepositoryEdit(store, keys.signers, repository_files.read_chain(store, keys.trusted_root), moment)
    before = frozenset(staged_targets.releases_in(edit.chain.targets.signed))
    edit.renew_root()
    edit.take_renewed_targets()
    awaiting, refused = release_targets.bring(edit, desired)
    release_targets.drop_and_renew(edit, desired.versions)
    available = frozenset(staged_targets.releases_in(edit.chain.targets.signed))
    patches, patches_refused = patch_targets.bring(edit, desired.patches)
    channels = channel_targets.point(edit, desired, patches)
    changed = edit.publish()
    return Outcome(
        published=tuple(sorted(available - before)),
        available=available,
        awaiting=awaiting,
        refused=refused,
        channels=channels,
        warnings=_warnings(edit),
        changed=changed,
        patches_refused=patches_refused,
        metadata_versions={str(role): edit.chain.signed(role).version for role in UpdateRole},
    )


def check_signature(store: ObjectStore, staged: bytes, signature: StagedSignature) -> None:
    """Raise `SignatureRefused` unless `signature` counts for `staged`."""
    staged_targets.check_signature(repository_files.read_chain(store).root.signed, staged, signature)


def _warnings(edit: RepositoryEdit) -> tuple[str, ...]:
    return tuple(
        f"{role} expires on {edit.chain.signed(role).expires:%Y-%m-%d}, and too few of its keys are here"
        for role in (UpdateRole.ROOT, UpdateRole.TARGETS)
        if edit.is_due(role) and not edit.can_sign(role)
    )
