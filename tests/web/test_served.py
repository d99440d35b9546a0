"""The app as the server sends it: isolated, installable, and without anything that its own policy refuses."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.city import City
from tests.web.conftest import Visitor


def test_the_app_opens_isolated_and_nothing_complains(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    said: list[str] = []
    visitor.page.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
    page = visitor.open()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("crossOriginIsolated") is True
    assert page.evaluate("isSecureContext") is True
    assert said == []


def test_every_screen_has_an_address_that_can_be_opened_and_loaded_again(visit: Callable[..., Visitor]) -> None:
    page = visit().open("search")
    page.reload()
    assert page.url.endswith("/app/search")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_short_addresses_lead_to_the_app(visit: Callable[..., Visitor], city: City) -> None:
    page = visit().page
    page.goto(city.url)
    assert page.url.startswith(f"{city.url}/app/")


@pytest.mark.parametrize(("allowed", "answer"), [(True, "video"), (False, "NotAllowedError")])
def test_its_own_pages_may_ask_for_the_camera(visit: Callable[..., Visitor], allowed: bool, answer: str) -> None:
    page = visit(camera=allowed).open("search")
    asked = "navigator.mediaDevices.getUserMedia({video: true}).then((it) => it.getTracks()[0].kind, (no) => no.name)"
    assert page.evaluate(asked) == answer


def test_browsers_take_its_manifest(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open()
    asked = visitor.context.new_cdp_session(page)
    found = asked.send("Page.getAppManifest")
    assert found["url"].startswith(visitor.city.url)
    assert found["errors"] == []


def test_the_tiny_city_tells_the_app_what_it_follows(visit: Callable[..., Visitor], city: City) -> None:
    page = visit().open()
    told = page.evaluate("fetch('/app/installation.json').then((answer) => answer.json())")
    assert (told["name"], told["city"], told["bundled"]["version"]) == ("Example city", "example", 1)
    assert page.evaluate("fetch('/app/trusted/root.json').then((answer) => answer.status)") == 200
