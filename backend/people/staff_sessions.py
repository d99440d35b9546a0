"""Sessions of the staff: opened by a sign-in, seen in a list, ended by time or by hand.

Guarantees: a token is 256 random bits, of which only the digest is kept. A session ends `staff_session_hours` after
its sign-in, after `staff_idle_minutes` without a request, and at once where somebody ends it; then its token opens
nothing. Of where it came from only browser, system and network are kept.
"""

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import Forbidden, NotFound, NotSignedIn
from backend.people import staff
from backend.people.staff import Person
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import SignInWay, Staff, StaffSession
from mobile_models.document import Sha256, sha256

FRESH = timedelta(minutes=30)
"""Who signed in longer ago signs in again before changing how to sign in: a laptop may have been left open."""
_SEEN_EVERY = timedelta(minutes=1)
_HANDLE_LENGTH = 24
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    (r"iPhone|iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Origin:
    """Where a request comes from, as coarse as it is kept."""

    device: str = ""
    address: str = ""

    @staticmethod
    def of(user_agent: str, address: str) -> "Origin":
        return Origin(_device(user_agent), _network(address))


@dataclass(frozen=True)
class SignedIn:
    person: Person
    token: str
    expires_at: datetime


def open_session(session: Session, settings: Settings, row: Staff, way: SignInWay, origin: Origin) -> SignedIn:
    """Open a session for somebody who has proven who it is. It is in the history under the name."""
    person = staff.person_of(row)
    token = secrets.token_urlsafe(32)
    expires_at = now() + timedelta(hours=settings.staff_session_hours)
    session.add(
        StaffSession(
            token_sha256=_digest(token),
            staff_id=person.id,
            way=way,
            device=origin.device,
            address=origin.address,
            expires_at=expires_at,
        )
    )
    session.flush()
    return SignedIn(person, token, expires_at)


def authenticate(session: Session, settings: Settings, token: str, *, is_seen: bool = True) -> Person:
    """Raise `NotSignedIn` unless `token` belongs to a session that has not ended, of a person who is not disabled.

    Without `is_seen` nobody is taken to sit there: the session may become idle all the same.
    """
    digest, moment = _digest(token), now()
    found = session.exec(
        select(Staff, StaffSession.last_seen_at)
        .join(StaffSession, col(StaffSession.staff_id) == col(Staff.id))
        .where(
            StaffSession.token_sha256 == digest,
            col(StaffSession.expires_at) > moment,
            col(StaffSession.last_seen_at) > moment - timedelta(minutes=settings.staff_idle_minutes),
            col(Staff.disabled_at).is_(None),
        )
    ).one_or_none()
    if found is None:
        raise NotSignedIn("This session has ended. Sign in again.")
    row, last_seen_at = found
    if is_seen and moment - last_seen_at > _SEEN_EVERY:
        seen = update(StaffSession).where(col(StaffSession.token_sha256) == digest).values(last_seen_at=moment)
        session.connection().execute(seen)
    return staff.person_of(row)


def sign_out(session: Session, token: str) -> None:
    """End the session of `token`; nothing happens where it has ended."""
    row = session.get(StaffSession, _digest(token), with_for_update=True)
    if row is None:
        return
    name = staff.found(session, row.staff_id).name
    session.delete(row)
    session.flush()
    audit_log.record(session, name, "staff.signed_out", f"staff/{row.staff_id}")


def check_fresh(session: Session, token: str) -> None:
    """Raise `Forbidden` unless somebody opened the session of `token` a short while ago, and not as one for programs:
    else each token would make a fresher one."""
    found = session.get(StaffSession, _digest(token))
    if found is None or found.way == SignInWay.COMMAND_LINE or found.created_at < now() - FRESH:
        raise Forbidden("Sign in again first: this changes how you sign in.", code="sign_in_again")


def of(session: Session, settings: Settings, staff_id: int) -> Sequence[StaffSession]:
    """Return the sessions that somebody has open, the one last used first."""
    moment = now()
    statement = select(StaffSession).where(
        StaffSession.staff_id == staff_id,
        col(StaffSession.expires_at) > moment,
        col(StaffSession.last_seen_at) > moment - timedelta(minutes=settings.staff_idle_minutes),
    )
    return session.exec(statement.order_by(col(StaffSession.last_seen_at).desc())).all()


def handle(row: StaffSession) -> str:
    """Return what names a session in a form; nobody can tell its token from it."""
    return row.token_sha256[:_HANDLE_LENGTH]


def is_of(row: StaffSession, token: str) -> bool:
    return row.token_sha256 == _digest(token)


def revoke(session: Session, staff_id: int, wanted: str, *, by: Person) -> None:
    """End one session of somebody, by its handle; raise `NotFound` for one that somebody else has."""
    which = (
        col(StaffSession.staff_id) == staff_id,
        col(StaffSession.token_sha256).startswith(wanted, autoescape=True),
    )
    if len(wanted) != _HANDLE_LENGTH or _deleted(session, *which) == 0:
        raise NotFound("This session has ended already.")
    audit_log.record(session, by.name, "staff.session_revoked", f"staff/{staff_id}")


def revoke_all(session: Session, staff_id: int, *, by: Person, reason: str = "by hand") -> None:
    """End all sessions of somebody."""
    staff.found(session, staff_id)
    staff.end_everything(session, staff_id)
    audit_log.record(session, by.name, "staff.sessions_revoked", f"staff/{staff_id}", reason=reason)


def _deleted(session: Session, *which: ColumnElement[bool]) -> int:
    return session.connection().execute(delete(StaffSession).where(*which)).rowcount


def _digest(token: str) -> Sha256:
    """A plain digest is enough: nobody guesses 256 random bits, however fast the hash."""
    return sha256(token.encode())


def _device(user_agent: str) -> str:
    browser = next((name for sign, name in _BROWSERS if re.search(sign, user_agent)), "")
    system = next((name for sign, name in _SYSTEMS if re.search(sign, user_agent)), "")
    return ", ".join(filter(None, (browser, system))) or user_agent.partition("/")[0][:40]


def _network(address: str) -> str:
    """Return the network of an address: enough to notice a stranger, too little to find a home."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # Behind a proxy that does not say.
        return ""
    length = 24 if known.version == 4 else 48
    return str(ipaddress.ip_network(f"{known}/{length}", strict=False))
