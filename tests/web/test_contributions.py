"""What residents share reaches the city once, whatever happens in between; what they take back is gone."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from backend.tables import Photo, PhotoState
from tests import pictures
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor
from tests.web.service_worker import controlled

Visit = Callable[..., Visitor]
SUBMISSIONS = "**/v1/submissions/*"
_METERED = "Object.defineProperty(Navigator.prototype, 'connection', {{get: () => ({{type: '{}'}})}})"
_PICTURES = """async () => {
  const opened = await new Promise((resolve) => {
    const asked = indexedDB.open("wastelens");
    asked.onsuccess = () => resolve(asked.result);
  });
  const asked = opened.transaction("pictures").objectStore("pictures").getAll();
  const found = await new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)));
  opened.close();
  const bytes = async (blob) => blob && Array.from(new Uint8Array(await blob.arrayBuffer()));
  return Promise.all(found.map(async ({ photo, thumbnail }) => [await bytes(photo), await bytes(thumbnail)]));
}"""


@pytest.fixture
def begin(visit: Visit) -> Callable[..., Visitor]:
    """A resident who helps with photos, and whose phone can do without a network from now on."""

    def start(**options: Any) -> Visitor:
        visitor = visit(**options)
        resident.welcome(controlled(visitor.open()), helps=True)
        return visitor

    return start


@pytest.fixture
def alone(visit: Visit) -> Callable[..., Visitor]:
    """The same without a service worker, so that the page alone sends."""

    def start(**options: Any) -> Visitor:
        visitor = visit(service_workers="block", **options)
        resident.welcome(visitor.open(), helps=True)
        return visitor

    return start


def _only(city: City) -> Photo:
    (photo,) = city.photos()
    return photo


def test_nothing_leaves_the_phone_before_it_is_shared(begin: Callable[..., Visitor], city: City) -> None:
    page = begin().page
    resident.correct(page)
    page.reload()
    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_text("Only on this phone")).to_be_visible()
    assert city.photos() == []


def test_a_correction_made_offline_arrives_once_after_reconnecting(begin: Callable[..., Visitor], city: City) -> None:
    visitor = begin()
    resident.correct(visitor.page)
    visitor.context.set_offline(True)
    resident.send(visitor.page)
    visitor.page.get_by_role("link", name="My photos").click()
    expect(visitor.page.get_by_text("Waits for a network")).to_be_visible()
    visitor.page.reload()
    assert (resident.state(visitor.page), city.photos()) == ("waiting", [])
    visitor.context.set_offline(False)
    resident.wait_for_state(visitor.page, "sent")
    photo = _only(city)
    assert (photo.predicted_label, photo.corrected_label, photo.id) == (
        "glass",
        "metal",
        resident.documents(visitor.page, "photos")[0]["id"],
    )


def test_a_city_that_was_away_is_tried_again(begin: Callable[..., Visitor], city: City) -> None:
    page = begin().page
    resident.correct(page)
    city.stop()
    resident.send(page)
    resident.wait_for_state(page, "waiting")
    city.start()
    resident.wait_for_state(page, "sent")
    assert _only(city).corrected_label == "metal"


def test_what_arrived_although_the_answer_was_lost_is_one_submission(alone: Callable[..., Visitor], city: City) -> None:
    visitor = alone()
    lost: list[str] = []

    def lose_one(route: Route) -> None:
        if route.request.method == "PUT" and not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.fallback()

    visitor.context.route(SUBMISSIONS, lose_one)
    resident.share(visitor.page)
    resident.wait_for_state(visitor.page, "sent")
    assert len(lost) == 1
    assert _only(city).corrected_label == "metal"


def test_a_tab_that_was_killed_while_it_sent_is_continued_by_the_next(
    alone: Callable[..., Visitor], city: City
) -> None:
    visitor = alone()
    held: list[Route] = []

    def hold_one(route: Route) -> None:
        if route.request.method == "PUT" and not held:
            route.fetch()
            held.append(route)  # It is never answered.
        else:
            route.fallback()

    visitor.context.route(SUBMISSIONS, hold_one)
    resident.share(visitor.page)
    while not held:
        visitor.page.wait_for_timeout(50)
    assert (resident.state(visitor.page), len(city.photos())) == ("sending", 1)
    visitor.page.close()
    page = visitor.another_tab("mine")
    resident.wait_for_state(page, "sent")
    assert _only(city).corrected_label == "metal"


def test_two_tabs_and_the_service_worker_send_one_photo_once(begin: Callable[..., Visitor], city: City) -> None:
    visitor = begin()
    put: list[str] = []
    visitor.context.on("response", lambda told: put.append(told.url) if told.request.method == "PUT" else None)
    resident.correct(visitor.page)
    visitor.context.set_offline(True)
    other = visitor.another_tab("mine")
    resident.send(visitor.page)
    expect(other.get_by_text("Waits for a network").first).to_be_visible()
    visitor.context.set_offline(False)
    expect(other.get_by_text("Arrived").first).to_be_visible()
    resident.wait_for_state(visitor.page, "sent")
    assert len(city.photos()) == 1
    assert len(put) <= 1, "none if the service worker was first"


def test_photos_wait_for_wifi_where_the_resident_wants_it(alone: Callable[..., Visitor], city: City) -> None:
    visitor = alone()
    page = visitor.page
    visitor.context.add_init_script(_METERED.format("cellular"))
    page.reload()
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Send photos over Wi-Fi only").check()
    resident.share(page)
    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_text("Waits for Wi-Fi")).to_be_visible()
    page.reload()
    assert (resident.state(page), city.photos()) == ("waiting", [])
    visitor.context.add_init_script(_METERED.format("wifi"))
    page.reload()
    resident.wait_for_state(page, "sent")
    assert len(city.photos()) == 1


def test_a_withdrawn_photo_is_gone_here_at_once_and_there_when_the_city_is_reached(
    begin: Callable[..., Visitor], city: City
) -> None:
    visitor = begin()
    page = visitor.page
    resident.share(page)
    resident.wait_for_state(page, "sent")
    visitor.context.set_offline(True)
    page.get_by_role("button", name="Withdraw it").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw it").click()
    page.wait_for_url("**/app/mine")
    assert page.evaluate(_PICTURES) == [[None, None]]
    assert _only(city).state != PhotoState.WITHDRAWN
    visitor.context.set_offline(False)
    while resident.documents(page, "photos")[0]["waiting"]["withdrawal"]:
        page.wait_for_timeout(50)
    assert _only(city).state == PhotoState.WITHDRAWN


def test_consent_can_be_given_and_taken_back_after_it_was_sent(begin: Callable[..., Visitor], city: City) -> None:
    page = begin().page
    resident.share(page)
    resident.wait_for_state(page, "sent")
    assert not _only(city).allow_training
    for wanted in (True, False):
        page.get_by_label("The model may learn from it").set_checked(wanted)
        while _only(city).allow_training is not wanted:
            page.wait_for_timeout(50)


def test_the_resident_sees_what_became_of_a_photo(begin: Callable[..., Visitor], city: City) -> None:
    page = begin().page
    resident.correct(page)
    page.get_by_role("link", name="Send it", exact=True).click()
    page.get_by_label("Staff of the city may look at it").check()
    page.get_by_label("The model may learn from it").check()
    page.get_by_role("button", name="Send", exact=True).click()
    resident.wait_for_state(page, "sent")
    city.work()
    city.review(_only(city).id, "metal")
    city.publish(2)
    city.teach(2, _only(city).id)
    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_text("1 photo has counted · 1 of them is in a model")).to_be_visible()


def test_a_photo_is_kept_small_upright_and_without_what_cameras_write_into_it(begin: Callable[..., Visitor]) -> None:
    page = begin().page
    taken = Image.new("RGB", (3000, 2000), (60, 160, 90))
    taken.paste((255, 0, 0), (0, 0, 3000, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned by 90 degrees: its top is on the right.
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}
    resident.ask(page, pictures.save(taken, "JPEG", exif=exif.tobytes()))
    (kept,) = page.evaluate(_PICTURES)
    photo, thumbnail = (Image.open(io.BytesIO(bytes(each))) for each in kept)
    assert (photo.format, photo.size, thumbnail.size) == ("JPEG", (1067, 1600), (320, 480))
    assert not photo.getexif() and not photo.info.keys() & {"exif", "xmp", "comment"}
    red, green = photo.getpixel((1060, 800)), photo.getpixel((10, 800))
    assert red[0] > 200 and green[0] < 100  # type: ignore[index]


def test_all_that_is_known_of_the_resident_can_be_taken_along(
    begin: Callable[..., Visitor], city: City, tmp_path: Path
) -> None:
    page = begin().page
    resident.share(page)
    resident.wait_for_state(page, "sent")
    resident.correct(page, seed=1)
    page.get_by_role("link", name="Settings").click()
    page.locator("a[href$='/settings/privacy']").click()
    page.get_by_role("button", name="Take my data along").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the file").click()
    download.value.save_as(tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert archive.testzip() is None
        data = json.loads(archive.read("wastelens.json"))
        photos = [name for name in archive.namelist() if name.startswith("photos/")]
        sizes = {Image.open(archive.open(name)).size for name in photos}
    assert data["server_answered"] is True
    assert len(data["on_this_phone"]["photos"]) == len(photos) == 2
    assert sizes == {(96, 128)}, "one from here, the other from the city"
    assert _only(city).id in json.dumps(data["on_the_server"])


def test_a_phone_that_is_to_be_forgotten_leaves_nothing_here_and_no_photo_there(
    begin: Callable[..., Visitor], city: City
) -> None:
    page = begin().page
    resident.share(page)
    resident.wait_for_state(page, "sent")
    page.get_by_role("link", name="Settings").click()
    page.locator("a[href$='/settings/privacy']").click()
    page.get_by_role("button", name="Forget this phone").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget everything").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    while _only(city).state != PhotoState.WITHDRAWN:
        page.wait_for_timeout(50)
    assert resident.documents(page, "photos") == []
