"""Root and targets metadata that people have signed, on its way into the repository.

Guarantees: a new root replaces the old one only if the old keys and the new ones have signed it (TUF, 5.3.4), and only
when all that it makes void can be signed anew at the same time: no phone is left with a root that nothing satisfies. A
new list of models says what the published one says; it may be signed by other keys, and let another key point phones.
What cannot be taken up waits, and the reason is told.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from obstore.store import ObjectStore
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Delegations, Metadata, Root, Targets

from mobile_models.updates import update_roles
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import is_signed
from mobile_models.updates.update_roles import UpdateRole


class NotTakenUp(Exception):
    """What people signed cannot be published as it is; the message says why and what to do."""


@dataclass(frozen=True)
class _Found:
    root: Metadata[Root] | None = None
    targets: Metadata[Targets] | None = None


def hand_in(store: ObjectStore, *contents: bytes) -> None:
    """Lay down a signed root.json, a signed targets.json or both, for the publisher to take up.

    Raise `KeyProblem` for a file that could not be taken up, and lay down nothing then.
    """
    given = {UpdateRole(metadata.signed.type): metadata for metadata in map(_parsed, contents)}
    root, targets = given.get(UpdateRole.ROOT), given.get(UpdateRole.TARGETS)
    chain = repository_files.read_chain(store, next_root=root.to_bytes() if root is not None else None)
    edit = RepositoryEdit(store, (), chain, repository_files.LONG_AGO)
    try:
        if root is not None:
            _check_root(edit, root)
        if targets is not None:
            _check_targets(edit, targets, (root or edit.chain.root).signed)
    except NotTakenUp as error:
        raise KeyProblem(str(error)) from error
    for content in contents:
        repository_files.put_pending(store, UpdateRole(_parsed(content).signed.type), content)


def waits(store: ObjectStore) -> bool:
    """Whether anything has been handed in and is not published yet."""
    return any(repository_files.find_pending(store, role) for role in (UpdateRole.ROOT, UpdateRole.TARGETS))


def take_up(edit: RepositoryEdit) -> tuple[str, ...]:
    """Make what waits a part of `edit`, as far as it can be published; return in words what cannot."""
    problems: list[str] = []
    found = _Found()
    for look in (_find_root, _find_targets):
        try:
            found = look(edit, found)
        except NotTakenUp as error:
            problems.append(str(error))
    try:
        _check_rest(edit, found)
    except NotTakenUp as error:
        return (*problems, str(error))
    if found.root is not None:
        edit.take_root(found.root)
    if found.targets is not None:
        edit.take_targets(found.targets)
    return tuple(problems)


def clear(edit: RepositoryEdit) -> None:
    """Take away what has been published. What cannot be read stays, and `take_up` has told of it."""
    for role in (UpdateRole.ROOT, UpdateRole.TARGETS):
        with suppress(NotTakenUp, KeyProblem):
            waiting = _pending(edit, role)
            if waiting is not None and _was_published(edit, role, waiting):
                repository_files.remove_pending(edit.store, role)


def _find_root(edit: RepositoryEdit, found: _Found) -> _Found:
    root = _pending(edit, UpdateRole.ROOT)
    if root is None or _is_published(edit, UpdateRole.ROOT, root):
        return found
    _check_root(edit, root)
    return replace(found, root=root)


def _find_targets(edit: RepositoryEdit, found: _Found) -> _Found:
    targets = _pending(edit, UpdateRole.TARGETS)
    if targets is None or _is_published(edit, UpdateRole.TARGETS, targets):
        return found
    _check_targets(edit, targets, (found.root or edit.chain.root).signed)
    return replace(found, targets=targets)


def _check_root(edit: RepositoryEdit, root: Metadata[Root]) -> None:
    current = edit.chain.root.signed
    if root.signed.version != current.version + 1:
        raise NotTakenUp(
            f"the new root has number {root.signed.version}, and {current.version} is published; "
            f"make it again from {current.version}.root.json"
        )
    result = root.signed.get_root_verification_result(current, root.signed_bytes, root.signatures)
    if not result.verified:
        missing = max(result.first.missing, result.second.missing)
        raise NotTakenUp(_too_few("root", root.signed.version, missing))


def _check_targets(edit: RepositoryEdit, targets: Metadata[Targets], root: Root) -> None:
    current, version = edit.chain.targets.signed, targets.signed.version
    says_the_same = targets.signed.targets == current.targets
    if version <= current.version or not says_the_same or _confined(targets.signed) != _confined(current):
        raise NotTakenUp(
            f"targets {version} was made from another list than the published one; "
            f"make it again from {current.version}.targets.json"
        )
    result = root.get_verification_result(UpdateRole.TARGETS, targets.signed_bytes, targets.signatures)
    if not result:
        raise NotTakenUp(_too_few("targets", version, result.missing))
    taken = edit.taken[UpdateRole.TARGETS]
    if version <= taken and not edit.holds_same(targets):
        raise NotTakenUp(f"number {version} of targets is taken; make it again with --number {taken + 1}")


def _check_rest(edit: RepositoryEdit, found: _Found) -> None:
    """All that the new keys make void must be signed anew with keys that are here."""
    root = (found.root or edit.chain.root).signed
    targets = found.targets or edit.chain.targets
    waits = f"root {root.version} waits" if found.root else f"targets {targets.signed.version} waits"
    if found == _Found():
        return
    if not is_signed(targets, UpdateRole.TARGETS, root) and not update_roles.can_sign(
        edit.signers, root, UpdateRole.TARGETS
    ):
        raise NotTakenUp(f"{waits} for a targets.json signed with the keys that it names: `wastelens keys renew`")
    for role in (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP, UpdateRole.CHANNELS):
        delegator = targets.signed if role == UpdateRole.CHANNELS else root
        if not update_roles.can_sign(edit.signers, delegator, role):
            raise NotTakenUp(f"{waits}: put the key that it names for {role} into the publisher's folder of keys")


def _too_few(role: str, version: int, missing: int) -> str:
    return f"{role} {version} is signed by too few people, {missing} missing; the next one runs `wastelens keys sign`"


def _confined(targets: Targets) -> dict[str, Any]:
    """What the delegated roles may do, without who may do it."""
    delegations = targets.delegations or Delegations({}, {})
    return {
        name: (role.paths, role.path_hash_prefixes, role.terminating)
        for name, role in (delegations.roles or {}).items()
    }


def _pending(edit: RepositoryEdit, role: UpdateRole) -> Metadata[Any] | None:
    content = repository_files.find_pending(edit.store, role)
    try:
        metadata = None if content is None else _parsed(content)
    except KeyProblem as error:
        raise NotTakenUp(f"pending/{role}.json: {error}") from error
    if metadata is not None and metadata.signed.type != role:
        raise NotTakenUp(f"pending/{role}.json: this is {metadata.signed.type}; give it to `wastelens keys publish`")
    return metadata


def _is_published(edit: RepositoryEdit, role: UpdateRole, metadata: Metadata[Any]) -> bool:
    published: Metadata[Any] = edit.chain.metadata(role)
    return bool(published.signed == metadata.signed)


def _was_published(edit: RepositoryEdit, role: UpdateRole, metadata: Metadata[Any]) -> bool:
    """Whoever signed it: the same list may have come with more signatures than were needed."""
    version = metadata.signed.version
    if version > edit.chain.signed(role).version:
        return False
    content = repository_files.find_numbered(edit.store, role, version)
    return content is not None and bool(_parsed(content).signed == metadata.signed)


def _parsed(content: bytes) -> Metadata[Any]:
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
    except RepositoryError as error:
        raise KeyProblem(f"this is no metadata of an update repository: {error}") from error
    if metadata.signed.type not in {UpdateRole.ROOT, UpdateRole.TARGETS}:
        raise KeyProblem(f"{metadata.signed.type} is signed by the publisher itself")
    return metadata
