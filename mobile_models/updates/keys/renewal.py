"""Root and targets metadata for another year.

Guarantees: what is renewed says what it said before, under the next version and with a later expiry, and nothing else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from securesystemslib.signer import Signer

from mobile_models.updates import update_roles
from mobile_models.updates.keys import offline_metadata
from mobile_models.updates.update_roles import UpdateRole


def renew(
    content: bytes,
    roots: Sequence[bytes],
    signers: Sequence[Signer],
    *,
    number: int | None = None,
    moment: datetime | None = None,
) -> bytes:
    """Return the next version (or version `number`) of a published root.json or targets.json, signed by `signers`.

    `roots` holds the newest root.json, and one that is to replace it if there is any. Raise `KeyProblem` for other
    files and for keys that may not sign this one.
    """
    metadata = offline_metadata.parse(content)
    metadata.signed.version = number or metadata.signed.version + 1
    metadata.signed.expires = update_roles.expiry(UpdateRole(metadata.signed.type), moment or datetime.now(UTC))
    metadata.signatures.clear()
    return offline_metadata.sign(metadata.to_bytes(), roots, signers)
