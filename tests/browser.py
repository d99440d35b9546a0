"""Chromium for tests, as people's browsers are, and what every page has to keep to.

Guarantees: where no browser is installed tests are skipped, unless `WASTELENS_REQUIRE_BROWSER` asks for one.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PHONE, DESKTOP = (390, 844), (1440, 900)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# How long a page may take until it shows what is expected: on a busy machine Playwright's own 5 s are not enough.
expect.set_options(timeout=30_000)


@contextmanager
def running(*arguments: str) -> Iterator[Browser]:
    """Not for a whole session: while Playwright runs, no test of its thread can run an event loop of its own."""
    if CHROMIUM is None:
        lacking("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


def lacking(what: str) -> NoReturn:
    """Skip the test, or fail it where continuous integration must not go on without."""
    if os.environ.get("WASTELENS_REQUIRE_BROWSER"):
        pytest.fail(f"{what}, and WASTELENS_REQUIRE_BROWSER asks for it")
    pytest.skip(f"NO BROWSER: {what}; install it to test the pages as people see them")


def note_complaints(context: BrowserContext, complaints: list[str]) -> None:
    """Write down script errors and refused content of every page that `context` opens."""

    def follow(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.text) else None)

    context.on("page", follow)


def _is_complaint(text: str) -> bool:
    return re.search(r"Content Security Policy|Uncaught", text) is not None


def assert_accessible(page: Page) -> None:
    """WCAG 2.2 AA, as far as axe-core can tell."""
    tags = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    found = Axe().run(page, options=tags)
    assert found.violations_count == 0, found.generate_report()


def assert_fits(page: Page, name: str) -> None:
    """No page scrolls sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} pixels too wide"
