"""Tickets: each lets its holder do one thing, once, within a while.

Guarantees: a ticket is 256 random bits, of which only the digest is kept. It serves one purpose, and is gone with its
first use, also where two use it at the same moment, and with its person's other tickets when that person is disabled.
"""

import secrets
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from backend.database import now
from backend.errors import NotSignedIn
from backend.tables import StaffTicket, TicketPurpose
from mobile_models.document import Sha256, sha256


def issue(
    session: Session, purpose: TicketPurpose, lasts: timedelta, staff_id: int | None = None, **detail: str
) -> str:
    """Return the token of a new ticket; it is told only here."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffTicket(
            token_sha256=digest(token), purpose=purpose, staff_id=staff_id, detail=detail, expires_at=now() + lasts
        )
    )
    session.flush()
    return token


def look(session: Session, purpose: TicketPurpose, token: str) -> StaffTicket:
    """Return the ticket without using it; raise `NotSignedIn` if it is used, too old, or for something else."""
    found = session.get(StaffTicket, digest(token), populate_existing=True)
    if found is None or found.purpose != purpose or found.expires_at <= now():
        raise NotSignedIn("This has been used already, or too much time has passed. Start again.", code="ticket_gone")
    return found


def take(session: Session, purpose: TicketPurpose, token: str) -> StaffTicket:
    """Use the ticket up; raise as `look`."""
    found = look(session, purpose, token)
    session.expunge(found)
    gone = session.connection().execute(delete(StaffTicket).where(col(StaffTicket.token_sha256) == found.token_sha256))
    if gone.rowcount != 1:
        raise NotSignedIn("This has been used already. Start again.", code="ticket_gone")
    return found


def forget(session: Session, staff_id: int, purpose: TicketPurpose | None = None) -> None:
    """Take back the tickets of somebody, all or those of one purpose."""
    which = [col(StaffTicket.staff_id) == staff_id]
    if purpose is not None:
        which.append(col(StaffTicket.purpose) == purpose)
    session.connection().execute(delete(StaffTicket).where(*which))


def digest(token: str) -> Sha256:
    """A plain digest is enough: nobody guesses 256 random bits, however fast the hash."""
    return sha256(token.encode())
