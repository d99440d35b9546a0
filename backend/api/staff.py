"""`/v1/staff`: signing in and out, and who belongs to the staff."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from backend.api.dependencies import BearerToken, PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Administrator, AnyStaff
from backend.database import RowNumber, Text
from backend.errors import Forbidden, NotSignedIn
from backend.people import passwords, sign_ins, staff, staff_sessions
from backend.people.sign_ins import SecondStep
from backend.people.staff_sessions import Origin, SignedIn
from backend.tables import Role, Staff

router = APIRouter(prefix="/v1/staff", tags=["staff"])


class Credentials(BaseModel):
    name: Text = Field(min_length=1, max_length=80)
    password: Text = Field(min_length=1, max_length=passwords.MAXIMUM_LENGTH)
    code: Text = Field(default="", max_length=40)
    """Of the second factor, where somebody has one."""


class SignedInAnswer(BaseModel):
    token: str
    """Send it as `Authorization: Bearer <token>`."""
    name: str
    role: Role
    expires_at: datetime


class NewPerson(BaseModel):
    name: Text = Field(min_length=1, max_length=80)
    role: Role
    password: Text = Field(max_length=passwords.MAXIMUM_LENGTH)
    areas: list[Text] | None = Field(default=None, max_length=staff.MOST_AREAS)
    """Places that the person works in; null: everywhere. An empty list is refused."""


class NewPassword(BaseModel):
    current: Text = Field(max_length=passwords.MAXIMUM_LENGTH)
    new: Text = Field(max_length=passwords.MAXIMUM_LENGTH)


class PersonAnswer(BaseModel):
    id: int
    name: str
    role: Role


class StaffMember(PersonAnswer):
    areas: list[str] | None
    """Null: everywhere."""
    created_at: datetime
    disabled_at: datetime | None


class StaffList(BaseModel):
    staff: list[StaffMember]


@router.post("/sign-in")
def sign_in(request: Request, given: Credentials, parts: PartsOfServer) -> SignedInAnswer:
    """Sign in for some hours. After ten attempts for a name that did not work, wait a quarter of an hour."""
    address = request.client.host if request.client else ""
    parts.sign_ins.check(address)
    origin = Origin.of(request.headers.get("user-agent", ""), address)
    sign_ins.check_allowed(parts.settings)
    attempt = _checked(parts, given.name, given.password)
    with transaction_of(parts) as session:
        opened = sign_ins.with_password(session, parts.settings, attempt, origin)
    if isinstance(opened, SecondStep):
        opened = _second_step(parts, opened, given, origin)
    return SignedInAnswer(
        token=opened.token, name=opened.person.name, role=opened.person.role, expires_at=opened.expires_at
    )


def _second_step(parts: PartsOfServer, asked: SecondStep, given: Credentials, origin: Origin) -> SignedIn:
    if asked.must_enrol:
        raise Forbidden("Set up your second factor on the console first.", code="second_factor_required")
    if not given.code:
        raise NotSignedIn("Send the code of your second factor as well.", code="second_factor_needed")
    with transaction_of(parts) as session:
        return sign_ins.with_code(session, parts.settings, asked.token, given.code, origin)


def _checked(parts: PartsOfServer, name: str, password: str) -> sign_ins.Attempt:
    """The attempt is committed first, and the password looked at outside of any transaction: that takes its time."""
    with transaction_of(parts) as session:
        attempt = sign_ins.attempt(session, name)
    if not attempt.fits(password):
        raise sign_ins.wrong_password()
    return attempt


@router.post("/sign-out", status_code=204)
def sign_out(token: BearerToken, session: Transaction) -> None:
    """End this session; nothing happens if it has ended already."""
    staff_sessions.sign_out(session, token)


@router.get("/me")
def me(person: AnyStaff) -> PersonAnswer:
    return PersonAnswer(id=person.id, name=person.name, role=person.role)


@router.post("/me/password", status_code=204)
def change_password(given: NewPassword, person: AnyStaff, parts: PartsOfServer) -> None:
    """Change one's own password. It ends all of one's sessions."""
    _checked(parts, person.name, given.current)
    with transaction_of(parts) as session:
        staff.set_password(session, person.name, given.new, by=person.name)


@router.get("")
def everybody(_: Administrator, session: Transaction) -> StaffList:
    return StaffList(staff=[_member(row) for row in staff.everybody(session)])


@router.post("", status_code=201)
def add(given: NewPerson, by: Administrator, session: Transaction) -> PersonAnswer:
    person = staff.add(session, given.name, given.role, given.password, by=by.name, areas=given.areas)
    return PersonAnswer(id=person.id, name=person.name, role=person.role)


@router.post("/{staff_id}/disable", status_code=204)
def disable(staff_id: RowNumber, by: Administrator, session: Transaction) -> None:
    """Let somebody sign in no more."""
    staff.disable(session, staff_id, by=by)


def _member(row: Staff) -> StaffMember:
    return StaffMember.model_validate(row, from_attributes=True)
