"""Every screen as residents see it: in three languages, on a small phone and on a wide screen, in the dark, with large
letters, by keyboard. The pictures that are kept are for people to look at."""

import itertools
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import browser
from tests.web import kept_photos, resident
from tests.web.conftest import SCREENSHOTS, Visitor

SMALL, WIDE = (360, 740), (1280, 800)
LANGUAGES = ("en", "vi", "zh")
LEAST_TARGET = 44
SCREENS = {
    "camera": "",
    "answer": f"answer/{kept_photos.identity('only_here')}",
    "answer-unsure": f"answer/{kept_photos.identity('unsure')}",
    "answer-corrected": f"answer/{kept_photos.identity('waiting')}",
    "share": f"answer/{kept_photos.identity('only_here')}/share",
    "search": "search",
    "bin": "search/packaging",
    "mine": "mine",
    "photo-only-here": f"mine/{kept_photos.identity('only_here')}",
    "photo-learned": f"mine/{kept_photos.identity('learned')}",
    "photo-refused": f"mine/{kept_photos.identity('refused')}",
    "photo-withdrawn": f"mine/{kept_photos.identity('withdrawn')}",
    "settings": "settings",
    "privacy": "settings/privacy",
    "model": "settings/model",
    "missing": "nowhere",
}
LOADED = ("camera", "answer", "mine", "photo-learned", "settings")
"""Looked at as they are loaded; moving within the app does not load the others anew."""
_NOTE_SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries().filter((each) => !each.hadRecentInput))
    window.shifts.push(`${entry.value} of ${entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node)}`);
}).observe({ type: "layout-shift", buffered: true });"""
_GO = """async (path) => {
  history.pushState(null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  await frame();
  await frame();
  window.shifts = []; // What one screen leaves to the next has not moved.
}"""
_SMALL_TARGETS = """(least) => [...document.querySelectorAll("a[href], button, input, textarea, [tabindex='0']")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.matches(".skip, .hidden-text *"))
  .map((each) => [each, (each.closest("label") ?? each).getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && Math.min(box.width, box.height) < least)
  .map(([each, box]) => `${each.outerHTML.slice(0, 100)} ${box.width} x ${box.height}`)"""
_HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1]))"""
_IS_FOCUS_COVERED = """() => {
  const focused = document.activeElement;
  const shown = focused.closest("label") ?? focused;
  const box = shown.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  return top === null || !(shown.contains(top) || top.contains(shown)) ? focused.outerHTML.slice(0, 120) : null;
}"""
_SWITCH_BOTH_AND_KEEP_THE_SECOND = """(names) => {
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function () {
    IDBObjectStore.prototype.put = put;
    throw new DOMException("as the test wants it", "QuotaExceededError");
  };
  const labels = [...document.querySelectorAll("label")];
  for (const name of names) labels.find((each) => each.textContent.startsWith(name)).control.click();
}"""
_NAMES = re.compile(r"Wastelens|Wi-Fi|Safari|Apache|English|Ti\u1ebfng Vi\u1ec7t|\b(?:kB|MB|GB)\b")


@pytest.fixture
def phone(visit: Callable[..., Visitor]) -> Callable[..., Visitor]:
    """A small phone whose owner has used the app for a while."""

    def start(**options: object) -> Visitor:
        visitor = visit(viewport=_size(SMALL), **options)
        visitor.context.add_init_script(_NOTE_SHIFTS)
        page = visitor.open()
        expect(page.locator(".notice.good")).to_be_visible(timeout=60_000)  # The model is there.
        resident.looked(page)
        kept_photos.keep(page)
        return visitor

    return start


def _size(pixels: tuple[int, int]) -> dict[str, int]:
    return {"width": pixels[0], "height": pixels[1]}


def _load(visitor: Visitor, name: str) -> Page:
    """Load a screen, and wait until the app has done all that it does at its start: it sends, and looks for updates."""
    before = resident.document(visitor.page, "lastLook") or {"at": 0}
    page = visitor.open(SCREENS[name])
    resident.looked(page, before["at"])
    while any(row["state"] in {"waiting", "sending"} for row in resident.documents(page, "photos")):
        page.wait_for_timeout(50)
    expect(page.locator("h1")).to_be_attached()
    return page


def _go(page: Page, name: str) -> None:
    """Go to a screen within the app."""
    page.evaluate(_GO, f"/app/{SCREENS[name]}")
    expect(page.locator("h1")).to_be_attached()
    page.wait_for_timeout(100)


def _picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate("scrollTo(0, 0)")  # What is fixed to the top is drawn where the top is.
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def _faults(page: Page, name: str) -> list[str]:
    """What is wrong with a screen, however it is shown."""
    shifts = page.evaluate("window.shifts.splice(0)")
    levels = page.evaluate(_HEADINGS)
    found = [f"it moves by itself: {each}" for each in shifts]
    if levels.count(1) != 1 or any(deeper > level + 1 for level, deeper in itertools.pairwise(levels)):
        found.append(f"it has headings of the levels {levels}")
    found += [f"a thumb misses {each}" for each in page.evaluate(_SMALL_TARGETS, LEAST_TARGET)]
    return [f"{name}: {each}" for each in found]


def _foreign(page: Page, language: str) -> list[str]:
    """Words in Latin letters where Chinese is read; whoever reads Vietnamese has the same letters."""
    said = _NAMES.sub("", page.inner_text("body")) if language == "zh" else ""
    return re.findall(r"[A-Za-z]{2,}", said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_looks_right_in_each_language(phone: Callable[..., Visitor], language: str) -> None:
    page = _load(phone(locale=language), "camera")
    assert page.evaluate("document.documentElement.lang") == language
    faults: list[str] = []
    for name in SCREENS:
        _go(page, name)
        faults += [f"{name} says {word}" for word in _foreign(page, language)]
        for size in (SMALL, WIDE):
            faults += _faults(page, f"{name} at {size[0]}")
            page.set_viewport_size(_size(size))
            _picture(page, f"{name}-{language}-{size[0]}")
            browser.assert_fits(page, f"{name} at {size[0]}")
            if language == "en" or size == SMALL:
                browser.assert_accessible(page)
        page.set_viewport_size(_size(SMALL))
    assert faults == []


def test_nothing_moves_while_a_screen_is_loaded(phone: Callable[..., Visitor]) -> None:
    visitor = phone()
    _load(visitor, "camera")  # What is sent meanwhile may change its line.
    assert [fault for name in LOADED for fault in _faults(_load(visitor, name), name)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_welcome_looks_right_and_says_what_leaves_the_phone(visit: Callable[..., Visitor], language: str) -> None:
    visitor = visit(locale=language, viewport=_size(SMALL))
    visitor.context.add_init_script(_NOTE_SHIFTS)
    page = visitor.open()
    expect(page.locator(".notice.good")).to_be_visible(timeout=60_000)
    faults = _faults(page, "welcome")
    page.get_by_role("radio").last.check()
    faults += [f"welcome says {word}" for word in _foreign(page, language)]
    for size in (SMALL, WIDE):
        page.set_viewport_size(_size(size))
        visitor.look(f"welcome-{language}-{size[0]}")
    assert faults == []


def test_whoever_only_starts_sends_nothing_and_whoever_helps_says_how(visit: Callable[..., Visitor]) -> None:
    page = visit().open()
    resident.welcome(page)
    assert _choices(page) == (False, False, False)

    helper = visit().open()
    helper.get_by_label("Help with photos that I choose").check()
    assert not helper.get_by_label("The model may learn from it").is_checked()
    helper.get_by_label("Staff of the city may look at it").check()
    resident.welcome(helper)
    assert _choices(helper) == (True, True, False)


def _choices(page: Page) -> tuple[bool, bool, bool]:
    kept = resident.document(page, "settings")
    return kept["sends"], kept["allowsReview"], kept["allowsTraining"]


def test_what_was_not_kept_is_said_also_where_something_else_was(phone: Callable[..., Visitor]) -> None:
    page = _load(phone(), "settings")
    page.evaluate(_SWITCH_BOTH_AND_KEEP_THE_SECOND, ["Send photos over Wi-Fi only", "Load new models over Wi-Fi only"])
    expect(page.get_by_label("Send photos over Wi-Fi only")).not_to_be_checked()
    expect(page.get_by_label("Load new models over Wi-Fi only")).to_be_checked()
    expect(page.get_by_text("That did not work. Please try again.")).to_be_visible()


def test_the_language_changes_at_once_and_stays(visit: Callable[..., Visitor]) -> None:
    page = visit().open()
    page.get_by_label("中文").check()
    expect(page.get_by_role("heading", level=1)).to_have_text("该投进哪个桶？")
    resident.wait_for_setting(page, "language", "zh")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("该投进哪个桶？")


def test_screens_look_right_as_people_have_set_their_devices(phone: Callable[..., Visitor]) -> None:
    page = _load(phone(color_scheme="dark"), "camera")
    for name in ("camera", "answer", "mine", "photo-learned", "settings"):
        _go(page, name)
        _picture(page, f"{name}-dark")
        browser.assert_accessible(page)
    page.emulate_media(forced_colors="active")
    for name in ("answer", "mine", "settings"):
        _go(page, name)
        _picture(page, f"{name}-forced-colours")
    page.emulate_media(forced_colors="none", color_scheme="light")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    for name in ("camera", "answer", "share", "search", "mine", "photo-learned", "settings", "privacy", "model"):
        _go(page, name)
        _picture(page, f"{name}-large")
        browser.assert_fits(page, f"{name} with letters of twice the size")


def test_the_keyboard_reaches_everything_and_never_behind_a_bar(phone: Callable[..., Visitor]) -> None:
    visitor = phone()
    for name in ("answer", "mine", "photo-learned", "settings", "privacy"):
        page = _load(visitor, name)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        covered = [page.evaluate(_IS_FOCUS_COVERED) for _ in _tabs(page)]
        assert [each for each in covered if each is not None] == [], name
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def _tabs(page: Page) -> Iterator[None]:
    """Press Tab until the focus leaves the page."""
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement !== document.body"):
        yield
        page.keyboard.press("Tab")


def test_a_new_screen_is_told_to_whoever_does_not_see_it(phone: Callable[..., Visitor]) -> None:
    page = _load(phone(), "mine")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1, name="Settings")).to_be_focused()
    assert page.title().startswith("Settings")
