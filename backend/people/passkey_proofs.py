"""What browsers are asked for, and what their answers prove (WebAuthn, W3C): no people, no database.

Guarantees: an answer counts for one challenge, from one origin, with the person verified by the authenticator. Import
it where it is needed and not before: the library takes 14 MB of memory, which a server without passkeys never pays.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRequestOptions,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)


class Unproven(ValueError):
    """The answer does not prove what it should."""


@dataclass(frozen=True)
class Asked:
    """`options` go to the browser; its answer has to be to `challenge` (base64url)."""

    challenge: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A new passkey."""

    credential_id: str
    public_key: bytes
    sign_count: int


def ask_for_new(party_id: str, user_id: bytes, user_name: str, known: Sequence[str]) -> Asked:
    """`known` are the credentials of the same person: an authenticator makes no second one."""
    return _asked(
        webauthn.generate_registration_options(
            rp_id=party_id,
            rp_name="Wastelens",
            user_id=user_id,
            user_name=user_name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known],
        )
    )


def ask_for_any(party_id: str) -> Asked:
    return _asked(
        webauthn.generate_authentication_options(rp_id=party_id, user_verification=UserVerificationRequirement.REQUIRED)
    )


def prove_new(answer: str, challenge: str, party_id: str, origin: str) -> Made:
    """Raise `Unproven`."""
    try:
        proven = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party_id,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise Unproven(str(error)) from error
    return Made(bytes_to_base64url(proven.credential_id), proven.credential_public_key, proven.sign_count)


def prove(answer: str, challenge: str, party_id: str, origin: str, known: Made) -> int:
    """Return the new counter of the passkey `known`; raise `Unproven`, also if it did not grow."""
    try:
        proven = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party_id,
            expected_origin=origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise Unproven(str(error)) from error
    return proven.new_sign_count


def credential_of(answer: str) -> str:
    """Return the credential that an answer names; raise `Unproven`."""
    try:
        return bytes_to_base64url(base64url_to_bytes(str(json.loads(answer)["id"])))
    except (ValueError, KeyError, TypeError) as error:
        raise Unproven("the answer names no credential") from error


def _asked(options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions) -> Asked:
    return Asked(bytes_to_base64url(options.challenge), json.loads(webauthn.options_to_json(options)))
