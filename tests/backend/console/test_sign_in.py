"""Signing in to the console, in a browser and past it."""

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import Engine

from backend.console import pages, safety
from backend.database import transaction
from tests.backend import staff_world
from tests.backend.console.conftest import Visit

FORM = {"name": "ada", "password": staff_world.PASSWORD}


@pytest.fixture
def ada(engine: Engine) -> str:
    with transaction(engine) as session:
        return staff_world.person(session).name


def signed_in(client: httpx.Client) -> str:
    """Sign in and return what forms of this session carry."""
    answer = client.post("/console/sign-in", data=FORM)
    assert answer.status_code == 303
    return safety.secret_of(client.cookies["wastelens"])


def test_whoever_is_not_signed_in_comes_back_to_where_they_wanted_to_go(ada: str, visit: Callable[..., Visit]) -> None:
    visitor = visit()
    visitor.open("/console?from=mail")
    assert visitor.page.url.endswith("/console/sign-in?then=/console%3Ffrom%3Dmail")
    visitor.look("sign-in")
    visitor.page.fill("#name", ada)
    visitor.page.fill("#password", staff_world.PASSWORD)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/console?from=mail")


def test_the_first_page_says_what_waits(sign_in: Callable[..., Visit]) -> None:
    visitor = sign_in()
    assert "To review" in visitor.page.inner_text("main")
    visitor.look("home")
    visitor.page.emulate_media(color_scheme="dark")
    visitor.look("home-dark")


@pytest.mark.parametrize(("locale", "greeting"), [("vi", "Hôm nay"), ("zh-CN", "今天")])
def test_pages_speak_the_language_of_the_browser(sign_in: Callable[..., Visit], locale: str, greeting: str) -> None:
    visitor = sign_in(locale=locale)
    assert visitor.page.inner_text("h1") == greeting
    assert visitor.page.get_attribute("html", "lang") == locale[:2]


def test_a_chosen_language_stays(sign_in: Callable[..., Visit]) -> None:
    visitor = sign_in()
    visitor.page.click("details.menu summary")
    visitor.page.select_option("#language", "vi")
    visitor.page.select_option("#theme", "dark")
    visitor.page.click("details.menu form:first-of-type button")
    visitor.page.wait_for_selector("html[lang=vi][data-theme=dark]")
    visitor.open("/console")
    assert visitor.page.inner_text("h1") == "Hôm nay"


def test_a_wrong_password_is_told_and_opens_nothing(ada: str, client: httpx.Client) -> None:
    answer = client.post("/console/sign-in", data=FORM | {"password": "not this one"})
    assert answer.status_code == 401
    assert "Name and password do not fit." in answer.text
    assert not client.cookies


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(ada: str, client: httpx.Client) -> None:
    cookie = client.post("/console/sign-in", data=FORM).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_form_of_another_site_is_refused(ada: str, client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/console/sign-in", data=FORM, headers=headers)
    assert answer.status_code == 403
    assert not client.cookies


def test_a_form_without_the_secret_of_the_session_changes_nothing(ada: str, client: httpx.Client) -> None:
    secret = signed_in(client)
    assert client.post("/console/sign-out").status_code == 403
    assert client.post("/console/sign-out", data={"csrf": "x" * 64}).status_code == 403
    assert client.get("/console").status_code == 200
    assert client.post("/console/sign-out", data={"csrf": secret}).status_code == 303
    assert client.get("/console").headers["location"].startswith("/console/sign-in")


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example",
        "//evil.example",
        "/console/..//evil",
        "/console\\evil",
        "/v1",
        "/console/../v1",
        "/console/%2e%2e/v1",
        "/console/%2F/evil",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(ada: str, client: httpx.Client, then: str) -> None:
    assert client.post("/console/sign-in", data=FORM | {"then": then}).headers["location"] == "/console"


def test_no_page_runs_inline_script_or_is_framed(client: httpx.Client) -> None:
    policy = client.get("/console/sign-in").headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))


def test_an_unknown_page_is_said_on_a_page_and_an_unknown_call_in_a_document(client: httpx.Client) -> None:
    assert "There is no such page" in client.get("/console/nothing").text
    as_json = client.get("/console/nothing", headers={"Accept": "application/json"})
    assert as_json.json()["code"] == client.get("/v1/nothing").json()["code"] == "not_found"


def test_a_page_that_says_what_went_wrong_is_good_to_look_at(sign_in: Callable[..., Visit]) -> None:
    visitor = sign_in()
    answer = visitor.page.goto(f"{visitor.address}/console/people")
    assert answer is not None
    assert answer.status == 403
    visitor.look("problem")


def test_what_was_said_is_shown_once_and_as_text(ada: str, client: httpx.Client) -> None:
    signed_in(client)
    said = pages.redirect("/console", said="<b>kept</b>").headers["set-cookie"].partition(";")[0]
    answer = client.get("/console", headers={"Cookie": f"{said}; wastelens={client.cookies['wastelens']}"})
    assert "&lt;b&gt;kept&lt;/b&gt;" in answer.text
    assert 'wastelens_said=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
