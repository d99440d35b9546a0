"""The part of a change that `targets` signs: which models phones may be given.

Guarantees: a release is published whole or not at all, with the signatures that the root asks for; a release that
cannot be published holds up no other; what is published under a version never changes.
"""

from obstore.store import ObjectStore
from tuf.api.metadata import Metadata, TargetFile, Targets

from mobile_models.document import sha256
from mobile_models.updates import staged_targets
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.desired_state import Awaiting, DesiredRelease, DesiredState
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.update_roles import UpdateRole


def bring(edit: RepositoryEdit, desired: DesiredState) -> tuple[dict[int, Awaiting], dict[int, str]]:
    """Sign and write what is new, in order; a release that cannot be published holds up no other."""
    awaiting: dict[int, Awaiting] = {}
    refused: dict[int, str] = {}
    for release in sorted(desired.releases, key=lambda each: each.version):
        try:
            waits = _bring_one(edit, release, desired.versions)
        except (ValueError, FileNotFoundError) as error:
            refused[release.version] = str(error)
        else:
            if waits is not None:
                awaiting[release.version] = waits
    return awaiting, refused


def _bring_one(edit: RepositoryEdit, release: DesiredRelease, desired: frozenset[int]) -> Awaiting | None:
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


def drop_and_renew(edit: RepositoryEdit, desired: frozenset[int]) -> None:
    """Without a new release, sign `targets` anew only where the keys are at hand and there is a reason."""
    current = edit.chain.targets.signed
    wanted = _files_of(current, desired)
    if (wanted != current.targets or edit.is_due(UpdateRole.TARGETS)) and edit.can_sign(UpdateRole.TARGETS):
        edit.set_targets(wanted)


def _files_of(targets: Targets, versions: frozenset[int]) -> dict[str, TargetFile]:
    kept = versions & set(staged_targets.releases_in(targets))
    paths = {path(version) for version in kept for path in (staged_targets.model_path, staged_targets.manifest_path)}
    return {path: target for path, target in targets.targets.items() if path in paths}
