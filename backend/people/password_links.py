"""Links with which somebody chooses a password: no administrator ever knows it.

Guarantees: a link works once, within a day, and only the newest one of a person does. It is told to the administrator
who made it, once, and kept as a digest.
"""

from datetime import timedelta

from sqlmodel import Session

from backend.errors import Conflict
from backend.people import passwords, staff, tickets
from backend.people.staff import Person
from backend.records import audit_log
from backend.tables import Staff, TicketPurpose

LASTS = timedelta(hours=24)


def make(session: Session, staff_id: int, *, by: Person) -> str:
    """Take the password of somebody away, end all sessions, and return the token of a link to choose another."""
    row = staff.found(session, staff_id)
    if row.disabled_at is not None:
        raise Conflict(f"{row.name} may not sign in. Let them in again first.", code="disabled")
    row.password_hash = passwords.NONE
    session.add(row)
    staff.end_everything(session, staff_id)
    audit_log.record(session, by.name, "staff.password_link_made", f"staff/{staff_id}")
    return tickets.issue(session, TicketPurpose.NEW_PASSWORD, LASTS, staff_id)


def owner(session: Session, token: str) -> Staff:
    """Return whose link it is, without using it; raise `NotSignedIn`."""
    ticket = tickets.look(session, TicketPurpose.NEW_PASSWORD, token)
    return staff.found(session, staff.known(ticket.staff_id))


def use(session: Session, token: str, password: str) -> None:
    """Give the owner of the link this password. One that is not fit leaves the link as it is."""
    passwords.check(password)
    row = owner(session, token)
    tickets.take(session, TicketPurpose.NEW_PASSWORD, token)
    staff.set_password(session, row.name, password, by=row.name)
