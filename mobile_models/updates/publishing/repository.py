"""The update repository: what publishers do to it, and what it holds.

Guarantees: `reconcile` makes the repository agree with what is desired, as often as it is asked; what agrees already is
not written again. Files come first, then targets, channels and snapshot under new numbers, the timestamp last, so that
a phone sees the repository before or after, never in between, also when the publisher is killed at any point; the next
call completes the work. A model is published only with the signatures that the root asks for. A channel never points
to what is not published. One publisher works at a time: a second one waits, or is refused and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from obstore.store import ObjectStore
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from mobile_models.document import Sha256
from mobile_models.updates import staged_targets
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import (
    channel_targets,
    guide_targets,
    patch_targets,
    pending_metadata,
    release_targets,
    repository_files,
    repository_lock,
    retention,
)
from mobile_models.updates.publishing.desired_state import Awaiting, DesiredPatch, DesiredRelease, DesiredState
from mobile_models.updates.publishing.published_updates import Published, pointer, published_versions, verify
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import LONG_AGO, Chain, RepositoryBusy, RepositoryInvalid
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
    "RepositoryBusy",
    "RepositoryInvalid",
    "SignatureRefused",
    "StagedSignature",
    "as_published",
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
    guides: dict[str, Sha256] = field(default_factory=dict)
    """City to the digest of its guide, as published now."""
    guides_refused: dict[str, str] = field(default_factory=dict)
    """City to the reason why its guide was left out; the one of before stays."""
    metadata_versions: dict[str, int] = field(default_factory=dict)
    """Number of each role's metadata, as published now."""
    unreadable: frozenset[int] = frozenset()
    """Versions whose files were not at hand; they stay as they were."""


def create(store: ObjectStore, keys: KeyRing, *, moment: datetime | None = None) -> None:
    """Make an empty repository that starts from the root in `keys`; do nothing if there is one."""
    with repository_lock.held(store):
        _create(store, keys, moment or datetime.now(UTC))


def reconcile(
    store: ObjectStore,
    keys: KeyRing,
    desired: DesiredState | Callable[[], DesiredState],
    *,
    moment: datetime | None = None,
    grace: timedelta = retention.GRACE,
) -> Outcome:
    """Make the repository agree with `desired` as far as the keys and signatures at hand allow, and renew what is due.
    A function is asked for `desired` once this publisher's turn has come and it has read what is published: so what was
    decided while it waited counts, and nothing newer is taken back.

    What phones cannot be led to any more is deleted once that has been so for `grace`. Raise `RepositoryInvalid` if the
    repository is not ours or damaged, `RepositoryBusy` if another publisher is faster, `KeyProblem` if an online key is
    missing.
    """
    moment = moment or datetime.now(UTC)
    with repository_lock.held(store):
        _create(store, keys, moment)
        edit = RepositoryEdit.of(store, keys, moment)
        before = edit.chain
        outcome = _reconcile(edit, desired() if callable(desired) else desired)
        retention.prune(store, before, edit.chain, moment, grace)
        return outcome


def _create(store: ObjectStore, keys: KeyRing, moment: datetime) -> None:
    if repository_files.is_there(store):
        return
    repository_files.check_new(store)
    root, targets = Metadata[Root].from_bytes(keys.trusted_root), Metadata[Targets].from_bytes(keys.first_targets)
    repository_files.put_numbered(store, UpdateRole.ROOT, root.signed.version, keys.trusted_root)
    repository_files.put_numbered(store, UpdateRole.TARGETS, targets.signed.version, keys.first_targets)
    # Nothing leads anywhere yet, and expired parts are signed anew.
    timestamp, snapshot = Metadata(Timestamp(expires=LONG_AGO)), Metadata(Snapshot(expires=LONG_AGO))
    empty = Chain(root, timestamp, snapshot, targets, Metadata(Targets()))
    edit = RepositoryEdit(store, keys.signers, empty, moment)
    edit.set_channels({})
    edit.publish()


def _reconcile(edit: RepositoryEdit, desired: DesiredState) -> Outcome:
    before = frozenset(staged_targets.releases_in(edit.chain.targets.signed))
    waiting = pending_metadata.take_up(edit)
    edit.renew_root()
    awaiting, refused = release_targets.bring(edit, desired)
    release_targets.drop_and_renew(edit, desired.versions)
    available = frozenset(staged_targets.releases_in(edit.chain.targets.signed))
    patches, patches_refused = patch_targets.bring(edit, desired.patches)
    guides, guides_refused = guide_targets.bring(edit, desired.guides)
    channels = channel_targets.point(edit, desired, patches | guides)
    changed = edit.publish()
    pending_metadata.clear(edit)
    return Outcome(
        published=tuple(sorted(available - before)),
        available=available,
        awaiting=awaiting,
        refused=refused,
        channels=channels,
        warnings=(*waiting, *_warnings(edit)),
        changed=changed,
        patches_refused=patches_refused,
        guides=guide_targets.digests(guides),
        guides_refused=guides_refused,
        metadata_versions={str(role): edit.chain.signed(role).version for role in UpdateRole},
        unreadable=desired.unreadable,
    )


def as_published(store: ObjectStore) -> DesiredState:
    """Return the state that `reconcile` finds already made: for taking up new keys, and nothing else."""
    chain = repository_files.read_chain(store)
    patches = tuple(
        DesiredPatch(
            path, target.length, Sha256(target.hashes["sha256"]), partial(repository_files.read_target, store, target)
        )
        for path, target in chain.channels.signed.targets.items()
        if path.startswith(patch_targets.FOLDER)
    )
    return DesiredState((), {}, frozenset(staged_targets.releases_in(chain.targets.signed)), patches)


def check_signature(store: ObjectStore, staged: bytes, signature: StagedSignature) -> None:
    """Raise `SignatureRefused` unless `signature` counts for `staged`."""
    staged_targets.check_signature(repository_files.read_chain(store).root.signed, staged, signature)


def _warnings(edit: RepositoryEdit) -> tuple[str, ...]:
    return tuple(
        f"{role} expires on {edit.chain.signed(role).expires:%Y-%m-%d}, and too few of its keys are here"
        for role in (UpdateRole.ROOT, UpdateRole.TARGETS)
        if edit.is_due(role) and not edit.can_sign(role)
    )
