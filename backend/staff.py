"""People of the city: who they are, what they may do, how they sign in.

Guarantees: passwords are kept as Argon2 hashes and session tokens as digests, so that a copy of the database lets
nobody in. An unknown name, a disabled person and a wrong password are told apart neither by the answer nor by its
time. Guessing is limited per name, counted in the database, so that it holds for any number of server processes.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pwdlib import PasswordHash
from sqlalchemy import ColumnElement, delete, func, true
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend import audit_log
from backend.database import now
from backend.errors import Conflict, DomainError, Forbidden, NotFound, NotSignedIn, TooMany
from backend.permissions import Permission, may
from backend.tables import AuditEvent, Photo, Role, Staff, StaffSession
from mobile_models.document import Sha256, sha256

MINIMUM_PASSWORD_LENGTH = 12
MAXIMUM_PASSWORD_LENGTH = 200
ATTEMPTS, ATTEMPTS_WINDOW = 10, timedelta(minutes=15)
IMPORTER = "import"
"""The name under which imported labels stand among the opinions; nobody can sign in with it."""

_ATTEMPTED, _SIGNED_IN = "staff.sign_in_attempted", "staff.signed_in"
_NO_PASSWORD = "!"  # noqa: S105  # No hash has this form, so no password fits.
_hasher = PasswordHash.recommended()
_hashing = threading.BoundedSemaphore(2)
"""Each password that is looked at takes 64 MiB for as long; more of them wait, so that guesses cannot fill memory."""
_nobodys_hash = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in."""

    id: int
    name: str
    role: Role
    areas: tuple[str, ...] | None = None
    """Places (`Photo.place`) that this person works in; none: everywhere."""

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


@dataclass(frozen=True)
class SignedIn:
    person: Person
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Attempt:
    """A sign-in that was allowed to be tried. `password_hash` is nobody's where the name is unknown."""

    name: str
    password_hash: str

    def fits(self, password: str) -> bool:
        """Slow on purpose: call it outside of any transaction."""
        if len(password) > MAXIMUM_PASSWORD_LENGTH:
            return False
        with _hashing:
            return _hasher.verify(password, self.password_hash)


def attempt(session: Session, name: str) -> Attempt:
    """Count an attempt for `name`, known or not; raise `TooMany` after `ATTEMPTS` since it last worked.

    Commit it before the password is looked at, so that an attempt counts whatever becomes of the request.
    """
    subject, since = _sign_in_subject(name), now() - ATTEMPTS_WINDOW
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
    found = session.exec(_active(name)).one_or_none()
    return Attempt(name, _nobodys_hash if found is None else found.password_hash)


def sign_in(session: Session, attempted: Attempt, hours: int) -> SignedIn:
    """Open a session for the person of an attempt whose password fits."""
    found = session.exec(_active(attempted.name)).one_or_none()
    if found is None or found.password_hash != attempted.password_hash:
        raise wrong_password()
    person = _person(found)
    token, expires_at = secrets.token_urlsafe(32), now() + timedelta(hours=hours)
    session.add(StaffSession(token_sha256=_token_digest(token), staff_id=person.id, expires_at=expires_at))
    audit_log.record(session, person.name, _SIGNED_IN, _sign_in_subject(person.name))
    return SignedIn(person, token, expires_at)


def wrong_password() -> NotSignedIn:
    return NotSignedIn("Name and password do not fit.", code="wrong_password")


def authenticate(session: Session, token: str) -> Person:
    """Raise `NotSignedIn` unless `token` belongs to a session that has not ended, of a person who is not disabled."""
    statement = (
        select(Staff)
        .join(StaffSession, col(StaffSession.staff_id) == col(Staff.id))
        .where(
            StaffSession.token_sha256 == _token_digest(token),
            col(StaffSession.expires_at) > now(),
            col(Staff.disabled_at).is_(None),
        )
    )
    found = session.exec(statement).one_or_none()
    if found is None:
        raise NotSignedIn("This session has ended. Sign in again.")
    return _person(found)


def require(person: Person, permission: Permission) -> None:
    """Raise `Forbidden` unless the person's role has this permission."""
    if not person.may(permission):
        raise Forbidden(f"{person.name} has the role {person.role}, which may not do this.", code="role_needed")


def in_areas(person: Person) -> ColumnElement[bool]:
    """Whether a `Photo` lies where the person works; one without a place lies nowhere. For each query of photos."""
    return true() if person.areas is None else col(Photo.place).in_(person.areas)


def check_area(person: Person, photo: Photo) -> None:
    """Raise `NotFound`, as for a photo that does not exist, unless it lies where the person works."""
    if person.areas is not None and photo.place not in person.areas:
        raise NotFound("There is no such photo.")


def sign_out(session: Session, token: str) -> None:
    session.connection().execute(delete(StaffSession).where(col(StaffSession.token_sha256) == _token_digest(token)))


def add(session: Session, name: str, role: Role, password: str, *, by: str) -> Person:
    """Raise `Conflict` if the name is taken, `DomainError` for a name or password that is not fit."""
    name = name.strip()
    if not 1 <= len(name) <= 80 or name == IMPORTER:
        raise DomainError(f"A name has 1 to 80 characters and is not {IMPORTER!r}.", code="bad_name")
    row = Staff(name=name, role=role, password_hash=_hash(password))
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict(f"There is somebody called {name} already.", code="name_taken") from None
    audit_log.record(session, by, "staff.added", f"staff/{row.id}", name=name, role=role)
    return _person(row)


def set_password(session: Session, name: str, password: str, *, by: str) -> None:
    """Give somebody another password and end all sessions of that person."""
    found = session.exec(_active(name).with_for_update()).one_or_none()
    if found is None:
        raise NotFound(f"There is nobody called {name}.")
    found.password_hash = _hash(password)
    _end_sessions(session, found)
    audit_log.record(session, by, "staff.password_set", f"staff/{found.id}")


def disable(session: Session, staff_id: int, *, by: Person) -> None:
    """Let somebody sign in no more; what that person did stays. The last administrator cannot be disabled."""
    administrators = session.exec(
        select(Staff).where(Staff.role == Role.ADMINISTRATOR, col(Staff.disabled_at).is_(None)).with_for_update()
    ).all()
    found = session.get(Staff, staff_id)
    if found is None or found.name == IMPORTER:
        raise NotFound(f"There is nobody with the number {staff_id}.")
    if [row.id for row in administrators] == [staff_id]:
        raise Conflict("The last administrator cannot be disabled. Add another one first.", code="last_administrator")
    found.disabled_at = found.disabled_at or now()
    _end_sessions(session, found)
    audit_log.record(session, by.name, "staff.disabled", f"staff/{staff_id}")


def everybody(session: Session) -> Sequence[Staff]:
    return session.exec(select(Staff).where(Staff.name != IMPORTER).order_by(col(Staff.id))).all()


def has_administrator(session: Session) -> bool:
    statement = select(func.count()).where(Staff.role == Role.ADMINISTRATOR, col(Staff.disabled_at).is_(None))
    return session.exec(statement).one() > 0


def importer(session: Session) -> int:
    """Return the id of the staff row whose opinions are those of imported data sets; make it if need be."""
    statement = select(Staff.id).where(Staff.name == IMPORTER)
    found = session.exec(statement).one_or_none()
    if found is None:
        row = Staff(name=IMPORTER, role=Role.REVIEWER, password_hash=_NO_PASSWORD, disabled_at=now())
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # Another import made it a moment ago.
            found = session.exec(statement).one()
        else:
            found = row.id
    return _known(found)


def _active(name: str) -> SelectOfScalar[Staff]:
    return select(Staff).where(Staff.name == name, col(Staff.disabled_at).is_(None))


def _end_sessions(session: Session, row: Staff) -> None:
    session.connection().execute(delete(StaffSession).where(col(StaffSession.staff_id) == row.id))


def _hash(password: str) -> str:
    if not MINIMUM_PASSWORD_LENGTH <= len(password) <= MAXIMUM_PASSWORD_LENGTH:
        lengths = f"{MINIMUM_PASSWORD_LENGTH} to {MAXIMUM_PASSWORD_LENGTH}"
        raise DomainError(f"A password has {lengths} characters.", code="bad_password")
    with _hashing:
        return _hasher.hash(password)


def _token_digest(token: str) -> Sha256:
    """A plain digest is enough: nobody guesses 256 random bits, however fast the hash."""
    return sha256(token.encode())


def _sign_in_subject(name: str) -> str:
    return f"sign-in/{name[:80]}"


def _person(row: Staff) -> Person:
    return Person(_known(row.id), row.name, row.role, None if row.areas is None else tuple(row.areas))


def _known(serial: int | None) -> int:
    """The database gives an id to each row that it has stored."""
    if serial is None:
        raise AssertionError("the row has not been flushed")
    return serial
