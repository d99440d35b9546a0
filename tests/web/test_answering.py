"""A thing is shown to the app, and it answers: with the bin, with honest words where it does not know, and with an ear
for whoever knows better."""

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageStat
from playwright.sync_api import Page, expect

from backend.intake import photo_store
from backend.tables import PhotoId
from tests import pictures
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

GLASS = pictures.jpeg("glass", size=(480, 640))
GREEN, BLUE = "rgb(46, 125, 50)", "rgb(29, 95, 191)"
"""Of the example city's containers for glass and for paper."""
LIKE_SEVERAL = (175, 220, 95)
"""A colour that the tiny model finds to be cardboard, glass, metal and paper by about a quarter each."""
_CAMERA_FAILS = """navigator.mediaDevices.getUserMedia = () =>
  Promise.reject(new DOMException("as the test wants it", "%s"));"""
_NO_ROOM = """const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (...given) {
  if (this.name === "pictures") throw new DOMException("as the test wants it", "QuotaExceededError");
  return put.apply(this, given);
};"""

_NOTE_READING = """() => {
  const { getAll } = IDBObjectStore.prototype;
  window.hasRead = new Promise((resolve) => {
    IDBObjectStore.prototype.getAll = function (...given) {
      const asked = getAll.apply(this, given);
      if (this.name === "pictures") asked.addEventListener("success", () => setTimeout(resolve));
      return asked;
    };
  });
}"""
"""Lets the page tell when it has read all photos anew."""


@pytest.fixture
def phone(visit: Callable[..., Visitor]) -> Visitor:
    """A phone whose owner has read the welcome; its camera may be used."""
    visitor = visit()
    resident.welcome(visitor.open())
    return visitor


def like_several() -> bytes:
    """Return a photo that the tiny model has no answer to."""
    return pictures.save(Image.new("RGB", (480, 640), LIKE_SEVERAL), "JPEG", quality=95)


def expect_bin(page: Page, name: str, colour: str) -> None:
    """The large answer comes to name the bin in its colour: at a first visit the guide may follow the model."""
    field = page.locator(".bin-field")
    expect(field).to_contain_text(name)
    expect(field).to_have_css("background-color", colour)


def only_photo(page: Page) -> dict[str, object]:
    (row,) = resident.documents(page, "photos")
    return dict(row)


def test_the_camera_takes_a_photo_and_the_answer_names_label_bin_and_certainty(phone: Visitor) -> None:
    page = phone.page
    page.get_by_role("button", name="Take photo").click()
    page.wait_for_url("**/app/answer/*")
    kept = only_photo(page)
    assert isinstance(kept["answer"], dict)
    expect(page.locator("main")).to_contain_text("Model 1, on this device")
    assert kept["state"] == "only_here"
    phone.look("answering-camera")


def test_a_chosen_photo_is_answered_with_colour_symbol_words_and_what_to_do(phone: Visitor, city: City) -> None:
    page = phone.page
    assert resident.ask(page, GLASS).label == "glass"
    expect_bin(page, "Green container: glass", GREEN)
    expect(page.locator(".bin-field")).to_contain_text(re.compile(r"Glass · (very|fairly|not very) sure"))
    expect(page.locator(".bin-field svg")).to_be_visible()
    expect(page.get_by_text("Empty it; lids go into the yellow bin.")).to_be_visible()
    expect(page.get_by_text("Glass containers at the street corner")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Glass: Green container: glass")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Glass: Green container: glass")
    assert city.photos() == []


def test_without_the_camera_the_app_says_how_to_allow_it_and_takes_files(visit: Callable[..., Visitor]) -> None:
    visitor = visit(camera=False)
    page = visitor.open()
    resident.welcome(page)
    expect(page.get_by_role("heading", name="The camera is not allowed")).to_be_visible()
    expect(page.get_by_text("set the camera to “Allow”")).to_be_visible()
    expect(page.get_by_role("button", name="Take photo")).to_be_disabled()
    visitor.look("answering-camera-denied")
    resident.choose(page, GLASS)
    page.wait_for_url("**/app/answer/*")


@pytest.mark.parametrize(
    ("error", "words"),
    [("NotFoundError", "No camera found"), ("NotReadableError", "Another app is using the camera")],
)
def test_what_is_wrong_with_the_camera_is_said(visit: Callable[..., Visitor], error: str, words: str) -> None:
    visitor = visit()
    visitor.context.add_init_script(_CAMERA_FAILS % error)
    page = visitor.open()
    resident.welcome(page)
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def test_the_camera_is_off_while_nobody_looks_at_it(phone: Visitor) -> None:
    page = phone.page
    expect(page.get_by_role("button", name="Take photo")).to_be_enabled()
    page.evaluate("window.tracks = document.querySelector('video').srcObject.getTracks()")
    page.get_by_role("link", name="Search").click()
    expect(page.locator("video")).to_have_count(0)
    assert page.evaluate("window.tracks.map((each) => each.readyState)") == ["ended"]


def test_a_file_that_is_no_photo_is_refused_in_words(phone: Visitor) -> None:
    resident.choose(phone.page, b"no photo at all")
    expect(phone.page.get_by_text("This file could not be read as a photo.").first).to_be_visible()
    assert resident.documents(phone.page, "photos") == []


def test_a_photo_that_is_too_large_is_refused_in_words_and_not_decoded(phone: Visitor) -> None:
    resident.choose(phone.page, pictures.save(Image.new("1", (9000, 6000)), "PNG"))
    expect(phone.page.get_by_text("This photo has more than 50 megapixels").first).to_be_visible()
    assert resident.documents(phone.page, "photos") == []


def test_an_unsure_model_names_no_bin_and_lets_people_choose(phone: Visitor) -> None:
    page = phone.page
    assert resident.ask(page, like_several()).label == "unsure"
    expect(page.locator(".bin-field")).to_contain_text("I am not sure")
    expect(page.locator(".bin-field")).not_to_contain_text("bin")
    phone.look("answering-unsure")
    page.get_by_role("button", name=re.compile("^Glass")).click()
    expect(page.get_by_text("You said: Glass")).to_be_visible()
    expect_bin(page, "Green container: glass", GREEN)
    assert only_photo(page)["correction"] == {"label": "glass", "reason": None}


def test_a_wrong_answer_is_corrected_with_one_tap_and_a_reason(phone: Visitor) -> None:
    page = phone.page
    resident.ask(page, GLASS)
    page.get_by_role("button", name="That is wrong").click()
    page.get_by_role("button", name=re.compile("^Paper")).click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert only_photo(page)["correction"] == {"label": "paper", "reason": None}
    phone.look("answering-reason")
    page.get_by_role("button", name="Dirty or wet").click()
    expect(page.get_by_role("button", name="Dirty or wet")).to_have_attribute("aria-pressed", "true")
    assert only_photo(page)["correction"] == {"label": "paper", "reason": "dirty_or_wet"}
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("The model said: Glass")).to_be_visible()
    expect_bin(page, "Blue bin: paper", BLUE)


def test_a_right_answer_is_confirmed_and_can_be_changed(phone: Visitor) -> None:
    page = phone.page
    resident.ask(page, GLASS)
    page.get_by_role("button", name="That is right").click()
    expect(page.get_by_text("You said: that is right")).to_be_visible()
    assert only_photo(page)["isConfirmed"] is True
    page.get_by_role("button", name="Change").click()
    page.get_by_role("button", name=re.compile("^Metal")).click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("You said: Metal")).to_be_visible()
    assert only_photo(page)["isConfirmed"] is False


def test_only_whoever_wants_to_help_is_asked_to_send_a_photo(phone: Visitor) -> None:
    page = phone.page
    resident.ask(page, GLASS)
    answer = page.url
    page.get_by_role("button", name="That is right").click()
    expect(page.get_by_text("You said: that is right")).to_be_visible()
    expect(page.get_by_role("link", name="Send it")).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Offer to send photos").check()
    resident.wait_for_setting(page, "sends", True)
    page.goto(answer)
    expect(page.get_by_role("link", name="Send it")).to_be_visible()


def test_what_is_covered_never_leaves_the_phone(phone: Visitor, city: City) -> None:
    page = phone.page
    resident.ask(page, with_a_name_on_it())
    page.goto(f"{page.url}/share")
    page.get_by_role("button", name="Cover something").click()
    page.get_by_role("button", name="Add a cover").click()
    expect(page.locator(".cover-photo img")).to_have_js_property("naturalHeight", 640)  # Covers are shares of it.
    cover = page.get_by_role("button", name="Cover 1")
    cover.focus()
    before, after = cover.bounding_box(), None
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    after = cover.bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] < before["y"]
    assert after["height"] > before["height"]
    phone.look("answering-share")
    page.evaluate(_NOTE_READING)
    resident.ask(phone.another_tab(), GLASS)
    page.evaluate("window.hasRead")
    assert cover.bounding_box() == after
    page.get_by_role("switch", name="Staff of the city may look at it").check()
    page.get_by_role("textbox").fill("A jar, with its lid")
    assert city.photos() == []
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/app/mine/*")
    while not city.photos():
        page.wait_for_timeout(50)
    (photo,) = city.photos()
    assert (photo.allow_review, photo.allow_training, photo.note) == (True, False, "A jar, with its lid")
    arrived = photo_store.read(city.place.storage, PhotoId(photo.id))
    assert spread_in_the_middle(arrived) < 8 < spread_in_the_middle(with_a_name_on_it())


def with_a_name_on_it() -> bytes:
    """Return a photo whose middle shows something that nobody should see."""
    picture = pictures.draw("glass", size=(480, 640))
    pen = ImageDraw.Draw(picture)
    for line in range(260, 380, 12):
        pen.line((190, line, 290, line), fill=(255, 255, 255), width=6)
    return pictures.save(picture, "JPEG")


def spread_in_the_middle(photo: bytes) -> float:
    """Return the standard deviation of the brightness there."""
    picture = Image.open(io.BytesIO(photo)).convert("L")
    width, height = picture.size
    middle = picture.crop((int(width * 0.4), int(height * 0.42), int(width * 0.6), int(height * 0.58)))
    return float(ImageStat.Stat(middle).stddev[0])


def test_there_is_an_answer_even_where_there_is_no_room_to_keep_the_photo(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.context.add_init_script(_NO_ROOM)
    page = visitor.open()
    resident.welcome(page)
    resident.choose(page, GLASS)
    page.wait_for_url("**/app/answer/passing")
    expect_bin(page, "Green container: glass", GREEN)
    expect(page.get_by_text("This photo could not be kept")).to_be_visible()
    expect(page.get_by_role("button", name="That is wrong")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="not on this phone any more")).to_be_visible()


def test_without_a_model_the_app_says_so_and_tries_again_when_asked(visit: Callable[..., Visitor]) -> None:
    visitor = visit(service_workers="block")
    visitor.context.route("**/bundled/*", lambda route: route.abort())
    page = visitor.open()
    resident.welcome(page)
    expect(page.get_by_text("The model cannot be used")).to_be_visible()
    expect(page.get_by_text("It has to be loaded once, and there is no network now.")).to_be_visible()
    visitor.look("answering-no-model")
    visitor.context.unroute("**/bundled/*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("The model cannot be used")).to_have_count(0)
    assert resident.ask(page, GLASS).label == "glass"


def test_the_guide_is_searched_by_name_and_by_bin(phone: Visitor) -> None:
    page = phone.page
    page.get_by_role("link", name="Search").click()
    page.get_by_role("textbox").fill("batery")
    first = page.locator(".things li").first
    expect(first).to_contain_text("Battery")
    expect(first).to_contain_text("Hazardous-waste point")
    expect(first).to_contain_text("Can catch fire")
    page.get_by_role("textbox").fill("qwrtz")
    expect(page.get_by_text("Nothing found for “qwrtz”")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("link", name="Green container: glass").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Green container: glass")
    expect(page.locator(".things li", has_text="Jam jar")).to_be_visible()


def test_the_app_says_that_there_is_no_network_and_answers(phone: Visitor) -> None:
    page = phone.page
    resident.looked(page)  # The guide has come.
    phone.context.set_offline(True)
    expect(page.get_by_role("complementary")).to_contain_text("No network. Answers come from this phone")
    assert resident.ask(page, pictures.jpeg("paper", size=(480, 640))).label == "paper"
    expect_bin(page, "Blue bin: paper", BLUE)
    phone.context.set_offline(False)
    expect(page.get_by_role("complementary")).to_have_count(0)
