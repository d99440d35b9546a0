"""What waits is sent although no page of the app is open, where the browser syncs in the background."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor
from tests.web.service_worker import controlled


def test_what_waits_is_sent_while_no_page_is_open(visit: Callable[..., Visitor], city: City) -> None:
    visitor = visit()
    page = controlled(visitor.open())
    resident.welcome(page, helps=True)
    resident.correct(page)
    city.stop()
    resident.send(page)
    resident.wait_for_state(page, "waiting")
    other = visitor.context.new_page()  # So that the browser stays open.
    page.close()
    city.start()
    other.goto(f"{city.url}/app/icons/icon.svg")  # A page of the same origin without the app in it.
    _sync(other, city)
    while not city.photos():
        other.wait_for_timeout(50)
    resident.wait_for_state(other, "sent")
    assert [photo.corrected_label for photo in city.photos()] == ["metal"]


def _sync(page: Page, city: City) -> None:
    """Let the browser tell the service worker that there is a network."""
    session = page.context.new_cdp_session(page)
    found: list[dict[str, Any]] = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
    session.send("ServiceWorker.enable")
    while not found:
        page.wait_for_timeout(50)
    session.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": city.url, "registrationId": found[-1]["registrationId"], "tag": "outbox", "lastChance": False},
    )
