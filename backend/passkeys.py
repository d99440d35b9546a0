"""Passkeys (WebAuthn): signing in without a password.

Guarantees: the person is verified by the authenticator (PIN, finger, face), so that a passkey is two factors in one.
A challenge is answered once, within five minutes. A signature counter that does not grow is refused: the passkey was
copied. Attestation is not asked for: any authenticator is welcome.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import webauthn
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from backend import audit_log, sign_ins, staff, tickets
from backend.database import now
from backend.errors import Conflict, DomainError, NotFound, NotSignedIn
from backend.settings import Settings
from backend.staff import Person
from backend.staff_sessions import Origin, SignedIn
from backend.tables import SignInWay, Staff, StaffPasskey, StaffTicket, TicketPurpose
from mobile_models.document import sha256

CHALLENGE_LASTS = timedelta(minutes=5)
MOST = 20
LONGEST_NAME = 60


@dataclass(frozen=True)
class RelyingParty:
    """This console, as browsers know it. `origin` is scheme, host and port; `id` the host alone."""

    id: str
    origin: str


@dataclass(frozen=True)
class Challenge:
    """`options` go to the browser, `ticket` comes back with its answer."""

    ticket: str
    options: dict[str, Any]


def of(session: Session, staff_id: int) -> Sequence[StaffPasskey]:
    statement = select(StaffPasskey).where(StaffPasskey.staff_id == staff_id).order_by(col(StaffPasskey.id))
    return session.exec(statement).all()


def registration(session: Session, party: RelyingParty, person: Person) -> Challenge:
    """Ask the browser of somebody who has signed in to make a passkey."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Wastelens",
        user_id=bytes.fromhex(sha256(f"wastelens staff {person.id} {person.name}".encode())),
        user_name=person.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.credential_id)) for row in of(session, person.id)
        ],
    )
    return _challenge(session, TicketPurpose.PASSKEY_REGISTRATION, options, person.id)


def register(
    session: Session, party: RelyingParty, person: Person, ticket: str, answer: str, name: str
) -> StaffPasskey:
    """Take the passkey that the browser has made; raise `DomainError` for an answer that does not prove it."""
    asked = tickets.take(session, TicketPurpose.PASSKEY_REGISTRATION, ticket)
    if asked.staff_id != person.id:
        raise NotSignedIn("This was begun by somebody else.", code="ticket_gone")
    if len(of(session, person.id)) >= MOST:
        raise Conflict(f"At most {MOST} passkeys.", code="too_many_passkeys")
    try:
        proven = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=_challenge_of(asked),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise DomainError("Your browser's answer does not prove the passkey.", code="bad_passkey") from error
    row = StaffPasskey(
        staff_id=person.id,
        credential_id=bytes_to_base64url(proven.credential_id),
        public_key=proven.credential_public_key,
        sign_count=proven.sign_count,
        name=" ".join(name.split())[:LONGEST_NAME] or "–",
    )
    _keep(session, row)
    audit_log.record(session, person.name, "staff.passkey_added", f"staff/{person.id}", passkey=row.name)
    return row


def remove(session: Session, staff_id: int, passkey_id: int, *, by: Person) -> None:
    """Raise `NotFound` for a passkey that somebody else has."""
    row = session.get(StaffPasskey, passkey_id)
    if row is None or row.staff_id != staff_id:
        raise NotFound("There is no such passkey.")
    session.delete(row)
    session.flush()
    audit_log.record(session, by.name, "staff.passkey_removed", f"staff/{staff_id}", passkey=row.name)


def remove_all(session: Session, staff_id: int, *, by: Person) -> None:
    for row in of(session, staff_id):
        remove(session, staff_id, staff.known(row.id), by=by)


def sign_in_challenge(session: Session, party: RelyingParty) -> Challenge:
    """Ask any browser for a passkey of this console: whose it is says the passkey."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id, user_verification=UserVerificationRequirement.REQUIRED
    )
    return _challenge(session, TicketPurpose.PASSKEY_SIGN_IN, options, None)


def sign_in(
    session: Session, settings: Settings, party: RelyingParty, ticket: str, answer: str, origin: Origin
) -> SignedIn:
    """Open a session for the owner of the passkey; raise `NotSignedIn`."""
    asked = tickets.take(session, TicketPurpose.PASSKEY_SIGN_IN, ticket)
    row = session.exec(
        select(StaffPasskey).where(StaffPasskey.credential_id == _credential_id(answer)).with_for_update()
    ).one_or_none()
    if row is None:
        raise _refused()
    try:
        proven = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=_challenge_of(asked),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise _refused() from error
    used = update(StaffPasskey).where(col(StaffPasskey.id) == row.id)
    session.connection().execute(used.values(sign_count=proven.new_sign_count, last_used_at=now()))
    return sign_ins.opened(session, settings, session.get_one(Staff, row.staff_id), SignInWay.PASSKEY, origin)


def _challenge(session: Session, purpose: TicketPurpose, options: Any, staff_id: int | None) -> Challenge:
    challenge = bytes_to_base64url(options.challenge)
    ticket = tickets.issue(session, purpose, CHALLENGE_LASTS, staff_id, challenge=challenge)
    return Challenge(ticket, json.loads(webauthn.options_to_json(options)))


def _challenge_of(asked: StaffTicket) -> bytes:
    return base64url_to_bytes(asked.detail["challenge"])


def _credential_id(answer: str) -> str:
    try:
        return bytes_to_base64url(base64url_to_bytes(str(json.loads(answer)["id"])))
    except (ValueError, KeyError, TypeError) as error:
        raise _refused() from error


def _keep(session: Session, row: StaffPasskey) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("This passkey is known already.", code="passkey_known") from None


def _refused() -> NotSignedIn:
    return NotSignedIn("This passkey does not open anything here.", code="passkey_refused")
