"""Root and targets metadata in the hands of people, signed where no server could see the keys.

Guarantees: only keys that the metadata's roots name can sign it; a new root is signed by keys of the root before and by
its own (TUF, 5.3.4); what a person is asked to sign can be told in words (`describe`). Such a file goes from hand to
hand until `missing_signatures` says 0, and is then given to the publisher (`pending_metadata.hand_in`).
"""

from collections.abc import Sequence
from typing import Any

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from mobile_models.updates import staged_targets
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.update_roles import UpdateRole

_OFFLINE = (UpdateRole.ROOT, UpdateRole.TARGETS)


def sign(content: bytes, roots: Sequence[bytes], signers: Sequence[Signer]) -> bytes:
    """Return `content` with a signature of each of `signers` added; `roots` are those that say who may sign.

    Raise `KeyProblem` for other files and for keys that may not sign this one.
    """
    metadata = parse(content)
    _check_confined(metadata)
    allowed = {key.keyid for key in may_sign(content, roots)}
    for signer in signers:
        if signer.public_key.keyid not in allowed:
            raise KeyProblem(f"key {signer.public_key.keyid} may not sign {metadata.signed.type}")
        try:
            metadata.sign(signer, append=True)
        except UnsignedMetadataError as error:
            raise KeyProblem(f"key {signer.public_key.keyid} does not sign: {error.__cause__ or error}") from error
    return metadata.to_bytes()


def _check_confined(metadata: Metadata[Any]) -> None:
    """Raise `KeyProblem` for a list of models that would bring phones more than it shows."""
    if isinstance(metadata.signed, Targets):
        try:
            staged_targets.check_confined(metadata.signed)
        except staged_targets.SignatureRefused as error:
            raise KeyProblem(str(error)) from error


def check_published(content: bytes, root: bytes) -> None:
    """Raise `KeyProblem` unless `content` is signed as `root` asks: a list that was made up hides what joins."""
    published, newest = parse_targets(content), parse_root(root).signed
    if not newest.get_verification_result(UpdateRole.TARGETS, published.signed_bytes, published.signatures):
        raise KeyProblem(
            "the published targets.json is not signed by the people whom root.json names; ask for the true one"
        )


def may_sign(content: bytes, roots: Sequence[bytes]) -> list[Key]:
    """Return the keys whose signatures of `content` count for some phone: one that has met the newest root, or not."""
    metadata = parse(content)
    believed = [parse_root(root).signed for root in roots]
    if isinstance(metadata.signed, Root):
        believed = [root for root in believed if root.version < metadata.signed.version] + [metadata.signed]
    role = UpdateRole(metadata.signed.type)
    return [root.keys[keyid] for root in believed for keyid in root.get_delegated_role(role).keyids]


def missing_signatures(content: bytes, roots: Sequence[bytes]) -> int:
    """How many more it needs. Raise `KeyProblem` for a new root whose predecessor is not among `roots`."""
    metadata = parse(content)
    known = {root.signed.version: root.signed for root in map(parse_root, roots)}
    if not isinstance(metadata.signed, Root):
        newest = known[max(known)]
        return newest.get_verification_result(UpdateRole.TARGETS, metadata.signed_bytes, metadata.signatures).missing
    version = metadata.signed.version
    if version > 1 and version - 1 not in known:
        raise KeyProblem(f"root {version} is checked against root {version - 1}; give that one as --root")
    result = metadata.signed.get_root_verification_result(
        known.get(version - 1), metadata.signed_bytes, metadata.signatures
    )
    return max(result.first.missing, result.second.missing)


def file_name(content: bytes) -> str:
    """`<version>.<role>.json`, as the repository will call it."""
    signed = parse(content).signed
    return f"{signed.version}.{signed.type}.json"


def describe(content: bytes, before: bytes | None = None) -> list[str]:
    """Say in words what a signature of `content` means, compared with the file `before` that it replaces.

    Raise `KeyProblem` for what nobody is let sign.
    """
    metadata = parse(content)
    _check_confined(metadata)
    signed = metadata.signed
    lines = [f"{signed.type} {signed.version}, holds until {signed.expires:%Y-%m-%d}"]
    earlier = parse(before).signed if before is not None else None
    if isinstance(signed, Root):
        return lines + _keys_in_words(signed, earlier if isinstance(earlier, Root) else None)
    return lines + describe_targets(signed, earlier if isinstance(earlier, Targets) else None)


def describe_targets(targets: Targets, before: Targets | None) -> list[str]:
    """Which releases phones may be given, which of them join and leave, and who may point phones to them."""
    now = staged_targets.releases_in(targets)
    was = now if before is None else staged_targets.releases_in(before)
    lines = [
        f"  release {version}, manifest {digest}{'' if was.get(version) == digest else '  <- joins'}"
        for version, digest in sorted(now.items())
    ]
    lines += [
        f"  release {version}, manifest {digest}  <- leaves"
        for version, digest in sorted(was.items())
        if version not in now
    ]
    then = _delegated(before) if before is not None else _delegated(targets)
    return lines + _change("channels", then, _delegated(targets))


def parse_root(content: bytes) -> Metadata[Root]:
    metadata = parse(content)
    if not isinstance(metadata.signed, Root):
        raise KeyProblem("this is no root.json")
    return metadata


def parse_targets(content: bytes) -> Metadata[Targets]:
    metadata = parse(content)
    if not isinstance(metadata.signed, Targets):
        raise KeyProblem("this is no targets.json")
    return metadata


def parse(content: bytes) -> Metadata[Any]:
    """Raise `KeyProblem` unless `content` is root or targets metadata."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
        role = UpdateRole(metadata.signed.type)
    except (RepositoryError, ValueError) as error:
        raise KeyProblem(f"this is no metadata of an update repository: {error}") from error
    if role not in _OFFLINE:
        raise KeyProblem(f"{role} is signed by the publisher itself")
    return metadata


def _keys_in_words(root: Root, before: Root | None) -> list[str]:
    lines: list[str] = []
    for role in (UpdateRole.ROOT, UpdateRole.TARGETS, UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP):
        now = root.roles[role]
        was = before.roles[role] if before is not None else now
        lines += _change(role, (was.keyids, was.threshold), (now.keyids, now.threshold))
    return lines


def _delegated(targets: Targets) -> tuple[list[str], int]:
    if targets.delegations is None or not targets.delegations.roles:
        return [], 1
    role = targets.delegations.roles[UpdateRole.CHANNELS]
    return role.keyids, role.threshold


def _change(role: str, was: tuple[list[str], int], now: tuple[list[str], int]) -> list[str]:
    (was_keys, was_threshold), (keys, threshold) = was, now
    rule = f"  {role}: {threshold} of {len(keys)} keys must sign"
    if threshold != was_threshold:
        rule += f" (before: {was_threshold} of {len(was_keys)})"
    joins = [f"    {key}{'' if key in was_keys else '  <- joins'}" for key in keys]
    return [rule, *joins, *(f"    {key}  <- leaves" for key in was_keys if key not in keys)]
