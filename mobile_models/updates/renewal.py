"""Root and targets metadata for another year, signed where no server could see the keys.

Guarantees: what is renewed says what it said before, under the next version and with a later expiry, and nothing else;
only keys that the root names can sign it. `repository.reconcile` takes a renewed file up once it lies in the
repository's `metadata/` with enough signatures.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from mobile_models.updates import update_roles
from mobile_models.updates.signing_keys import KeyProblem
from mobile_models.updates.update_roles import UpdateRole

_OFFLINE = (UpdateRole.ROOT, UpdateRole.TARGETS)


def renew(content: bytes, root: bytes, signers: Sequence[Signer], moment: datetime | None = None) -> bytes:
    """Return the next version of a published root.json or targets.json, signed by `signers`.

    `root` is the newest root.json. Raise `KeyProblem` for other files and for keys that may not sign this one.
    """
    metadata = _parse(content)
    metadata.signed.version += 1
    metadata.signed.expires = update_roles.expiry(UpdateRole(metadata.signed.type), moment or datetime.now(UTC))
    metadata.signatures.clear()
    return _signed(metadata, _root(root), signers)


def countersign(content: bytes, root: bytes, signers: Sequence[Signer]) -> bytes:
    """Return a renewed file that somebody else has begun with the signatures of `signers` as well."""
    return _signed(_parse(content), _root(root), signers)


def missing_signatures(content: bytes, root: bytes) -> int:
    """How many more a renewed file needs."""
    metadata = _parse(content)
    found = _root(root).get_verification_result(metadata.signed.type, metadata.signed_bytes, metadata.signatures)
    return found.missing


def file_name(content: bytes) -> str:
    """Its name in the repository's `metadata/`."""
    signed = _parse(content).signed
    return f"{signed.version}.{signed.type}.json"


def _signed(metadata: Metadata[Root] | Metadata[Targets], root: Root, signers: Sequence[Signer]) -> bytes:
    role = UpdateRole(metadata.signed.type)
    if len(update_roles.held(signers, root, role)) != len(signers):
        raise KeyProblem(f"there is a key among these that may not sign {role}")
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _root(content: bytes) -> Root:
    signed = _parse(content).signed
    if not isinstance(signed, Root):
        raise KeyProblem("this is no root.json")
    return signed


def _parse(content: bytes) -> Metadata[Root] | Metadata[Targets]:
    try:
        metadata: Metadata[Root] | Metadata[Targets] = Metadata.from_bytes(content)
        role = UpdateRole(metadata.signed.type)
    except (RepositoryError, ValueError) as error:
        raise KeyProblem(f"this is no metadata of an update repository: {error}") from error
    if role not in _OFFLINE:
        raise KeyProblem(f"{role} is signed by the publisher itself")
    return metadata
