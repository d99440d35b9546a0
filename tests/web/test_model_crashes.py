"""Tabs that die: in the middle of a download, and with a model that takes them down."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page

from tests import pictures
from tests.web import narrow_road, resident
from tests.web.city import City
from tests.web.conftest import Visitor
from tests.web.narrow_road import Road

Visit = Callable[..., Visitor]
GLASS = pictures.jpeg("glass", 2)
MODEL_BYTES = 3_000_000
_AFTER_THE_PAGE = "(tab) => navigator.locks.request(`phone-${tab}`, () => null)"
"""Gets the lock that a worker holds while it lives, as the page does, which has asked for it earlier."""


@pytest.fixture
def road(city: City) -> Iterator[Road]:
    with narrow_road.to(city.settings.port) as road:
        yield road


def _die(page: Page) -> None:
    """What becomes of a tab whose process the system ends."""
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")
    page.close()


def _begin_first_answer(visitor: Visitor) -> None:
    """What the phone remembers while a release that has never answered here looks at its first photo."""
    worker = next(each for each in visitor.page.workers if "phone.worker" in each.url)
    digest = resident.document(visitor.page, "installedModels")["active"]
    attempt = {"tab": worker.evaluate("self.name"), "version": 2, "digest": digest, "accelerator": "wasm"}
    resident.write_document(visitor.page, "loadAttempts", [attempt])


def test_a_tab_that_is_killed_while_it_downloads_goes_on_at_that_byte(visit: Visit, city: City, road: Road) -> None:
    visitor = visit()
    visitor.page.goto(f"{road.url}/app/")
    resident.welcome(visitor.page)
    resident.looked(visitor.page)
    before = resident.document(visitor.page, "lastLook")["at"]
    city.publish(2, padding_bytes=MODEL_BYTES)
    with city.tampered("targets/patches/*", None):  # So that the whole model has to come.
        road.blocked, road.passing_bytes = b".model.tflite", MODEL_BYTES // 2
        visitor.page.reload()
        assert road.is_blocked.wait(60)
        while not (kept := sum(resident.files(visitor.page, "downloads").values())):
            visitor.page.wait_for_timeout(50)
        _die(visitor.page)
        road.blocked = b""
        road.asked.clear()
        page = visitor.context.new_page()
        page.goto(f"{road.url}/app/")
        assert resident.looked(page, before) == ("updated", None, 2)
    asked = [request for request in road.asked if b".model.tflite" in request]
    assert len(asked) == 1
    start = re.search(rb"[Rr]ange: bytes=(\d+)-", asked[0])
    assert start is not None
    assert 0 < kept <= int(start[1]) <= MODEL_BYTES // 2, "what had come is not asked for again"


def test_a_new_release_that_ends_the_app_at_its_first_answer_gives_way_to_the_one_before(
    visit: Visit, city: City
) -> None:
    visitor = visit()
    resident.welcome(visitor.open())
    city.publish(2)
    assert resident.look_for_update(visitor.page)[2] == 2
    _begin_first_answer(visitor)
    _die(visitor.page)
    page = visitor.another_tab()
    assert resident.ask(page, GLASS).release == 1
    refused = resident.document(page, "installedModels")["refused"]
    assert [each["reason"] for each in refused.values()] == ["crashed"]


def test_who_closes_the_app_while_it_looks_at_a_photo_has_not_seen_it_crash(visit: Visit, city: City) -> None:
    visitor = visit()
    resident.welcome(visitor.open())
    city.publish(2)
    assert resident.look_for_update(visitor.page)[2] == 2
    _begin_first_answer(visitor)
    visitor.page.close()
    page = visitor.another_tab()
    assert resident.ask(page, GLASS).release == 2
    assert resident.document(page, "installedModels")["refused"] == {}


def test_a_worker_that_dies_is_started_again(visit: Visit) -> None:
    visitor = visit()
    resident.welcome(visitor.open())
    resident.looked(visitor.page)
    worker = next(each for each in visitor.page.workers if "phone.worker" in each.url)
    tab = worker.evaluate("self.name")
    worker.evaluate("setTimeout(() => self.close())")
    visitor.page.evaluate(_AFTER_THE_PAGE, tab)
    assert resident.ask(visitor.page, GLASS).label == "glass"
