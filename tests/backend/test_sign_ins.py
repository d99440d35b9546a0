"""Signing in with a password and a second factor, and how sessions end; on SQLite and PostgreSQL."""

import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pyotp
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select, update

from backend.database import now, transaction
from backend.errors import DomainError, Forbidden, NotFound, NotSignedIn, TooMany
from backend.people import passwords, second_factor, sign_ins, staff, staff_sessions
from backend.people.sign_ins import SecondStep
from backend.people.staff import Person
from backend.people.staff_sessions import Origin, SignedIn
from backend.settings import Settings
from backend.tables import AuditEvent, Role, SignInWay, Staff, StaffBackupCode, StaffCode, StaffSession
from tests.backend.staff_world import PASSWORD, person
from tests.waiting import somebody_waits, wait_until


def try_to_sign_in(session: Session, settings: Settings, name: str, password: str = PASSWORD) -> SignedIn | SecondStep:
    attempt = sign_ins.attempt(session, name)
    if not attempt.fits(password):
        raise sign_ins.wrong_password()
    return sign_ins.with_password(session, settings, attempt)


def sign_in(session: Session, settings: Settings, name: str, password: str = PASSWORD) -> SignedIn:
    opened = try_to_sign_in(session, settings, name, password)
    assert isinstance(opened, SignedIn)
    return opened


def enrol(session: Session, settings: Settings, somebody: Person) -> tuple[pyotp.TOTP, list[str]]:
    """Set up the second factor as if it had been long ago, so that tests can use the codes of now."""
    seal = second_factor.seal(settings)
    second_factor.begin(session, seal, somebody.id)
    app = pyotp.TOTP(second_factor.pending(session, seal, somebody.id, somebody.name).secret)
    codes = second_factor.confirm(session, seal, somebody.id, app.now(), by=somebody.name)
    session.connection().execute(update(StaffCode).values(last_step=0))
    session.expire_all()
    return app, codes


def test_who_signs_in_is_recognised_by_the_token_until_it_signs_out(session: Session, settings: Settings) -> None:
    ada = person(session)
    opened = sign_in(session, settings, "ada")
    assert staff_sessions.authenticate(session, settings, opened.token) == ada
    staff_sessions.sign_out(session, opened.token)
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, opened.token)


def test_neither_password_nor_token_is_in_the_database(session: Session, settings: Settings) -> None:
    person(session)
    token = sign_in(session, settings, "ada").token
    rows = [str(row.model_dump()) for table in (Staff, StaffSession, AuditEvent) for row in session.exec(select(table))]
    assert rows
    assert not any(PASSWORD in row or token in row for row in rows)


def test_a_wrong_password_an_unknown_name_and_a_disabled_person_are_answered_alike(
    session: Session, settings: Settings
) -> None:
    person(session)
    boss, bob = person(session, "boss", Role.ADMINISTRATOR), person(session, "bob")
    staff.disable(session, bob.id, by=boss)
    answers = set()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        with pytest.raises(NotSignedIn) as refused:
            sign_in(session, settings, name, password)
        answers.add((refused.value.code, refused.value.detail))
    assert len(answers) == 1


def test_an_unknown_name_costs_a_password_hash_too(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    passwords.nobodys_hash()  # Made once for all.
    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(verify=lambda _, stored: looked_at.append(stored)))
    attempt = sign_ins.attempt(session, "nobody")
    assert not attempt.fits(PASSWORD)
    assert looked_at == [passwords.nobodys_hash()]
    assert looked_at[0].startswith("$argon2")


def test_a_stored_password_costs_whoever_guesses_it_64_mebibytes_each_time() -> None:
    """In a process of its own: in this one hashes are made to cost little (tests/quick_passwords.py)."""
    code = f"from backend.people import passwords; print(passwords.hashed({PASSWORD!r}))"
    stored = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert re.match(r"\$argon2id\$v=19\$m=65536,t=[3-9],p=\d\$", stored)


def test_after_ten_failures_even_the_right_password_waits(session: Session, settings: Settings) -> None:
    person(session)
    for _ in range(sign_ins.ATTEMPTS):
        sign_ins.attempt(session, "ada")
    with pytest.raises(TooMany):
        sign_in(session, settings, "ada")
    person(session, "bob")
    assert sign_in(session, settings, "bob")


def test_failures_of_long_ago_are_forgiven(session: Session, settings: Settings) -> None:
    person(session)
    sign_ins.attempt(session, "ada")
    (attempt,) = session.exec(select(AuditEvent)).all()
    for _ in range(sign_ins.ATTEMPTS):
        session.add(AuditEvent(**attempt.model_dump(exclude={"id", "at"}), at=now() - sign_ins.ATTEMPTS_WINDOW))
    assert sign_in(session, settings, "ada")


def test_unknown_names_are_limited_like_known_ones(session: Session, settings: Settings) -> None:
    for _ in range(sign_ins.ATTEMPTS):
        sign_ins.attempt(session, "nobody")
    with pytest.raises(TooMany):
        sign_ins.attempt(session, "nobody")


def test_who_tries_one_name_at_the_same_moment_counts_the_others(engine: Engine) -> None:
    with transaction(engine) as session:
        for _ in range(sign_ins.ATTEMPTS - 1):
            sign_ins.attempt(session, "ada")
    refused: list[str] = []

    def try_as_well() -> None:
        try:
            with transaction(engine) as session:
                sign_ins.attempt(session, "ada")
        except TooMany as error:
            refused.append(error.code)

    other = threading.Thread(target=try_as_well)
    with transaction(engine) as session:
        sign_ins.attempt(session, "ada")
        other.start()
        wait_until(lambda: has_to_wait(engine, other))
    other.join()
    assert refused == ["too_many_attempts"]


def test_two_who_begin_with_a_second_factor_at_the_same_moment_get_one_secret(
    engine: Engine, settings: Settings
) -> None:
    seal, begun = second_factor.seal(settings), []
    with transaction(engine) as session:
        ada = person(session)

    def begin_as_well() -> None:
        with transaction(engine) as session:
            second_factor.begin(session, seal, ada.id)
            begun.append(second_factor.pending(session, seal, ada.id, "ada").secret)

    other = threading.Thread(target=begin_as_well)
    with transaction(engine) as session:
        second_factor.begin(session, seal, ada.id)
        begun.append(second_factor.pending(session, seal, ada.id, "ada").secret)
        other.start()
        wait_until(lambda: has_to_wait(engine, other))
    other.join()
    assert begun == [begun[0]] * 2


def test_a_password_that_is_being_changed_leaves_no_session_of_the_one_before(
    engine: Engine, settings: Settings
) -> None:
    with transaction(engine) as session:
        person(session)
        attempt = sign_ins.attempt(session, "ada")
    refused: list[str] = []

    def sign_in_as_well() -> None:
        try:
            with transaction(engine) as session:
                sign_ins.with_password(session, settings, attempt)
        except NotSignedIn as error:
            refused.append(error.code)

    other = threading.Thread(target=sign_in_as_well)
    with transaction(engine) as session:
        staff.set_password(session, "ada", "another long password", by="boss")
        other.start()
        wait_until(lambda: has_to_wait(engine, other))
    other.join()
    assert refused == ["wrong_password"]
    with transaction(engine) as session:
        assert session.exec(select(StaffSession)).all() == []


def has_to_wait(engine: Engine, other: threading.Thread) -> bool:
    """On SQLite the other one cannot even begin. One that need not wait comes to its end."""
    return engine.dialect.name == "sqlite" or somebody_waits(engine) or not other.is_alive()


def test_signing_in_well_is_never_limited(session: Session, settings: Settings) -> None:
    person(session)
    attempt = sign_ins.attempt(session, "ada")
    for _ in range(2 * sign_ins.ATTEMPTS):
        sign_ins.attempt(session, "ada")
        sign_ins.with_password(session, settings, attempt)


def test_a_session_ends_by_itself_however_busy(session: Session, settings: Settings) -> None:
    person(session)
    token = sign_in(session, settings, "ada").token
    session.connection().execute(update(StaffSession).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, token)


def test_a_new_password_ends_all_sessions(session: Session, settings: Settings) -> None:
    person(session)
    token = sign_in(session, settings, "ada").token
    staff.set_password(session, "ada", "another long password", by="ada")
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, token)
    with pytest.raises(NotSignedIn):
        sign_in(session, settings, "ada")
    assert sign_in(session, settings, "ada", "another long password")


def test_a_password_that_changed_while_it_was_looked_at_lets_nobody_in(session: Session, settings: Settings) -> None:
    person(session)
    attempt = sign_ins.attempt(session, "ada")
    staff.set_password(session, "ada", "another long password", by="boss")
    with pytest.raises(NotSignedIn):
        sign_ins.with_password(session, settings, attempt)


def test_at_most_two_passwords_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most = 0, 0
    counting, both_there = threading.Lock(), threading.Barrier(2, timeout=60)

    def verify(*_: object) -> bool:
        nonlocal busy, most
        with counting:
            busy += 1
            most = max(most, busy)
        both_there.wait()
        time.sleep(0.02)  # Time for a third one to come in, where nobody holds it back.
        with counting:
            busy -= 1
        return False

    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(verify=verify))
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(sign_ins.Attempt("ada", "hash").fits, ["guess"] * 8))
    assert most == 2


def test_an_idle_session_ends_and_a_busy_one_goes_on(session: Session, settings: Settings) -> None:
    person(session)
    token = sign_in(session, settings, "ada").token

    def last_seen(minutes: int) -> None:
        moment = now() - timedelta(minutes=minutes)
        session.connection().execute(update(StaffSession).values(last_seen_at=moment))

    for _ in range(2):
        last_seen(settings.staff_idle_minutes - 1)
        staff_sessions.authenticate(session, settings, token)
    last_seen(settings.staff_idle_minutes + 1)
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, token)


def test_sessions_are_listed_and_ended_by_their_owner_alone(session: Session, settings: Settings) -> None:
    ada, bob = person(session, "ada"), person(session, "bob")
    here, there = (sign_in(session, settings, "ada").token for _ in range(2))
    listed = staff_sessions.of(session, settings, ada.id)
    assert len(listed) == 2
    other = next(row for row in listed if not staff_sessions.is_of(row, here))
    for owner, handle in ((bob.id, staff_sessions.handle(other)), (ada.id, ""), (ada.id, "%" * 24)):
        with pytest.raises(NotFound):
            staff_sessions.revoke(session, owner, handle, by=bob)
    staff_sessions.revoke(session, ada.id, staff_sessions.handle(other), by=ada)
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, there)
    assert staff_sessions.authenticate(session, settings, here) == ada


@pytest.mark.parametrize(
    ("user_agent", "address", "kept"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "203.0.113.77",
         Origin("Firefox, Linux", "203.0.113.0/24")),
        ("Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile Safari/537.36",
         "2001:db8:aa:bb::1", Origin("Chrome, Android", "2001:db8:aa::/48")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1",
         "testclient", Origin("Safari, iOS", "")),
        ("python-httpx/0.28", "", Origin("python-httpx", "")),
    ],
)  # fmt: skip
def test_of_where_a_session_came_from_little_is_kept(user_agent: str, address: str, kept: Origin) -> None:
    assert Origin.of(user_agent, address) == kept


def test_who_signed_in_long_ago_signs_in_again_before_changing_how(session: Session, settings: Settings) -> None:
    person(session)
    token = sign_in(session, settings, "ada").token
    staff_sessions.check_fresh(session, token)
    session.connection().execute(update(StaffSession).values(created_at=now() - staff_sessions.FRESH))
    session.expire_all()
    with pytest.raises(Forbidden):
        staff_sessions.check_fresh(session, token)


def test_a_password_alone_opens_nothing_where_there_is_a_second_factor(session: Session, settings: Settings) -> None:
    app, _ = enrol(session, settings, person(session))
    asked = try_to_sign_in(session, settings, "ada")
    assert isinstance(asked, SecondStep)
    assert not asked.must_enrol
    assert session.exec(select(StaffSession)).all() == []
    with pytest.raises(NotSignedIn):
        staff_sessions.authenticate(session, settings, asked.token)
    opened = sign_ins.with_code(session, settings, asked.token, app.now())
    assert staff_sessions.authenticate(session, settings, opened.token).name == "ada"
    assert session.exec(select(StaffSession.way)).all() == [SignInWay.PASSWORD_AND_CODE]


def test_a_code_and_a_ticket_are_used_once(session: Session, settings: Settings) -> None:
    app, _ = enrol(session, settings, person(session))
    first, second = (try_to_sign_in(session, settings, "ada") for _ in range(2))
    assert isinstance(first, SecondStep)
    assert isinstance(second, SecondStep)
    code = app.now()
    sign_ins.with_code(session, settings, first.token, code)
    with pytest.raises(DomainError, match="used already"):
        sign_ins.with_code(session, settings, second.token, code)
    with pytest.raises(NotSignedIn):
        sign_ins.with_code(session, settings, first.token, app.at(now() + timedelta(seconds=30)))
    with pytest.raises(DomainError, match="used already"):
        sign_ins.with_code(session, settings, second.token, app.at(now() - timedelta(seconds=30)))


@pytest.mark.parametrize("code", ["", "000000", "12345", "１２３４５６", "x" * 40])
def test_a_wrong_code_opens_nothing(session: Session, settings: Settings, code: str) -> None:
    app, _ = enrol(session, settings, person(session))
    asked = try_to_sign_in(session, settings, "ada")
    assert isinstance(asked, SecondStep)
    if code not in (app.now(), app.at(now() + timedelta(seconds=30))):
        with pytest.raises(DomainError):
            sign_ins.with_code(session, settings, asked.token, code)
        assert session.exec(select(StaffSession)).all() == []


def test_a_backup_code_takes_the_place_of_a_code_once(session: Session, settings: Settings) -> None:
    ada = person(session)
    _, codes = enrol(session, settings, ada)
    assert len(set(codes)) == second_factor.BACKUP_CODES
    for given, works in ((codes[0].upper().replace("-", " "), True), (codes[0], False), (codes[1], True)):
        asked = try_to_sign_in(session, settings, "ada")
        assert isinstance(asked, SecondStep)
        if works:
            sign_ins.with_code(session, settings, asked.token, given)
        else:
            with pytest.raises(DomainError):
                sign_ins.with_code(session, settings, asked.token, given)
    assert second_factor.backup_codes_left(session, ada.id) == 8
    second_factor.renew_backup_codes(session, ada.id, by="ada")
    asked = try_to_sign_in(session, settings, "ada")
    assert isinstance(asked, SecondStep)
    with pytest.raises(DomainError):
        sign_ins.with_code(session, settings, asked.token, codes[2])


def test_neither_secret_nor_backup_code_is_in_the_database(session: Session, settings: Settings) -> None:
    app, codes = enrol(session, settings, person(session))
    rows = [
        str(row.model_dump())
        for table in (StaffCode, StaffBackupCode, AuditEvent, Staff)
        for row in session.exec(select(table))
    ]
    assert len(rows) > 10
    known = [app.secret, *codes, *(code.replace("-", "") for code in codes)]
    assert not any(secret in row for row in rows for secret in known)


def test_a_role_that_needs_a_second_factor_sets_it_up_before_its_first_session(
    session: Session, settings: Settings
) -> None:
    strict = settings.model_copy(update={"second_factor_roles": "administrator, engineer"})
    eve = person(session, "eve", Role.ENGINEER)
    person(session, "ada")
    assert isinstance(try_to_sign_in(session, strict, "ada"), SignedIn)
    asked = try_to_sign_in(session, strict, "eve")
    assert isinstance(asked, SecondStep)
    assert asked.must_enrol
    with pytest.raises(DomainError):
        sign_ins.with_code(session, strict, asked.token, "000000")
    app = pyotp.TOTP(second_factor.pending(session, second_factor.seal(strict), eve.id, "eve").secret)
    opened, codes = sign_ins.with_first_code(session, strict, asked.token, app.now())
    assert (opened.person, len(codes)) == (eve, 10)
    again = try_to_sign_in(session, strict, "eve")
    assert isinstance(again, SecondStep)
    assert not again.must_enrol


def test_a_role_that_nobody_has_stops_the_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match="emperor"):
        sign_ins.roles_with_second_factor(settings.model_copy(update={"second_factor_roles": "emperor"}))


def test_a_secret_sealed_with_another_key_is_told_and_not_crashed_on(session: Session, settings: Settings) -> None:
    app, _ = enrol(session, settings, person(session))
    moved = settings.model_copy(update={"secret_key": "x" * 40})
    asked = try_to_sign_in(session, moved, "ada")
    assert isinstance(asked, SecondStep)
    with pytest.raises(DomainError, match="reset"):
        sign_ins.with_code(session, moved, asked.token, app.now())


def test_passwords_can_be_turned_off(session: Session, settings: Settings) -> None:
    person(session)
    with pytest.raises(Forbidden):
        try_to_sign_in(session, settings.model_copy(update={"password_sign_in": False}), "ada")
