"""Passkeys (WebAuthn): signing in without a password.

Guarantees: the person is verified by the authenticator (PIN, finger, face), so that a passkey is two factors in one.
A challenge is answered once, within five minutes. A signature counter that does not grow is refused: the passkey was
copied. Attestation is not asked for: any authenticator is welcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import Conflict, DomainError, NotFound, NotSignedIn
from backend.people import sign_ins, staff, tickets
from backend.people.staff import Person
from backend.people.staff_sessions import Origin, SignedIn
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import SignInWay, Staff, StaffPasskey, TicketPurpose
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
    from backend.people import passkey_proofs  # noqa: PLC0415  # See there.

    user_id = bytes.fromhex(sha256(f"wastelens staff {person.id} {person.name}".encode()))
    known = [row.credential_id for row in of(session, person.id)]
    asked = passkey_proofs.ask_for_new(party.id, user_id, person.name, known)
    ticket = _ticket(session, TicketPurpose.PASSKEY_REGISTRATION, asked.challenge, person.id)
    return Challenge(ticket, asked.options)


def register(
    session: Session, party: RelyingParty, person: Person, ticket: str, answer: str, name: str
) -> StaffPasskey:
    """Take the passkey that the browser has made; raise `DomainError` for an answer that does not prove it."""
    from backend.people import passkey_proofs  # noqa: PLC0415  # See there.

    asked = tickets.take(session, TicketPurpose.PASSKEY_REGISTRATION, ticket)
    if asked.staff_id != person.id:
        raise NotSignedIn("This was begun by somebody else.", code="ticket_gone")
    if len(of(session, person.id)) >= MOST:
        raise Conflict(f"At most {MOST} passkeys.", code="too_many_passkeys")
    try:
        made = passkey_proofs.prove_new(answer, asked.detail["challenge"], party.id, party.origin)
    except passkey_proofs.Unproven as error:
        raise DomainError("Your browser's answer does not prove the passkey.", code="bad_passkey") from error
    called = " ".join(name.split())[:LONGEST_NAME] or "–"
    row = StaffPasskey(staff_id=person.id, name=called, **vars(made))
    _keep(session, row)
    audit_log.record(session, person.name, "staff.passkey_added", f"staff/{person.id}", passkey=row.name)
    return row


def remove(session: Session, staff_id: int, passkey_id: int, *, by: str) -> None:
    """Raise `NotFound` for a passkey that somebody else has."""
    row = session.get(StaffPasskey, passkey_id)
    if row is None or row.staff_id != staff_id:
        raise NotFound("There is no such passkey.")
    session.delete(row)
    session.flush()
    audit_log.record(session, by, "staff.passkey_removed", f"staff/{staff_id}", passkey=row.name)


def remove_all(session: Session, staff_id: int, *, by: str) -> None:
    for row in of(session, staff_id):
        remove(session, staff_id, staff.known(row.id), by=by)


def sign_in_challenge(session: Session, party: RelyingParty) -> Challenge:
    """Ask any browser for a passkey of this console: whose it is says the passkey."""
    from backend.people import passkey_proofs  # noqa: PLC0415  # See there.

    asked = passkey_proofs.ask_for_any(party.id)
    return Challenge(_ticket(session, TicketPurpose.PASSKEY_SIGN_IN, asked.challenge, None), asked.options)


def sign_in(
    session: Session, settings: Settings, party: RelyingParty, ticket: str, answer: str, origin: Origin
) -> SignedIn:
    """Open a session for the owner of the passkey; raise `NotSignedIn`."""
    from backend.people import passkey_proofs  # noqa: PLC0415  # See there.

    challenge = tickets.take(session, TicketPurpose.PASSKEY_SIGN_IN, ticket).detail["challenge"]
    try:
        row = _known(session, passkey_proofs.credential_of(answer))
        known = passkey_proofs.Made(row.credential_id, row.public_key, row.sign_count)
        row.sign_count = passkey_proofs.prove(answer, challenge, party.id, party.origin, known)
    except passkey_proofs.Unproven as error:
        raise _refused() from error
    row.last_used_at = now()
    session.add(row)
    return sign_ins.opened(session, settings, session.get_one(Staff, row.staff_id), SignInWay.PASSKEY, origin)


def _ticket(session: Session, purpose: TicketPurpose, challenge: str, staff_id: int | None) -> str:
    return tickets.issue(session, purpose, CHALLENGE_LASTS, staff_id, challenge=challenge)


def _known(session: Session, credential_id: str) -> StaffPasskey:
    """Return the row, locked: of two who bring one counter only one is let in."""
    statement = select(StaffPasskey).where(StaffPasskey.credential_id == credential_id).with_for_update()
    row = session.exec(statement).one_or_none()
    if row is None:
        raise _refused()
    return row


def _keep(session: Session, row: StaffPasskey) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("This passkey is known already.", code="passkey_known") from None


def _refused() -> NotSignedIn:
    return NotSignedIn("This passkey does not open anything here.", code="passkey_refused")
