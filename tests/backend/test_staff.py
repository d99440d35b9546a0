"""Who belongs to the staff and may do what; on SQLite and PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend.database import transaction
from backend.errors import Conflict, DomainError, Forbidden, NotSignedIn
from backend.people import password_links, passwords, staff, staff_sessions, tickets
from backend.people.permissions import PERMISSIONS, Permission
from backend.people.staff import Person
from backend.people.staff_sessions import Origin
from backend.settings import Settings
from backend.tables import AuditEvent, Role, SignInWay, Staff, TicketPurpose
from tests.backend.staff_world import PASSWORD, person


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_passwords_have_a_length(session: Session, password: str) -> None:
    with pytest.raises(DomainError, match="12 to 200 characters"):
        staff.add(session, "ada", Role.REVIEWER, password, by="test")


def test_a_name_is_taken_once(session: Session) -> None:
    staff.add(session, "ada", Role.REVIEWER, PASSWORD, by="test")
    with pytest.raises(Conflict):
        staff.add(session, "ada", Role.ENGINEER, PASSWORD, by="test")


def test_nobody_can_be_or_sign_in_as_the_importer(session: Session) -> None:
    with pytest.raises(DomainError):
        staff.add(session, staff.IMPORTER, Role.REVIEWER, PASSWORD, by="test")
    assert staff.importer(session) == staff.importer(session)
    assert session.exec(staff.active(staff.IMPORTER)).one_or_none() is None
    assert staff.everybody(session) == []


def test_each_role_may_do_what_stands_beside_it_and_nothing_else(session: Session) -> None:
    eve, anh = person(session, "eve", Role.ENGINEER), person(session, "anh", Role.GUIDE_EDITOR)
    staff.require(eve, Permission.REVIEW)
    staff.require(eve, Permission.MODELS)
    staff.require(anh, Permission.GUIDE)
    for somebody, permission in ((eve, Permission.STAFF), (eve, Permission.GUIDE), (anh, Permission.REVIEW)):
        with pytest.raises(Forbidden, match="may not do this"):
            staff.require(somebody, permission)


def test_an_administrator_may_do_everything_and_every_role_something() -> None:
    assert PERMISSIONS[Role.ADMINISTRATOR] == set(Permission)
    assert set(PERMISSIONS) == set(Role)
    assert all(PERMISSIONS.values())


def test_the_last_administrator_cannot_be_disabled(session: Session) -> None:
    boss = person(session, "boss", Role.ADMINISTRATOR)
    with pytest.raises(Conflict):
        staff.disable(session, boss.id, by=boss)
    person(session, "deputy", Role.ADMINISTRATOR)
    staff.disable(session, boss.id, by=boss)
    assert staff.has_administrator(session)


def test_the_last_administrator_stays_one(session: Session) -> None:
    boss = person(session, "boss", Role.ADMINISTRATOR)
    with pytest.raises(Conflict):
        staff.change(session, boss.id, Role.ENGINEER, None, by=boss)
    deputy = person(session, "deputy", Role.ADMINISTRATOR)
    staff.change(session, boss.id, Role.ENGINEER, None, by=deputy)
    with pytest.raises(Conflict):
        staff.disable(session, deputy.id, by=deputy)


def opened(session: Session, settings: Settings, somebody: Person) -> str:
    row = session.get_one(Staff, somebody.id)
    return staff_sessions.open_session(session, settings, row, SignInWay.PASSWORD, Origin()).token


@pytest.mark.parametrize(
    "change",
    [
        lambda session, ada, boss: staff.change(session, ada.id, Role.ENGINEER, None, by=boss),
        lambda session, ada, boss: staff.change(session, ada.id, Role.REVIEWER, ["Northside"], by=boss),
        lambda session, ada, boss: staff.disable(session, ada.id, by=boss),
        lambda session, ada, _: staff.set_password(session, "ada", "another long password", by="ada"),
        lambda session, ada, boss: password_links.make(session, ada.id, by=boss),
        lambda session, ada, boss: staff_sessions.revoke_all(session, ada.id, by=boss),
    ],
)
def test_a_session_dies_with_what_it_was_opened_for(
    session: Session, settings: Settings, change: Callable[..., object]
) -> None:
    boss, ada = person(session, "boss", Role.ADMINISTRATOR), person(session)
    token, others = opened(session, settings, ada), opened(session, settings, boss)
    begun = tickets.issue(session, TicketPurpose.SECOND_STEP, timedelta(hours=1), ada.id)
    change(session, ada, boss)
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, token)
    with pytest.raises(NotSignedIn):
        tickets.look(session, TicketPurpose.SECOND_STEP, begun)
    assert staff_sessions.authenticate(session, settings, others) == boss


def test_a_change_that_changes_nothing_leaves_sessions_and_history_alone(session: Session, settings: Settings) -> None:
    boss, ada = person(session, "boss", Role.ADMINISTRATOR), person(session, "ada", areas=["A", "B"])
    token = opened(session, settings, ada)
    staff.change(session, ada.id, Role.REVIEWER, [" B", "A", "A"], by=boss)
    assert staff_sessions.authenticate(session, settings, token).areas == ("A", "B")
    assert session.exec(select(AuditEvent)).all() == []


@pytest.mark.parametrize("areas", [[], [""], [" ", "\t"]])
def test_a_list_of_areas_that_was_left_empty_opens_nothing(session: Session, areas: list[str]) -> None:
    boss, ada = person(session, "boss", Role.ADMINISTRATOR), person(session, "ada", areas=["A"])
    with pytest.raises(DomainError, match="at least one area"):
        staff.change(session, ada.id, Role.REVIEWER, areas, by=boss)
    with pytest.raises(DomainError, match="at least one area"):
        staff.add(session, "bob", Role.REVIEWER, None, by="boss", areas=areas)
    assert session.get_one(Staff, ada.id).areas == ["A"]


def test_who_is_let_in_again_has_no_session_of_before(session: Session, settings: Settings) -> None:
    boss, ada = person(session, "boss", Role.ADMINISTRATOR), person(session)
    token = opened(session, settings, ada)
    staff.disable(session, ada.id, by=boss)
    staff.enable(session, ada.id, by=boss)
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, token)
    assert [event.action for event in session.exec(select(AuditEvent))] == ["staff.disabled", "staff.enabled"]


def test_a_link_gives_a_password_once(session: Session, settings: Settings) -> None:
    boss = person(session, "boss", Role.ADMINISTRATOR)
    ada = staff.add(session, "ada", Role.REVIEWER, None, by="boss")
    first, link = (password_links.make(session, ada.id, by=boss) for _ in range(2))
    for wrong, password in ((first, PASSWORD), ("guessed", PASSWORD)):
        with pytest.raises(NotSignedIn):
            password_links.use(session, wrong, password)
    with pytest.raises(DomainError, match="12 to 200"):
        password_links.use(session, link, "short")
    password_links.use(session, link, PASSWORD)
    assert passwords.fits(PASSWORD, session.get_one(Staff, ada.id).password_hash)
    with pytest.raises(NotSignedIn):
        password_links.use(session, link, "yet another password")


def test_nobody_signs_in_with_a_password_where_there_is_none() -> None:
    assert not passwords.fits("", passwords.NONE)
    assert not passwords.fits(passwords.NONE, passwords.NONE)


def test_a_ticket_is_good_for_one_thing_once_and_for_a_while(session: Session) -> None:
    token = tickets.issue(session, TicketPurpose.NEW_PASSWORD, timedelta(hours=1), detail="kept")
    late = tickets.issue(session, TicketPurpose.NEW_PASSWORD, timedelta(seconds=-1))
    for purpose, wrong in ((TicketPurpose.SECOND_STEP, token), (TicketPurpose.NEW_PASSWORD, late)):
        with pytest.raises(NotSignedIn):
            tickets.take(session, purpose, wrong)
    assert tickets.take(session, TicketPurpose.NEW_PASSWORD, token).detail == {"detail": "kept"}
    with pytest.raises(NotSignedIn):
        tickets.take(session, TicketPurpose.NEW_PASSWORD, token)


def test_of_many_who_bring_one_ticket_one_is_let_in(engine: Engine) -> None:
    with transaction(engine) as session:
        token = tickets.issue(session, TicketPurpose.NEW_PASSWORD, timedelta(hours=1))

    def take(_: int) -> bool:
        try:
            with transaction(engine) as session:
                tickets.take(session, TicketPurpose.NEW_PASSWORD, token)
        except NotSignedIn:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(take, range(8))).count(True) == 1
