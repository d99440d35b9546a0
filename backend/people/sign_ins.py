"""Signing in with a password, and with a second factor where there is one.

Guarantees: an unknown name, a disabled person and a wrong password are told apart neither by the answer nor by its
time. Guessing, of passwords and of codes alike, is limited per name, counted in the database, so that it holds for any
number of server processes. A password alone opens no session of somebody who has a second factor, or whose role needs
one: it gives a ticket for the second step, and nothing else.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import Forbidden, NotSignedIn, TooMany
from backend.people import passwords, second_factor, staff, staff_sessions, tickets
from backend.people.sealing import Seal
from backend.people.staff_sessions import Origin, SignedIn
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import AuditEvent, Role, SignInWay, Staff, TicketPurpose

ATTEMPTS, ATTEMPTS_WINDOW = 10, timedelta(minutes=15)
SECOND_STEP_LASTS = timedelta(minutes=10)
_ATTEMPTED, _SIGNED_IN = "staff.sign_in_attempted", "staff.signed_in"
_LOCK_KEY = 0x7369676E  # "sign"


@dataclass(frozen=True)
class Attempt:
    """A sign-in that was allowed to be tried. `password_hash` is `passwords.NONE` where the name is unknown."""

    name: str
    password_hash: str

    def fits(self, password: str) -> bool:
        """Slow on purpose: call it outside of any transaction."""
        return passwords.fits(password, self.password_hash)


@dataclass(frozen=True)
class SecondStep:
    """The password fitted; `token` is good for the second step alone."""

    token: str
    must_enrol: bool
    """There is no second factor yet, and the role needs one: it is set up now."""


def attempt(session: Session, name: str) -> Attempt:
    """Count an attempt for `name`, known or not; raise `TooMany` after `ATTEMPTS` since it last worked.

    Commit it before the password is looked at, so that an attempt counts whatever becomes of the request.
    """
    subject, since = _subject(name), now() - ATTEMPTS_WINDOW
    _one_at_a_time(session, subject)
    last_good = select(func.max(AuditEvent.id)).where(AuditEvent.subject == subject, AuditEvent.action == _SIGNED_IN)
    tried = select(func.count()).where(
        AuditEvent.subject == subject,
        AuditEvent.action == _ATTEMPTED,
        col(AuditEvent.at) > since,
        col(AuditEvent.id) > func.coalesce(last_good.scalar_subquery(), 0),
    )
    if session.exec(tried).one() >= ATTEMPTS:
        minutes = int(ATTEMPTS_WINDOW.total_seconds() // 60)
        raise TooMany(f"Too many attempts for this name. Wait {minutes} minutes.", code="too_many_attempts")
    audit_log.record(session, name, _ATTEMPTED, subject)
    found = session.exec(staff.active(name)).one_or_none()
    return Attempt(name, passwords.NONE if found is None else found.password_hash)


def check_allowed(settings: Settings) -> None:
    """Raise `Forbidden` where passwords are turned off."""
    if not settings.password_sign_in:
        raise Forbidden("Here one signs in by passkey or single sign-on.", code="no_passwords")


def with_password(
    session: Session, settings: Settings, attempted: Attempt, origin: Origin | None = None
) -> SignedIn | SecondStep:
    """Open a session for the person of an attempt whose password fits, or ask for the second factor.

    The row is locked: who changes the password ends this session, or has done it before and lets nobody in.
    """
    check_allowed(settings)
    row = session.exec(staff.active(attempted.name).with_for_update()).one_or_none()
    if row is None or row.password_hash != attempted.password_hash:
        raise wrong_password()
    has_factor = second_factor.is_set(session, staff.known(row.id))
    if not has_factor and row.role not in roles_with_second_factor(settings):
        return opened(session, settings, row, SignInWay.PASSWORD, origin)
    if not has_factor:
        second_factor.begin(session, _seal(settings), staff.known(row.id))
    token = tickets.issue(session, TicketPurpose.SECOND_STEP, SECOND_STEP_LASTS, row.id)
    return SecondStep(token, must_enrol=not has_factor)


def second_step(session: Session, token: str) -> Staff:
    """Return whose second step this ticket is for; raise `NotSignedIn`."""
    ticket = tickets.look(session, TicketPurpose.SECOND_STEP, token)
    return staff.found(session, staff.known(ticket.staff_id))


def with_code(session: Session, settings: Settings, token: str, code: str, origin: Origin | None = None) -> SignedIn:
    """Open the session that a ticket for the second step waits for. Commit an `attempt` before, as for a password."""
    row = second_step(session, token)
    second_factor.check(session, _seal(settings), staff.known(row.id), code, by=row.name)
    tickets.take(session, TicketPurpose.SECOND_STEP, token)
    return opened(session, settings, row, SignInWay.PASSWORD_AND_CODE, origin)


def with_first_code(
    session: Session, settings: Settings, token: str, code: str, origin: Origin | None = None
) -> tuple[SignedIn, list[str]]:
    """The same for somebody who has just set up the second factor: return the backup codes as well."""
    row = second_step(session, token)
    codes = second_factor.confirm(session, _seal(settings), staff.known(row.id), code, by=row.name)
    tickets.take(session, TicketPurpose.SECOND_STEP, token)
    return opened(session, settings, row, SignInWay.PASSWORD_AND_CODE, origin), codes


def opened(session: Session, settings: Settings, row: Staff, way: SignInWay, origin: Origin | None) -> SignedIn:
    """Open a session for somebody who has proven who it is, and write it into the history."""
    if row.disabled_at is not None:
        raise NotSignedIn("This person may sign in no more.", code="disabled")
    audit_log.record(session, row.name, _SIGNED_IN, _subject(row.name), way=way)
    return staff_sessions.open_session(session, settings, row, way, origin or Origin())


def wrong_password() -> NotSignedIn:
    return NotSignedIn("Name and password do not fit.", code="wrong_password")


def roles_with_second_factor(settings: Settings) -> frozenset[Role]:
    """Raise `ValueError` for a name that no role has."""
    return frozenset(Role(each.strip()) for each in settings.second_factor_roles.split(",") if each.strip())


def _one_at_a_time(session: Session, subject: str) -> None:
    """Until the end of the transaction nobody else tries this name, so that each counts all before it. SQLite has one
    writer."""
    if session.get_bind().dialect.name == "postgresql":
        statement = text("SELECT pg_advisory_xact_lock(:key, hashtext(:subject))")
        session.connection().execute(statement, {"key": _LOCK_KEY, "subject": subject})


def _seal(settings: Settings) -> Seal:
    return second_factor.seal(settings)


def _subject(name: str) -> str:
    return f"sign-in/{name[:80]}"
