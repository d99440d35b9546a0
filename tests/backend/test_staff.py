"""Who may sign in, and who may not; on SQLite and PostgreSQL."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlmodel import Session, select, update

from backend import staff
from backend.database import now
from backend.errors import Conflict, DomainError, Forbidden, NotSignedIn, TooMany
from backend.permissions import PERMISSIONS, Permission
from backend.staff import SignedIn
from backend.tables import AuditEvent, Role, Staff, StaffSession
from tests.backend.staff_world import PASSWORD, person


def sign_in(session: Session, name: str, password: str = PASSWORD) -> SignedIn:
    attempt = staff.attempt(session, name)
    if not attempt.fits(password):
        raise staff.wrong_password()
    return staff.sign_in(session, attempt, hours=12)


def test_who_signs_in_is_recognised_by_the_token_until_it_signs_out(session: Session) -> None:
    ada = person(session)
    opened = sign_in(session, "ada")
    assert staff.authenticate(session, opened.token) == ada
    staff.sign_out(session, opened.token)
    with pytest.raises(NotSignedIn):
        staff.authenticate(session, opened.token)


def test_neither_password_nor_token_is_in_the_database(session: Session) -> None:
    person(session)
    token = sign_in(session, "ada").token
    rows = [str(row.model_dump()) for table in (Staff, StaffSession, AuditEvent) for row in session.exec(select(table))]
    assert rows
    assert not any(PASSWORD in row or token in row for row in rows)


def test_a_wrong_password_an_unknown_name_and_a_disabled_person_are_answered_alike(session: Session) -> None:
    person(session)
    boss, bob = person(session, "boss", Role.ADMINISTRATOR), person(session, "bob")
    staff.disable(session, bob.id, by=boss)
    answers = set()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        with pytest.raises(NotSignedIn) as refused:
            sign_in(session, name, password)
        answers.add((refused.value.code, refused.value.detail))
    assert len(answers) == 1


def test_an_unknown_name_costs_a_password_hash_too(session: Session) -> None:
    assert staff.attempt(session, "nobody").password_hash.startswith("$argon2")


def test_after_ten_failures_even_the_right_password_waits(session: Session) -> None:
    person(session)
    for _ in range(staff.ATTEMPTS):
        staff.attempt(session, "ada")
    with pytest.raises(TooMany):
        sign_in(session, "ada")
    person(session, "bob")
    assert sign_in(session, "bob")


def test_failures_of_long_ago_are_forgiven(session: Session) -> None:
    person(session)
    staff.attempt(session, "ada")
    (attempt,) = session.exec(select(AuditEvent)).all()
    for _ in range(staff.ATTEMPTS):
        session.add(AuditEvent(**attempt.model_dump(exclude={"id", "at"}), at=now() - staff.ATTEMPTS_WINDOW))
    assert sign_in(session, "ada")


def test_unknown_names_are_limited_like_known_ones(session: Session) -> None:
    for _ in range(staff.ATTEMPTS):
        staff.attempt(session, "nobody")
    with pytest.raises(TooMany):
        staff.attempt(session, "nobody")


def test_signing_in_well_is_never_limited(session: Session) -> None:
    person(session)
    attempt = staff.attempt(session, "ada")
    for _ in range(2 * staff.ATTEMPTS):
        staff.attempt(session, "ada")
        staff.sign_in(session, attempt, hours=1)


def test_a_session_ends_by_itself(session: Session) -> None:
    person(session)
    token = sign_in(session, "ada").token
    session.connection().execute(update(StaffSession).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(NotSignedIn):
        staff.authenticate(session, token)


def test_a_new_password_ends_all_sessions(session: Session) -> None:
    person(session)
    token = sign_in(session, "ada").token
    staff.set_password(session, "ada", "another long password", by="ada")
    with pytest.raises(NotSignedIn):
        staff.authenticate(session, token)
    with pytest.raises(NotSignedIn):
        sign_in(session, "ada")
    assert sign_in(session, "ada", "another long password")


def test_a_password_that_changed_while_it_was_looked_at_lets_nobody_in(session: Session) -> None:
    person(session)
    attempt = staff.attempt(session, "ada")
    staff.set_password(session, "ada", "another long password", by="boss")
    with pytest.raises(NotSignedIn):
        staff.sign_in(session, attempt, hours=1)


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_passwords_have_a_length(session: Session, password: str) -> None:
    with pytest.raises(DomainError, match="12 to 200 characters"):
        staff.add(session, "ada", Role.REVIEWER, password, by="test")


def test_a_name_is_taken_once(session: Session) -> None:
    staff.add(session, "ada", Role.REVIEWER, PASSWORD, by="test")
    assert sign_in(session, "ada")
    with pytest.raises(Conflict):
        staff.add(session, "ada", Role.ENGINEER, PASSWORD, by="test")


def test_nobody_can_be_or_sign_in_as_the_importer(session: Session) -> None:
    with pytest.raises(DomainError):
        staff.add(session, staff.IMPORTER, Role.REVIEWER, PASSWORD, by="test")
    assert staff.importer(session) == staff.importer(session)
    with pytest.raises(NotSignedIn):
        sign_in(session, staff.IMPORTER)
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


def test_at_most_two_passwords_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most = 0, 0
    counting = threading.Lock()

    def verify(*_: object) -> bool:
        nonlocal busy, most
        with counting:
            busy += 1
            most = max(most, busy)
        time.sleep(0.02)
        with counting:
            busy -= 1
        return False

    monkeypatch.setattr(staff, "_hasher", SimpleNamespace(verify=verify))
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(staff.Attempt("ada", "hash").fits, ["guess"] * 8))
    assert most == 2
