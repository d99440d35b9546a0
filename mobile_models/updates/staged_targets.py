"""Staged `targets` metadata: the next list of models, waiting for the signatures of people.

Guarantees: a signature belongs to one exact staged file (`staged_sha256`); only signatures that verify, of keys that
the root names, count. What is signed contains the models that were signed before, one new release, and nothing else.
Nobody is let sign more than the list of releases says (`check_confined`), whatever a server has put into the file.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, Signer
from tuf.api.metadata import Delegations, Metadata, Root, TargetFile, Targets
from tuf.api.serialization import DeserializationError

from mobile_models.document import Sha256, sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates import update_roles
from mobile_models.updates.update_roles import UpdateRole

_MODELS = "models/"
_RELEASE_FILE = re.compile(r"models/([1-9][0-9]*)/(manifest\.json|model\.tflite)")


class SignatureRefused(Exception):
    """The signature does not count; the message says why."""


@dataclass(frozen=True)
class StagedSignature:
    """A signature made where no server could see the key."""

    key_id: str
    signature: str
    """DER of an ECDSA P-256 signature, hexadecimal."""
    staged_sha256: Sha256


def model_path(version: int) -> str:
    return f"{_MODELS}{version}/model.tflite"


def manifest_path(version: int) -> str:
    return f"{_MODELS}{version}/manifest.json"


def release_files(manifest: bytes) -> dict[str, TargetFile]:
    """Return what `targets` must say about a release. Raise `ValueError` if `manifest` is none."""
    parsed = ReleaseManifest.model_validate_json(manifest)
    model = TargetFile(parsed.model.size_bytes, {"sha256": parsed.model.sha256}, model_path(parsed.version))
    document = TargetFile(len(manifest), {"sha256": sha256(manifest)}, manifest_path(parsed.version))
    return {target.path: target for target in (model, document)}


def releases_in(targets: Targets) -> dict[int, Sha256]:
    """Return release version to digest of its manifest."""
    manifests = (target for path, target in targets.targets.items() if path.endswith("/manifest.json"))
    return {int(target.path.split("/")[1]): Sha256(target.hashes["sha256"]) for target in manifests}


def releases_in_staged(staged: bytes) -> dict[int, Sha256]:
    """What a person is asked to sign: release version to digest of its manifest."""
    return releases_in(_parse(staged).signed)


def stage(current: Targets, files: Mapping[str, TargetFile], version: int, moment: datetime) -> bytes:
    """Return unsigned metadata, version `version`, that lists `files` and delegates as `current` does."""
    targets = deepcopy(current)
    targets.version, targets.expires = version, update_roles.expiry(UpdateRole.TARGETS, moment)
    targets.targets = dict(files)
    return Metadata(targets).to_bytes()


def is_usable(staged: bytes, current: Targets, files: Mapping[str, TargetFile], moment: datetime) -> bool:
    """Whether a file staged earlier is still what should be signed on top of `current`."""
    try:
        targets = _parse(staged).signed
    except SignatureRefused:
        return False
    fresh = targets.version > current.version and not update_roles.is_due(UpdateRole.TARGETS, targets, moment)
    return fresh and targets.targets == files and targets.delegations == current.delegations


def staged_sha256(staged: bytes) -> Sha256:
    """Digest of the signed part, in TUF's canonical JSON."""
    return sha256(_parse(staged).signed_bytes)


def check_confined(targets: Targets) -> None:
    """Raise `SignatureRefused` unless `targets` names whole releases alone, and `channels` may sign only its own files.

    A further role, or a wider one, could bring phones models that nobody was shown.
    """
    found = [(path, _RELEASE_FILE.fullmatch(path)) for path in targets.targets]
    versions = {match[1] for _, match in found if match}
    whole = {path(int(version)) for version in versions for path in (model_path, manifest_path)}
    odd = sorted(whole ^ targets.targets.keys())
    delegations = targets.delegations or Delegations({}, {})
    for role in (delegations.roles or {}).values():
        is_channels = role.name == UpdateRole.CHANNELS and role.path_hash_prefixes is None
        odd += [] if is_channels and {*(role.paths or ())} <= {*update_roles.CHANNELS_PATHS} else [f"role {role.name}"]
    if delegations.succinct_roles is not None:
        odd.append("succinct roles")
    if odd:
        raise SignatureRefused(f"do not sign this: beside whole releases it holds {', '.join(odd)}; ask who made it")


def sign_staged(staged: bytes, signer: Signer) -> StagedSignature:
    """Raise `SignatureRefused` for a file that says more than which releases there are."""
    metadata = _parse(staged)
    check_confined(metadata.signed)
    payload = metadata.signed_bytes
    signature = signer.sign(payload)
    return StagedSignature(signature.keyid, signature.signature, sha256(payload))


def check_signature(root: Root, staged: bytes, signature: StagedSignature) -> None:
    """Raise `SignatureRefused` unless `signature` counts for `staged`."""
    payload = _parse(staged).signed_bytes
    if signature.staged_sha256 != sha256(payload):
        raise SignatureRefused("the signature is for another staged file; fetch the newest one and sign that")
    if signature.key_id not in root.get_delegated_role(UpdateRole.TARGETS).keyids:
        raise SignatureRefused(f"key {signature.key_id} may not sign targets")
    try:
        key = root.get_key(signature.key_id)
        key.verify_signature(Signature(signature.key_id, signature.signature), payload)
    except (UnverifiedSignatureError, ValueError) as error:
        raise SignatureRefused(f"the signature of key {signature.key_id} does not verify") from error


def combine(
    root: Root, staged: bytes, signatures: Iterable[StagedSignature], signers: Iterable[Signer]
) -> Metadata[Targets]:
    """Return `staged` with every one of `signatures` that counts, and a signature of each of `signers` that may."""
    metadata = _parse(staged)
    for signature in signatures:
        if _counts(root, staged, signature):
            metadata.signatures[signature.key_id] = Signature(signature.key_id, signature.signature)
    for signer in update_roles.held(signers, root, UpdateRole.TARGETS):
        if signer.public_key.keyid not in metadata.signatures:
            metadata.sign(signer, append=True)
    return metadata


def _counts(root: Root, staged: bytes, signature: StagedSignature) -> bool:
    try:
        check_signature(root, staged, signature)
    except SignatureRefused:
        return False
    return True


def _parse(staged: bytes) -> Metadata[Targets]:
    try:
        metadata = Metadata[Targets].from_bytes(staged)
    except DeserializationError as error:
        raise SignatureRefused(f"this is no staged file: {error}") from error
    if not isinstance(metadata.signed, Targets):
        raise SignatureRefused("this is no staged file of targets")
    return metadata
