"""Signing in with the city's own sign-in, a real OpenID Connect provider on this machine."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import expect
from pydantic import ValidationError
from sqlmodel import col, select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.people import identity_provider
from backend.settings import Settings
from backend.tables import AuditEvent, Role, Staff, StaffSession
from tests.backend import oidc_provider, staff_world
from tests.backend.console.conftest import Visit
from tests.backend.oidc_provider import Provider
from tests.backend.world import running

START, BACK = "/console/sign-in/single", "/console/sign-in/single/back"


@pytest.fixture
def city() -> Iterator[Provider]:
    with oidc_provider.provider() as given:
        yield given


@pytest.fixture
def settings(settings: Settings, city: Provider) -> Settings:
    return settings.model_copy(
        update={
            "oidc_issuer": city.issuer,
            "oidc_client_id": oidc_provider.CLIENT_ID,
            "oidc_client_secret": oidc_provider.CLIENT_SECRET,
            "oidc_roles": "waste-boss=administrator, waste-review=reviewer, waste-ml=engineer",
            "oidc_label": "City account",
        }
    )


def sign_in(client: httpx.Client) -> httpx.Response:
    """Go there and back, as a browser does, and return the last answer."""
    there = client.get(START, params={"then": "/console/account"})
    assert there.status_code == 303, there.text
    back = httpx.get(there.headers["location"]).headers["location"]
    return client.get(back.removeprefix(str(client.base_url).rstrip("/")))


def staff_rows(parts: Parts) -> list[tuple[str, Role]]:
    with transaction(parts.engine) as session:
        return [(row.name, row.role) for row in session.exec(select(Staff).order_by(col(Staff.id)))]


def test_somebody_new_signs_in_with_the_city_account(visit: Callable[..., Visit], parts: Parts) -> None:
    visitor = visit()
    page = visitor.open("/console/sign-in?then=/console/account")
    visitor.look("sign-in-everything")
    page.get_by_role("link", name="Sign in with City account").click()
    page.wait_for_url("**/console/account")
    expect(page.get_by_text("Single sign-on · used")).to_be_visible()
    expect(page.get_by_role("heading", name="Password")).to_have_count(0)
    assert staff_rows(parts) == [("Mai", Role.REVIEWER)]
    with transaction(parts.engine) as session:
        assert session.exec(select(Staff.password_hash)).one() == "!"


def test_who_is_known_by_the_subject_stays_the_same_person_under_another_name(
    client: httpx.Client, city: Provider, parts: Parts
) -> None:
    assert sign_in(client).headers["location"] == "/console/account"
    city.somebody["preferred_username"] = "Mai Nguyen"
    assert sign_in(client).status_code == 303
    assert staff_rows(parts) == [("Mai", Role.REVIEWER)]


def test_a_name_opens_nobody_elses_account(client: httpx.Client, city: Provider, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        staff_world.person(session, "boss", Role.ADMINISTRATOR)
    for subject in ("u-2", "u-3"):
        city.somebody |= {"sub": subject, "preferred_username": "boss"}
        assert sign_in(client).status_code == 303
    assert staff_rows(parts) == [
        ("boss", Role.ADMINISTRATOR), ("boss 2", Role.REVIEWER), ("boss 3", Role.REVIEWER),
    ]  # fmt: skip


def test_a_role_that_changes_over_there_changes_here_and_ends_sessions(
    client: httpx.Client, city: Provider, parts: Parts
) -> None:
    sign_in(client)
    first = client.cookies["wastelens"]
    city.somebody["roles"] = "waste-ml"
    sign_in(client)
    assert staff_rows(parts) == [("Mai", Role.ENGINEER)]
    client.cookies.set("wastelens", first, domain="127.0.0.1", path="/")
    with transaction(parts.engine) as session:
        assert len(session.exec(select(StaffSession)).all()) == 1


@pytest.mark.parametrize("roles", [[], ["other"], None, {"waste-boss": True}, 5])
def test_who_has_no_role_there_gets_none_here(client: httpx.Client, city: Provider, parts: Parts, roles: Any) -> None:
    sign_in(client)
    city.somebody["roles"] = roles
    refused = sign_in(client)
    assert refused.status_code == 403
    assert "Your account has no role here." in refused.text
    with transaction(parts.engine) as session:
        assert session.exec(select(StaffSession)).all() == [], "what was open has ended"
        ended = session.exec(select(AuditEvent).where(AuditEvent.action == "staff.sessions_revoked")).one()
    assert ended.detail == {"reason": "no role over there"}


def test_the_last_administrator_stays_one_whatever_is_said_over_there(
    client: httpx.Client, city: Provider, parts: Parts
) -> None:
    city.somebody["roles"] = ["waste-boss"]
    sign_in(client)
    city.somebody["roles"] = ["waste-review"]
    assert sign_in(client).status_code == 303
    assert staff_rows(parts) == [("Mai", Role.ADMINISTRATOR)]


def test_who_was_shut_out_here_stays_so(client: httpx.Client, parts: Parts) -> None:
    sign_in(client)
    with transaction(parts.engine) as session:
        row = session.exec(select(Staff)).one()
        row.disabled_at = row.created_at
        session.add(row)
    assert sign_in(client).status_code == 401


def test_roles_may_come_from_the_user_info(settings: Settings, city: Provider) -> None:
    del city.somebody["roles"]
    city.user_info = {"sub": "u-1", "realm": {"roles": ["waste-ml"]}}
    with running(settings.model_copy(update={"oidc_role_claim": "realm.roles"})) as (client, parts):
        assert sign_in(client).status_code == 303
        assert staff_rows(parts) == [("Mai", Role.ENGINEER)]
        city.user_info["sub"] = "somebody else"
        assert sign_in(client).status_code == 403


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://evil.example"},
        {"aud": "another program"},
        {"aud": ["wastelens", "another program"], "azp": "another program"},
        {"nonce": "of another sign-in"},
        {"exp": int(time.time()) - 3600},
        {"iat": int(time.time()) + 24 * 3600},
        {"sub": ""},
        {"sub": None},
    ],
)
def test_a_token_that_says_something_else_opens_nothing(
    client: httpx.Client, city: Provider, parts: Parts, lies: dict[str, Any]
) -> None:
    city.lies = lies
    assert sign_in(client).status_code == 401
    assert staff_rows(parts) == []


def test_a_token_of_another_key_opens_nothing_and_a_new_key_of_the_city_does(
    client: httpx.Client, city: Provider, parts: Parts
) -> None:
    sign_in(client)
    city.key = RSAKey.generate_key(2048, {"kid": city.published.kid or ""})
    assert sign_in(client).status_code == 401
    city.new_key()
    assert sign_in(client).status_code == 303


def test_an_answer_is_taken_once_from_the_browser_that_began(client: httpx.Client, parts: Parts) -> None:
    there = client.get(START)
    back = httpx.get(there.headers["location"]).headers["location"].removeprefix(str(client.base_url).rstrip("/"))
    stranger = httpx.Client(base_url=client.base_url)
    assert stranger.get(back).status_code == 401
    assert client.get(back.replace("state=", "state=x")).status_code == 401
    assert client.get(back.replace("iss=http", "iss=https")).status_code == 401
    kept = client.cookies["wastelens_away"]
    assert client.get(back).status_code == 303
    client.cookies.set("wastelens_away", kept, domain="127.0.0.1", path="/console/sign-in")
    assert client.get(back).status_code == 401, "the city gives nothing for a code twice"
    stranger.close()


def test_what_the_city_refuses_is_said(client: httpx.Client, city: Provider) -> None:
    city.error = "access_denied"
    refused = sign_in(client)
    assert refused.status_code == 401
    assert "Single sign-on did not work." in refused.text


def test_a_silent_city_is_said_and_passwords_still_work(settings: Settings) -> None:
    with running(settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"})) as (client, parts):
        answer = client.get(START)
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        with transaction(parts.engine) as session:
            staff_world.person(session)
        assert (
            client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD}).status_code == 303
        )


def test_the_way_there_changes_nothing_and_leads_nowhere_else_afterwards(client: httpx.Client, parts: Parts) -> None:
    there = client.get(START, params={"then": "https://evil.example"})
    back = httpx.get(there.headers["location"]).headers["location"]
    with transaction(parts.engine) as session:
        assert session.exec(select(AuditEvent)).all() == []
    answer = client.get(back.removeprefix(str(client.base_url).rstrip("/")))
    assert answer.headers["location"] == "/console"


def test_passwords_can_be_turned_off(settings: Settings, visit: Callable[..., Visit]) -> None:
    with running(settings.model_copy(update={"password_sign_in": False})) as (client, parts):
        with transaction(parts.engine) as session:
            staff_world.person(session)
        form = {"name": "ada", "password": staff_world.PASSWORD}
        refused = client.post("/console/sign-in", data=form)
        assert refused.status_code == 403
        assert client.post("/v1/staff/sign-in", json=form).json()["code"] == "no_passwords"
        visitor = replace(visit(), address=str(client.base_url).rstrip("/"))
        page = visitor.open("/console/sign-in")
        assert page.locator("#password").count() == 0
        visitor.look("sign-in-without-passwords")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"oidc_client_id": ""}, "WASTELENS_OIDC_CLIENT_ID"),
        ({"oidc_roles": ""}, "WASTELENS_OIDC_ROLES"),
        ({"oidc_roles": "x=emperor"}, "emperor"),
        ({"oidc_issuer": "", "password_sign_in": False}, "WASTELENS_OIDC_ISSUER is not set"),
        ({"environment": "production"}, "https"),
    ],
)
def test_half_of_the_settings_stop_the_start(settings: Settings, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        identity_provider.provider(settings.model_copy(update=changes))


def test_a_short_secret_key_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="secret_key"):
        Settings(secret_key="short")
