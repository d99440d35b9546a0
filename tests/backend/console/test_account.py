"""One's own account, and each way to sign in, as people see them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import CDPSession, Route, expect
from sqlalchemy import Engine, update
from sqlmodel import select

from backend.api.dependencies import Parts
from backend.console import safety
from backend.database import now, transaction
from backend.people import second_factor, staff_sessions
from backend.settings import Settings
from backend.tables import Role, StaffPasskey, StaffSession
from tests.backend import staff_world
from tests.backend.console.conftest import Visit
from tests.backend.world import running

FORM = {"name": "ada", "password": staff_world.PASSWORD}


def enter_password(visitor: Visit, name: str = "ada") -> None:
    visitor.open("/console/sign-in")
    visitor.page.fill("#name", name)
    visitor.page.fill("#password", staff_world.PASSWORD)
    visitor.page.click("main button")


def secret_on(visitor: Visit) -> pyotp.TOTP:
    return pyotp.TOTP(visitor.page.inner_text(".secret").replace(" ", ""))


def test_a_second_factor_is_set_up_and_asked_for(sign_in: Callable[..., Visit]) -> None:
    visitor = sign_in()
    page = visitor.open("/console/account")
    visitor.look("account")
    page.get_by_role("button", name="Set up").click()
    app = secret_on(visitor)
    page.fill("#code", "000000")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("This code does not fit")).to_be_visible()
    visitor.look("second-factor-set-up")
    page.fill("#code", app.now())
    page.get_by_role("button", name="Set up").click()
    expect(page.locator(".codes li")).to_have_count(second_factor.BACKUP_CODES)
    visitor.look("backup-codes")
    backup_code = page.inner_text(".codes li:first-child")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 backup codes left")).to_be_visible()

    def codes() -> Iterator[tuple[str, bool]]:
        yield "000000", False
        newer = app.at(now() + timedelta(seconds=30))  # The one of now was used.
        yield newer, True
        yield newer, False
        yield backup_code, True

    for code, works in codes():
        visitor.context.clear_cookies()
        enter_password(visitor)
        page.wait_for_url("**/second?then=/console")
        if not works:
            visitor.look("second-step")
        page.fill("#code", code)
        page.get_by_role("button", name="Sign in").click()
        if works:
            expect(page).to_have_url(f"{visitor.address}/console")
        else:
            expect(page.get_by_role("alert")).to_contain_text("This code does not fit")


def test_a_role_that_needs_a_second_factor_sets_it_up_on_the_way_in(
    settings: Settings, visit: Callable[..., Visit], engine: Engine
) -> None:
    with transaction(engine) as session:
        staff_world.person(session, "eve", Role.ENGINEER)
    strict = settings.model_copy(update={"second_factor_roles": "engineer"})
    with running(strict) as (client, _):
        visitor = replace(visit(locale="vi"), address=str(client.base_url).rstrip("/"))
        enter_password(visitor, "eve")
        expect(visitor.page.locator("h1")).to_have_text("Thiết lập yếu tố thứ hai")
        visitor.look("second-factor-on-the-way-in")
        visitor.page.fill("#code", secret_on(visitor).now())
        visitor.page.click("main button")
        visitor.page.get_by_role("link", name="Tôi đã lưu").click()
        visitor.page.wait_for_url("**/console")
        visitor.open("/console/account")
        assert visitor.page.locator("form[action$='second-factor/remove']").count() == 0
        token = next(each["value"] for each in visitor.context.cookies() if each["name"] == "wastelens")
        refused = httpx.post(
            f"{visitor.address}/console/account/second-factor/remove",
            cookies={"wastelens": token},
            headers={"X-CSRF-Token": safety.secret_of(token)},
        )
        assert refused.status_code == 409


def test_without_script_all_but_passkeys_works(visit: Callable[..., Visit], engine: Engine) -> None:
    with transaction(engine) as session:
        staff_world.person(session)
    visitor = visit(java_script_enabled=False)
    page = visitor.open("/console/sign-in")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    enter_password(visitor)
    page.wait_for_url("**/console")
    visitor.open("/console/account")
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    page.get_by_role("button", name="Set up").click()
    page.fill("#code", secret_on(visitor).now())
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("h1")).to_have_text("Backup codes")


def test_each_code_that_is_tried_counts(client: httpx.Client, engine: Engine, parts: Parts) -> None:
    with transaction(engine) as session:
        ada = staff_world.person(session)
        seal = second_factor.seal(parts.settings)
        second_factor.begin(session, seal, ada.id)
        app = pyotp.TOTP(second_factor.pending(session, seal, ada.id, "ada").secret)
        second_factor.confirm(session, seal, ada.id, app.now(), by="ada")
    assert client.post("/console/sign-in", data=FORM).headers["location"] == "/console/sign-in/second?then=/console"
    assert "wastelens" not in client.cookies
    answers = [client.post("/console/sign-in/second", data={"code": "123"}).status_code for _ in range(10)]
    assert answers == [400] * 9 + [429]
    right = {"code": app.at(now() + timedelta(seconds=30))}
    assert client.post("/console/sign-in/second", data=right).status_code == 429


def test_without_the_first_step_there_is_no_second(client: httpx.Client) -> None:
    for answer in (
        client.get("/console/sign-in/second"),
        client.post("/console/sign-in/second", data={"code": "123456"}),
        client.get("/console/sign-in/second", headers={"Cookie": "wastelens_step=guessed"}),
    ):
        assert answer.status_code == 401
        assert "Start again" in answer.text


@pytest.fixture
def at_localhost(sign_in: Callable[..., Visit]) -> tuple[Visit, CDPSession]:
    """Ada at her desk, with an authenticator in her laptop. Passkeys are for names, so it is not 127.0.0.1."""
    visitor = sign_in()
    visitor = replace(visitor, address=visitor.address.replace("127.0.0.1", "localhost"))
    device = visitor.context.new_cdp_session(visitor.page)
    device.send("WebAuthn.enable")
    enter_password(visitor)
    visitor.page.wait_for_url("**/console")
    return visitor, device


def plug_in(device: CDPSession, *, verified: bool = True) -> str:
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    made: dict[str, Any] = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return str(made["authenticatorId"])


def add_passkey(visitor: Visit) -> None:
    page = visitor.open("/console/account")
    page.fill("#passkey_name", "My <b>laptop</b>")
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_opens_the_console_without_a_password(at_localhost: tuple[Visit, CDPSession], engine: Engine) -> None:
    visitor, device = at_localhost
    authenticator = plug_in(device)
    add_passkey(visitor)
    expect(visitor.page.get_by_text("The passkey is set up.")).to_be_visible()
    expect(visitor.page.get_by_text("My <b>laptop</b>")).to_be_visible()
    visitor.look("account-with-passkey")
    visitor.context.clear_cookies()
    page = visitor.open("/console/sign-in?then=/console/account")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/console/account")
    expect(page.get_by_text("Passkey · used")).to_be_visible()

    with transaction(engine) as session:  # As if a copy of it had been used meanwhile.
        assert session.exec(select(StaffPasskey.sign_count)).one() > 0
        session.connection().execute(update(StaffPasskey).values(sign_count=1_000_000))
    visitor.context.clear_cookies()
    page = visitor.open("/console/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("This passkey does not open anything here.")

    device.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("status")).to_contain_text("The browser did not give a passkey.")


def test_a_second_click_while_a_passkey_is_asked_for_changes_nothing(at_localhost: tuple[Visit, CDPSession]) -> None:
    visitor, device = at_localhost
    plug_in(device)
    asked: list[Route] = []

    def keep(route: Route) -> None:
        asked.append(route)

    visitor.page.route("**/passkeys/challenge", keep)
    add_passkey(visitor)
    visitor.page.get_by_role("button", name="Add a passkey").click()
    while not asked:
        visitor.page.wait_for_timeout(20)
    for each in asked:
        each.continue_()
    expect(visitor.page.get_by_text("The passkey is set up.")).to_be_visible()
    assert len(asked) == 1


def test_a_passkey_without_a_verified_person_is_refused(at_localhost: tuple[Visit, CDPSession]) -> None:
    visitor, device = at_localhost
    plug_in(device, verified=False)
    add_passkey(visitor)
    expect(visitor.page.get_by_role("status")).to_contain_text("The passkey could not be set up.")


@pytest.mark.parametrize("answer", ["", "{}", "[]", '{"id": 5}', '{"id": "unknown"}'])
def test_an_answer_that_is_no_passkey_opens_nothing(client: httpx.Client, answer: str) -> None:
    ticket = client.post("/console/sign-in/passkey/challenge").json()["ticket"]
    refused = client.post("/console/sign-in/passkey", data={"ticket": ticket, "answer": answer or "-"})
    assert refused.status_code == 401
    assert "wastelens" not in client.cookies


def signed_in(client: httpx.Client) -> str:
    assert client.post("/console/sign-in", data=FORM).status_code == 303
    return safety.secret_of(client.cookies["wastelens"])


def test_a_changed_password_signs_out_everywhere(
    sign_in: Callable[..., Visit], client: httpx.Client, engine: Engine
) -> None:
    visitor = sign_in()
    signed_in(client)
    page = visitor.open("/console/account")
    page.fill("#current", "not this one at all")
    page.fill("#new", "another long password")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_have_text("Name and password do not fit.")
    page.fill("#current", staff_world.PASSWORD)
    page.fill("#new", "another long password")
    page.get_by_role("button", name="Change the password").click()
    page.wait_for_url("**/console/sign-in")
    expect(page.get_by_text("Your password is set.")).to_be_visible()
    with transaction(engine) as session:
        assert session.exec(select(StaffSession)).all() == []
    assert client.get("/console").status_code == 303


def test_sessions_are_ended_one_by_one_and_all_at_once(sign_in: Callable[..., Visit], client: httpx.Client) -> None:
    visitor = sign_in()
    signed_in(client)
    page = visitor.open("/console/account")
    expect(page.get_by_text("python-httpx")).to_be_visible()
    page.get_by_role("button", name=re.compile("End the session")).click()
    expect(page.get_by_text("The session has ended.")).to_be_visible()
    assert client.get("/console").status_code == 303
    signed_in(client)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/console/sign-in")
    assert client.get("/console").status_code == 303


def test_a_token_for_the_command_line_is_shown_once_and_works(
    sign_in: Callable[..., Visit], client: httpx.Client
) -> None:
    visitor = sign_in()
    page = visitor.open("/console/account")
    page.get_by_role("button", name="Make a token").click()
    token = page.inner_text(".once")
    me = client.get("/v1/staff/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["name"] == "ada"
    another = client.post(
        "/console/account/token",
        headers={"Cookie": f"wastelens={token}", safety.HEADER: safety.secret_of(token), "Accept": "application/json"},
    )
    assert another.json()["code"] == "sign_in_again", "a token that makes tokens never ends"
    assert token not in visitor.open("/console/account").content()


@pytest.mark.parametrize(
    "path",
    ["second-factor/begin", "second-factor/backup-codes", "second-factor/remove", "passkeys/challenge", "token"],
)
def test_who_signed_in_long_ago_signs_in_again_before_changing_how(
    client: httpx.Client, engine: Engine, path: str
) -> None:
    with transaction(engine) as session:
        staff_world.person(session)
    secret = signed_in(client)
    with transaction(engine) as session:
        session.connection().execute(update(StaffSession).values(created_at=now() - staff_sessions.FRESH))
    answer = client.post(f"/console/account/{path}", headers={"X-CSRF-Token": secret})
    assert answer.status_code == 403
    assert "Sign out and in again first" in answer.text
