"""The update repository: what publishers do to it, and what it holds.

Guarantees: `reconcile` makes the repository agree with what is desired, as often as it is asked; what agrees already is
not written again. Files come first, then targets, channels and snapshot under new numbers, the timestamp last, so that
a phone sees the repository before or after, never in between, also when the publisher is killed at any point; the next
call completes the work. A model is published only with the signatures that the root asks for. A channel never points
to what is not published. One publisher works at a time (its job's lease); a second one is noticed, not obeyed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from obstore.store import ObjectStore
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from mobile_models.document import sha256
from mobile_models.updates import published_updates, repository_files, staged_targets, update_channel
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
class DesiredRelease:
    """A release that phones may be given."""

    version: int
    manifest: bytes
    """manifest.json to the byte: its digest is what gets signed."""
    read_model: Callable[[], bytes]
    """Called only while the model is not in the repository."""
    staged: bytes | None = None
    """What `Outcome.awaiting` gave for this release the last time."""
    signatures: tuple[StagedSignature, ...] = ()


@dataclass(frozen=True)
class DesiredState:
    releases: tuple[DesiredRelease, ...]
    """All that may be given to phones. Another one that is published leaves `targets` when that is signed next."""
    channels: Mapping[str, ChannelPointer]
    unreadable: frozenset[int] = frozenset()
    """Further ones, whose files cannot be had at the moment: they stay as they are, published or not."""

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(release.version for release in self.releases) | self.unreadable


@dataclass(frozen=True)
class Awaiting:
    """A release that needs more signatures of `targets` than the keys at hand can give."""

    staged: bytes
    missing: int
    signed_by: frozenset[str]
    """Ids of the keys that have signed."""


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
    awaiting, refused = _bring_releases(edit, desired)
    _drop_and_renew_targets(edit, desired.versions)
    available = frozenset(staged_targets.releases_in(edit.chain.targets.signed))
    channels = _point_channels(edit, desired)
    changed = edit.publish()
    return Outcome(
        published=tuple(sorted(available - before)),
        available=available,
        awaiting=awaiting,
        refused=refused,
        channels=channels,
        warnings=_warnings(edit),
        changed=changed,
    )


def check_signature(store: ObjectStore, staged: bytes, signature: StagedSignature) -> None:
    """Raise `SignatureRefused` unless `signature` counts for `staged`."""
    staged_targets.check_signature(repository_files.read_chain(store).root.signed, staged, signature)


def _bring_releases(edit: RepositoryEdit, desired: DesiredState) -> tuple[dict[int, Awaiting], dict[int, str]]:
    """Sign and write what is new, in order; a release that cannot be published holds up no other."""
    awaiting: dict[int, Awaiting] = {}
    refused: dict[int, str] = {}
    for release in sorted(desired.releases, key=lambda each: each.version):
        try:
            waits = _bring(edit, release, desired.versions)
        except (ValueError, FileNotFoundError) as error:
            refused[release.version] = str(error)
        else:
            if waits is not None:
                awaiting[release.version] = waits
    return awaiting, refused


def _bring(edit: RepositoryEdit, release: DesiredRelease, desired: frozenset[int]) -> Awaiting | None:
    """Publish one release, or return what it waits for. Raise `ValueError` or `FileNotFoundError` for its files."""
    current, root = edit.chain.targets.signed, edit.chain.root.signed
    files = staged_targets.release_files(release.manifest)
    if staged_targets.manifest_path(release.version) not in files:
        raise ValueError("its manifest is of another version")
    if release.version in staged_targets.releases_in(current):
        if any(current.targets.get(path) != target for path, target in files.items()):
            raise ValueError("it is published with another manifest, and a published version never changes")
        return None
    wanted = _files_of(current, desired) | files
    staged = release.staged
    if staged is None or not _can_still_be_signed(edit, staged, wanted):
        version = edit.taken[UpdateRole.TARGETS] + 1
        staged = staged_targets.stage(current, wanted, version, edit.moment)
    metadata = staged_targets.combine(root, staged, release.signatures, edit.signers)
    result = root.get_verification_result(UpdateRole.TARGETS, metadata.signed_bytes, metadata.signatures)
    if not result:
        return Awaiting(metadata.to_bytes(), result.missing, frozenset(result.signed))
    for target in files.values():
        _put_file(edit.store, target, release)
    edit.take_targets(metadata)
    return None


def _can_still_be_signed(edit: RepositoryEdit, staged: bytes, wanted: dict[str, TargetFile]) -> bool:
    if not staged_targets.is_usable(staged, edit.chain.targets.signed, wanted, edit.moment):
        return False
    metadata = Metadata[Targets].from_bytes(staged)
    return metadata.signed.version > edit.taken[UpdateRole.TARGETS] or edit.holds_same(metadata)


def _put_file(store: ObjectStore, target: TargetFile, release: DesiredRelease) -> None:
    if repository_files.has_target(store, target):
        return
    content = release.manifest if target.path.endswith(".json") else release.read_model()
    if len(content) != target.length or sha256(content) != target.hashes["sha256"]:
        raise ValueError("its model is not the one that its manifest names")
    repository_files.put_target(store, target, content)


def _drop_and_renew_targets(edit: RepositoryEdit, desired: frozenset[int]) -> None:
    """Without a new release, sign `targets` anew only where the keys are at hand and there is a reason."""
    current = edit.chain.targets.signed
    wanted = _files_of(current, desired)
    if (wanted != current.targets or edit.is_due(UpdateRole.TARGETS)) and edit.can_sign(UpdateRole.TARGETS):
        edit.set_targets(wanted)


def _files_of(targets: Targets, versions: frozenset[int]) -> dict[str, TargetFile]:
    kept = versions & set(staged_targets.releases_in(targets))
    paths = {path(version) for version in kept for path in (staged_targets.model_path, staged_targets.manifest_path)}
    return {path: target for path, target in targets.targets.items() if path in paths}


def _point_channels(edit: RepositoryEdit, desired: DesiredState) -> dict[str, ChannelPointer]:
    """Write the pointers that differ, and return all; guides and patches stay as they are."""
    allowed = desired.versions & set(staged_targets.releases_in(edit.chain.targets.signed))
    published = published_updates.pointers(edit.store, edit.chain)
    pointers = dict(published)
    for channel, wanted in desired.channels.items():
        pointers[channel] = _reachable(wanted, published.get(channel, ChannelPointer()), allowed)
    files = dict(edit.chain.channels.signed.targets)
    for channel, each in pointers.items():
        content, path = each.to_bytes(), update_channel.target_path(channel)
        files[path] = TargetFile(len(content), {"sha256": sha256(content)}, path)
        if not repository_files.has_target(edit.store, files[path]):
            repository_files.put_target(edit.store, files[path], content)
    if files != edit.chain.channels.signed.targets or edit.is_due(UpdateRole.CHANNELS):
        edit.set_channels(files)
    return pointers


def _reachable(wanted: ChannelPointer, published: ChannelPointer, allowed: frozenset[int]) -> ChannelPointer:
    """Return `wanted` without what phones cannot get: no candidate then, and the current release of before."""
    current = next((each for each in (wanted.current, published.current) if each in allowed), None)
    candidate = wanted.candidate
    if candidate is not None and (candidate.version not in allowed or candidate.version == current):
        candidate = None
    if wanted.current is None:
        current = None
    return wanted.model_copy(update={"current": current, "candidate": candidate})


def _warnings(edit: RepositoryEdit) -> tuple[str, ...]:
    return tuple(
        f"{role} expires on {edit.chain.signed(role).expires:%Y-%m-%d}, and too few of its keys are here"
        for role in (UpdateRole.ROOT, UpdateRole.TARGETS)
        if edit.is_due(role) and not edit.can_sign(role)
    )
