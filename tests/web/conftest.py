"""The residents' app as it is built, in a real browser, before a whole city.

city            a `City` of its own for each test: server, updates, worker (see `tests.web.city`)
visit           opens the app as a resident with a phone of their own, and again
visitor.context.set_offline(True)   takes the network from the phone
city.stop()     takes the city from all phones
"""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from backend.settings import Settings
from tests import browser, tiny_model
from tests.browser import PHONE
from tests.services import free_port
from tests.web import city as cities
from tests.web.city import City

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path("build/screenshots/web")
"""Kept by continuous integration, for people to look at."""
_CAMERA = "--use-fake-device-for-media-stream"
"""It shows a moving test picture; whether a page may use it is for each visit to say."""


@pytest.fixture(scope="session")
def web_app() -> Path:
    """The folder with the app, built from what lies in web/ now; once, however many processes test."""
    if shutil.which("node") is None:
        browser.lacking("no Node is installed")
    with (ROOT / "web" / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--no-print-directory", "web"], cwd=ROOT, check=True)
    folder = ROOT / "web" / "dist"
    if not (folder / "index.html").is_file():
        browser.lacking("no Node 20.19 or later is installed")
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.running(_CAMERA) as opened:
        yield opened


@pytest.fixture
def city(web_app: Path, migrated_sqlite_url: str, tmp_path: Path) -> Iterator[City]:
    """It has the tiny release 1, which came with the app, and the guide of the example city."""
    bundled = tiny_model.release_folder(tmp_path / "bundled")
    settings = Settings(
        data_dir=tmp_path / "var",
        database_url=migrated_sqlite_url,
        bundled_release=bundled,
        web_app_dir=web_app,
        port=free_port(),
    )
    with cities.built(settings) as city:
        yield city


@dataclass(frozen=True)
class Visitor:
    """A resident with a phone. What the phone keeps stays until the test ends, whichever page is closed."""

    context: BrowserContext
    page: Page
    city: City

    def open(self, path: str = "") -> Page:
        """Go to a screen of the app, by its path below /app/."""
        self.page.goto(f"{self.city.url}/app/{path}")
        return self.page

    def another_tab(self, path: str = "") -> Page:
        page = self.context.new_page()
        page.goto(f"{self.city.url}/app/{path}")
        return page

    def look(self, name: str, page: Page | None = None) -> None:
        """Keep a picture of the screen; it may not scroll sideways, and axe must find nothing."""
        shown = page or self.page
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        shown.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
        browser.assert_fits(shown, name)
        browser.assert_accessible(shown)


@pytest.fixture
def visit(chromium: Browser, city: City) -> Iterator[Callable[..., Visitor]]:
    """Open a browser in English and of the size of a phone, unless asked otherwise; `camera` may be used or not.

    Script errors and refused content fail the test.
    """
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def start(*, locale: str = "en", camera: bool = True, **options: Any) -> Visitor:
        phone: dict[str, Any] = {"viewport": {"width": PHONE[0], "height": PHONE[1]}, "reduced_motion": "reduce"}
        context = chromium.new_context(locale=locale, **(phone | options))
        context.grant_permissions(["camera"] if camera else [], origin=city.url)
        opened.append(context)
        browser.note_complaints(context, complaints)
        return Visitor(context, context.new_page(), city)

    yield start
    for context in opened:
        context.close()
    assert not complaints
