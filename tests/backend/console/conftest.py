"""The console in a real browser, and people of the city in front of it."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.tables import Role
from tests.backend import staff_world

PHONE, DESKTOP = (390, 844), (1440, 900)
SCREENSHOTS = Path("build/screenshots/console")
"""Kept by continuous integration, for people to look at."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def migrated_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """Pages are looked at on one kind of database; what they show is tested on both kinds below them."""
    file = tmp_path / "database.sqlite3"
    shutil.copyfile(migrated_sqlite, file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while Playwright runs, no test of its thread can run an event loop of its own."""
    if CHROMIUM is None:
        if os.environ.get("WASTELENS_REQUIRE_BROWSER"):
            pytest.fail("no Chromium is installed, and WASTELENS_REQUIRE_BROWSER asks for it")
        pytest.skip("NO BROWSER: install chromium to test the pages as people see them")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


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
        for width, height in (PHONE, DESKTOP):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
            wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is {wide} pixels too wide at {width}"
            assert_accessible(self.page)


def assert_accessible(page: Page) -> None:
    """WCAG 2.2 AA, as far as axe-core can tell."""
    tags = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    found = Axe().run(page, options=tags)
    assert found.violations_count == 0, found.generate_report()


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
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.text) else None)
        return Visit(context, page, str(client.base_url).rstrip("/"), name)

    yield start
    for context in opened:
        context.close()
    assert not complaints


def _is_complaint(text: str) -> bool:
    return re.search(r"Content Security Policy|Uncaught", text) is not None


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
