"""What comes late: answers, cameras and places that somebody no longer waits for change nothing under their hands."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests import pictures
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

Visit = Callable[..., Visitor]
GLASS, PAPER = pictures.jpeg("glass"), pictures.jpeg("paper")
_HOLD_ANSWERS = """const { postMessage } = Worker.prototype;
window.held = [];
Worker.prototype.postMessage = function (message, ...more) {
  const ask = () => postMessage.call(this, message, ...more);
  if (message.method === "classify") window.held.push(ask);
  else ask();
};"""
_HOLD_CAMERA = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.held = [];
window.streams = [];
navigator.mediaDevices.getUserMedia = (wanted) => new Promise((resolve) => {
  window.held.push(() => real(wanted).then((stream) => {
    window.streams.push(stream);
    resolve(stream);
  }));
});
window.isHidden = false;
Object.defineProperty(document, "hidden", { get: () => window.isHidden });"""
_HIDE = """(isHidden) => {
  window.isHidden = isHidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_HOLD_PLAYING = """const { play } = HTMLMediaElement.prototype;
window.held = [];
HTMLMediaElement.prototype.play = function () {
  return new Promise((resolve) => window.held.push(() => play.call(this).then(resolve)));
};"""
_HOLD_PLACE = """window.held = [];
Geolocation.prototype.getCurrentPosition = (found) => {
  window.held.push(() => found({ coords: { latitude: 52.52, longitude: 13.4 } }));
};"""
_TELL_NOBODY = """const { postMessage } = BroadcastChannel.prototype;
BroadcastChannel.prototype.postMessage = function (message) {
  if (this.name !== "photos") postMessage.call(this, message);
};"""


@pytest.fixture
def begin(visit: Visit) -> Callable[[str], Page]:
    """A resident who helps with photos, and whose browser does what `script` makes of it."""

    def start(script: str) -> Page:
        visitor = visit()
        visitor.context.add_init_script(script)
        page = visitor.open()
        resident.welcome(page, helps=True)
        return page

    return start


def _wait_until_held(page: Page, count: int) -> None:
    while page.evaluate("window.held.length") < count:
        page.wait_for_timeout(50)


def _let_go(page: Page, place: int) -> None:
    page.evaluate("(place) => window.held[place]()", place)


def _wait_until_kept(page: Page, count: int) -> None:
    """Wait until so many photos were answered and kept, which is all that comes before an answer is shown."""
    while len((resident.document(page, "usage") or {"opinions": {}})["opinions"]) < count:
        page.wait_for_timeout(50)


def test_an_answer_calls_nobody_back_who_has_gone_on(begin: Callable[[str], Page]) -> None:
    page = begin(_HOLD_ANSWERS)
    resident.choose(page, GLASS)
    _wait_until_held(page, 1)
    page.get_by_role("link", name="Search").click()
    _let_go(page, 0)
    _wait_until_kept(page, 1)
    assert page.url.endswith("/app/search")
    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_text("Only on this phone")).to_be_visible()


def test_the_answer_to_an_older_photo_does_not_follow_that_to_a_newer_one(begin: Callable[[str], Page]) -> None:
    page = begin(_HOLD_ANSWERS)
    resident.choose(page, GLASS)
    _wait_until_held(page, 1)
    page.get_by_role("link", name="Search").click()
    page.get_by_role("link", name="Camera").click()
    resident.choose(page, PAPER)
    _wait_until_held(page, 2)
    _let_go(page, 1)
    page.wait_for_url("**/app/answer/*")
    answer = page.url
    _let_go(page, 0)
    _wait_until_kept(page, 2)
    expect(page).to_have_url(answer)
    expect(page.locator(".bin-field")).to_contain_text("Paper")


def test_an_answer_is_shown_whenever_the_page_hears_that_it_was_kept(begin: Callable[[str], Page]) -> None:
    page = begin(_TELL_NOBODY)
    resident.choose(page, GLASS)
    page.wait_for_url("**/app/answer/*")
    expect(page.locator(".bin-field")).to_contain_text("Glass")


def test_a_camera_that_was_asked_for_twice_is_on_once(begin: Callable[[str], Page]) -> None:
    page = begin(_HOLD_CAMERA)
    _wait_until_held(page, 1)
    for is_hidden in (True, False):
        page.evaluate(_HIDE, is_hidden)
    _wait_until_held(page, 2)
    _let_go(page, 0)
    _let_go(page, 1)
    expect(page.get_by_role("button", name="Take photo")).to_be_enabled()
    tracks = "window.streams.flatMap((stream) => stream.getTracks()).map((each) => each.readyState)"
    assert page.evaluate(tracks) == ["ended", "live"]


def test_a_camera_that_is_taken_away_while_it_starts_takes_no_photos(begin: Callable[[str], Page]) -> None:
    page = begin(_HOLD_PLAYING)
    _wait_until_held(page, 1)
    page.evaluate("document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    taken = page.get_by_role("heading", name="Another app is using the camera")
    expect(taken).to_be_visible()
    _let_go(page, 0)
    assert taken.is_visible()
    expect(page.get_by_role("button", name="Take photo")).to_be_disabled()


def test_whoever_leaves_while_the_place_is_looked_for_sends_nothing(begin: Callable[[str], Page], city: City) -> None:
    page = begin(_HOLD_PLACE)
    _ask_to_send(page)
    page.get_by_role("link", name="Keep it on this phone").click()
    _let_go(page, 0)
    assert resident.state(page) == "only_here"
    expect(page.get_by_role("link", name="Send it", exact=True)).to_be_visible()
    assert city.photos() == []


def test_what_is_changed_while_the_place_is_looked_for_counts(begin: Callable[[str], Page], city: City) -> None:
    page = begin(_HOLD_PLACE)
    _ask_to_send(page)
    page.get_by_role("switch", name="Staff of the city may look at it").uncheck()
    page.get_by_role("textbox").fill("A jar")
    _let_go(page, 0)
    resident.wait_for_state(page, "sent")
    (photo,) = city.photos()
    assert (photo.allow_review, photo.note) == (False, "A jar")


def _ask_to_send(page: Page) -> None:
    resident.correct(page)
    page.get_by_role("link", name="Send it", exact=True).click()
    page.get_by_role("switch", name="Staff of the city may look at it").check()
    page.get_by_role("button", name="Send", exact=True).click()
    _wait_until_held(page, 1)


def test_a_guide_that_comes_while_an_answer_is_read_moves_no_button(visit: Visit) -> None:
    visitor = visit()
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    visitor.context.route("**/targets/guides/**", hold)
    page = visitor.open()
    resident.welcome(page)
    resident.ask(page, pictures.jpeg("glass"))
    expect(page.get_by_text("The city's guide is not on this phone yet.")).to_be_visible()
    wrong = page.get_by_role("button", name="That is wrong")
    before = wrong.bounding_box()
    while not late:
        page.wait_for_timeout(50)
    for route in late:
        route.continue_()
    expect(page.get_by_text("Empty it; lids go into the yellow bin.")).to_be_visible()
    assert wrong.bounding_box() == before
