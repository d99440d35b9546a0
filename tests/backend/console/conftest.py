"""The console in a real browser, and people of the city in front of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import Engine

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.tables import Role
from tests import browser
from tests.backend import staff_world
from tests.backend.console import review_world
from tests.browser import DESKTOP, PHONE

SCREENSHOTS = Path("build/screenshots/console")
"""Kept by continuous integration, for people to look at."""


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Pages are looked at on one kind of database; what they show is tested on both kinds below them."""
    return migrated_sqlite_url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.running() as opened:
        yield opened


@dataclass(frozen=True)
class Visit:
    """Somebody before a browser."""

    context: BrowserContext
    page: Page
    address: str
    name: str

    def open(self, path: str) -> Page:
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.ok, f"{path} answered {answer.status}"
        return self.page

    def look(self, name: str) -> None:
        """Keep a picture of the page at both widths; neither may scroll sideways, and axe must find nothing."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_load_state()  # Whoever has followed a link is there when the page begins to come.
        for width, height in (PHONE, DESKTOP):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
            browser.assert_fits(self.page, f"{name} at {width}")
            browser.assert_accessible(self.page)


@pytest.fixture
def visit(chromium: Browser, client: httpx.Client) -> Iterator[Callable[..., Visit]]:
    """Open a browser, in English unless another language is asked for. Script errors and refused content fail."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def start(name: str = "nobody", locale: str = "en", **options: Any) -> Visit:
        still: dict[str, Any] = {"reduced_motion": "reduce"}  # Colours are not measured while they fade in.
        still |= {"viewport": {"width": DESKTOP[0], "height": DESKTOP[1]}, "locale": locale}
        context = chromium.new_context(**(still | options))
        opened.append(context)
        browser.note_complaints(context, complaints)
        return Visit(context, context.new_page(), str(client.base_url).rstrip("/"), name)

    yield start
    for context in opened:
        context.close()
    assert not complaints


@pytest.fixture
def sign_in(visit: Callable[..., Visit], engine: Engine, parts: Parts) -> Callable[..., Visit]:
    """Add somebody to the staff and sign in as them."""

    def start(name: str = "ada", role: Role = Role.REVIEWER, **options: object) -> Visit:
        with transaction(engine) as session:
            staff_world.person(session, name, role)
        visitor = visit(name, **options)
        visitor.open("/console/sign-in")
        visitor.page.fill("#name", name)
        visitor.page.fill("#password", staff_world.PASSWORD)
        visitor.page.click("main button")
        visitor.page.wait_for_url("**/console")
        return visitor

    return start


@pytest.fixture
def photos(parts: Parts) -> Callable[[int], list[str]]:
    """Add so many that wait for review; return their ids."""

    def add(count: int) -> list[str]:
        with transaction(parts.engine) as session:
            return [row.id for row in review_world.many(session, parts.storage, count)]

    return add
