"""The app can be installed, opens without a network after one visit, and is never made of two versions at once."""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web import resident
from tests.web.conftest import Visitor
from tests.web.service_worker import controlled, looked_for_newer

Visit = Callable[..., Visitor]
_OPEN_NO_DATABASE = """const { open } = IDBFactory.prototype;
IDBFactory.prototype.open = function (...given) {
  const asked = open.apply(this, given);
  asked.addEventListener("success", (event) => event.stopImmediatePropagation());
  return asked;
};"""


@pytest.fixture
def web_app(web_app: Path, tmp_path: Path) -> Path:
    """A copy of the build, of which a test can make a newer one."""
    return Path(shutil.copytree(web_app, tmp_path / "dist"))


def _release_anew(app: Path) -> None:
    """Change the page and what lists it, as a build of other sources does."""
    page, worker = app / "index.html", app / "service-worker.js"
    before = page.read_bytes()
    page.write_bytes(before.replace(b"<body>", b'<body data-version="2">'))
    old, new = (hashlib.sha256(content).hexdigest()[:16] for content in (before, page.read_bytes()))
    assert old in worker.read_text()
    worker.write_text(worker.read_text().replace(old, new))
    for path in (page, worker):
        for ending in (".br", ".gz"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


def _version(page: Page) -> str | None:
    return page.locator("body").get_attribute("data-version")


def test_browsers_offer_to_install_it(visit: Visit) -> None:
    visitor = visit()
    page = controlled(visitor.open())
    asked = visitor.context.new_cdp_session(page)
    errors = {each["errorId"] for each in asked.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}, "the only thing that is wrong is the test's own browser"
    icons = page.evaluate("fetch('/app/manifest.webmanifest').then(async (it) => (await it.json()).icons)")
    assert {each["sizes"] for each in icons} >= {"192x192", "512x512"}
    assert any("maskable" in each.get("purpose", "") for each in icons)
    for each in icons:
        assert page.evaluate("(it) => fetch(new URL(it, location)).then((answer) => answer.status)", each["src"]) == 200


@pytest.mark.parametrize("path", ["", "mine", "search", "settings/privacy"])
def test_every_screen_opens_without_a_network_after_one_visit(visit: Visit, path: str) -> None:
    visitor = visit()
    resident.welcome(controlled(visitor.open()))
    visitor.context.set_offline(True)
    page = visitor.another_tab(path)
    expect(page.get_by_role("navigation")).to_be_visible()
    assert page.url.endswith(f"/app/{path}")


def test_a_newer_version_waits_until_it_is_taken_and_is_then_that_of_all_tabs(visit: Visit, web_app: Path) -> None:
    visitor = visit()
    page = controlled(visitor.open())
    resident.welcome(page)
    other = visitor.another_tab("mine")
    _release_anew(web_app)
    looked_for_newer(page)
    strip = page.get_by_role("button", name=re.compile("Use it now"))
    expect(strip).to_be_visible()
    assert _version(page) is None, "the old worker answers with the old page"
    strip.click()
    for tab in (page, other):
        expect(tab.locator("body[data-version='2']")).to_be_attached()
    visitor.context.set_offline(True)
    page.reload()
    assert _version(page) == "2"
    assert len(page.evaluate("caches.keys()")) == 2, "of this version, and the runtime of the model"


def test_a_page_that_still_starts_is_of_the_version_that_is_taken_meanwhile(visit: Visit, web_app: Path) -> None:
    visitor = visit()
    page = controlled(visitor.open())
    resident.welcome(page)
    starting = visitor.context.new_page()
    starting.add_init_script(_OPEN_NO_DATABASE)
    starting.goto(page.url)
    _release_anew(web_app)
    looked_for_newer(page)
    page.get_by_role("button", name=re.compile("Use it now")).click()
    expect(starting.locator("body[data-version='2']")).to_be_attached()


def test_a_version_whose_files_do_not_belong_together_is_never_used(visit: Visit, web_app: Path) -> None:
    visitor = visit()
    page = controlled(visitor.open())
    _release_anew(web_app)
    (web_app / "index.html").write_text("<!doctype html><title>Half of another version</title>")
    looked_for_newer(page)
    page.reload()
    assert page.title() != "Half of another version"
    expect(page.get_by_role("button", name="Start")).to_be_visible()
