"""A city that serves its updates from another address than its app, as from a bucket or a CDN."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests import pictures
from tests.backend.world import running
from tests.services import free_port
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def elsewhere(city: City) -> int:
    """The port of that address, which the city has named to its app; nothing listens there yet."""
    port = free_port()
    city.stop()
    city.settings = city.settings.model_copy(update={"web_updates_url": f"http://127.0.0.1:{port}/updates/"})
    city.start()
    return port


@contextmanager
def serving(city: City, port: int) -> Iterator[None]:
    """Let another server give out the same files there, for pages of every origin."""
    with running(city.settings, port=port):
        yield


def _asked_updates(page: Page) -> list[str]:
    """Where updates are asked for from now on."""
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url) if "/updates/" in each.url else None)
    return asked


def test_updates_come_from_the_address_that_the_city_names(visit: Visit, city: City, elsewhere: int) -> None:
    visitor = visit()
    asked = _asked_updates(visitor.page)
    with serving(city, elsewhere):
        resident.welcome(visitor.open())
        assert resident.looked(visitor.page) == ("up_to_date", None, 1)
        city.publish(2)
        assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    assert {url.partition("/updates/")[0] for url in asked} == {f"http://127.0.0.1:{elsewhere}"}
    assert any("/targets/models/2/" in url for url in asked)


@pytest.mark.usefixtures("elsewhere")
def test_where_that_address_does_not_answer_the_city_itself_does(visit: Visit, city: City) -> None:
    visitor = visit()
    resident.welcome(visitor.open())
    assert resident.looked(visitor.page) == ("up_to_date", None, 1)
    city.publish(2)
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    assert resident.ask(visitor.page, pictures.jpeg("glass", 1)).release == 2
