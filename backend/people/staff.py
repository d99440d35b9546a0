"""People of the city: who they are, what they may do, where.

Guarantees: a change of what somebody may do (role, areas, password, disabling) ends all sessions and tickets of that
person in the same transaction. There is always an administrator who is not disabled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, true
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.database import now
from backend.errors import Conflict, DomainError, Forbidden, NotFound
from backend.people import passwords, tickets
from backend.people.permissions import Permission, may
from backend.records import audit_log
from backend.tables import Photo, Role, Staff, StaffSession

IMPORTER = "import"
"""The name under which imported labels stand among the opinions; nobody can sign in with it."""
MOST_AREAS = 200


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


def add(
    session: Session,
    name: str,
    role: Role,
    password: str | None,
    *,
    by: str,
    areas: Sequence[str] | None = None,
    subject: str | None = None,
) -> Person:
    """Raise `Conflict` if the name is taken, `DomainError` for a name, password or list of areas that is not fit.

    Without a password nobody signs in with one until a link (`password_links`) has given one.
    """
    name = name.strip()
    if not 1 <= len(name) <= 80 or name == IMPORTER:
        raise DomainError(f"A name has 1 to 80 characters and is not {IMPORTER!r}.", code="bad_name")
    stored = passwords.NONE if password is None else passwords.hashed(password)
    row = Staff(name=name, role=role, password_hash=stored, areas=_areas(areas), subject=subject)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict(f"There is somebody called {name} already.", code="name_taken") from None
    audit_log.record(session, by, "staff.added", f"staff/{row.id}", name=name, role=role, areas=row.areas)
    return person_of(row)


def set_password(session: Session, name: str, password: str, *, by: str) -> None:
    """Give somebody another password and end all sessions of that person."""
    person = called(session, name)
    session.get_one(Staff, person.id).password_hash = passwords.hashed(password)
    end_everything(session, person.id)
    audit_log.record(session, by, "staff.password_set", f"staff/{person.id}")


def change(session: Session, staff_id: int, role: Role, areas: Sequence[str] | None, *, by: Person) -> None:
    """Give somebody another role, other areas, or both. The last administrator stays one."""
    row, others = _with_administrators(session, staff_id)
    wanted = _areas(areas)
    if (row.role, row.areas) == (role, wanted):
        return
    if role != Role.ADMINISTRATOR:
        _check_not_last(row, others)
    audit_log.record(session, by.name, "staff.changed", f"staff/{staff_id}", role=role, areas=wanted, was=row.role)
    row.role, row.areas = role, wanted
    end_everything(session, staff_id)


def disable(session: Session, staff_id: int, *, by: Person) -> None:
    """Let somebody sign in no more; what that person did stays. The last administrator cannot be disabled."""
    row, others = _with_administrators(session, staff_id)
    _check_not_last(row, others)
    row.disabled_at = row.disabled_at or now()
    end_everything(session, staff_id)
    audit_log.record(session, by.name, "staff.disabled", f"staff/{staff_id}")


def enable(session: Session, staff_id: int, *, by: Person) -> None:
    """Let somebody sign in again, as before."""
    row = found(session, staff_id)
    if row.disabled_at is None:
        return
    row.disabled_at = None
    session.add(row)
    audit_log.record(session, by.name, "staff.enabled", f"staff/{staff_id}")


def found(session: Session, staff_id: int) -> Staff:
    """Return the row, locked, also of who is disabled; raise `NotFound`."""
    row = session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if row is None or row.name == IMPORTER:
        raise NotFound(f"There is nobody with the number {staff_id}.")
    return row


def called(session: Session, name: str) -> Person:
    """Return who has this name and may sign in, locked; raise `NotFound`."""
    row = session.exec(active(name).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"There is nobody called {name}.")
    return person_of(row)


def everybody(session: Session) -> Sequence[Staff]:
    return session.exec(select(Staff).where(Staff.name != IMPORTER).order_by(col(Staff.id))).all()


def has_administrator(session: Session) -> bool:
    statement = select(func.count()).where(Staff.role == Role.ADMINISTRATOR, col(Staff.disabled_at).is_(None))
    return session.exec(statement).one() > 0


def importer(session: Session) -> int:
    """Return the id of the staff row whose opinions are those of imported data sets; make it if need be."""
    statement = select(Staff.id).where(Staff.name == IMPORTER)
    number = session.exec(statement).one_or_none()
    if number is None:
        row = Staff(name=IMPORTER, role=Role.REVIEWER, password_hash=passwords.NONE, disabled_at=now())
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # Another import made it a moment ago.
            number = session.exec(statement).one()
        else:
            number = row.id
    return known(number)


def active(name: str) -> SelectOfScalar[Staff]:
    return select(Staff).where(Staff.name == name, col(Staff.disabled_at).is_(None))


def end_everything(session: Session, staff_id: int) -> None:
    """End all sessions of somebody, and whatever that person has begun to sign in with."""
    session.connection().execute(delete(StaffSession).where(col(StaffSession.staff_id) == staff_id))
    tickets.forget(session, staff_id)


def person_of(row: Staff) -> Person:
    return Person(known(row.id), row.name, row.role, None if row.areas is None else tuple(row.areas))


def known(serial: int | None) -> int:
    """The database gives an id to each row that it has stored."""
    if serial is None:
        raise AssertionError("the row has not been flushed")
    return serial


def _with_administrators(session: Session, staff_id: int) -> tuple[Staff, list[int | None]]:
    """Return the row and the ids of all administrators, locked: no two of them can be the last to go at once."""
    administrators = session.exec(
        select(Staff)
        .where(Staff.role == Role.ADMINISTRATOR, col(Staff.disabled_at).is_(None))
        .order_by(col(Staff.id))
        .with_for_update()
    ).all()
    return found(session, staff_id), [each.id for each in administrators]


def _check_not_last(row: Staff, administrators: list[int | None]) -> None:
    if administrators == [row.id]:
        raise Conflict("The last administrator has to stay one. Add another one first.", code="last_administrator")


def _areas(given: Sequence[str] | None) -> list[str] | None:
    """Everywhere is said by None alone: a list that was left empty is a mistake, and must not open everything."""
    if given is None:
        return None
    areas = sorted({each.strip() for each in given} - {""})
    if not areas:
        raise DomainError("Name at least one area, or choose everywhere.", code="no_areas")
    if len(areas) > MOST_AREAS or any(len(each) > 80 for each in areas):
        raise DomainError(f"At most {MOST_AREAS} areas with names of up to 80 characters.", code="bad_areas")
    return areas
