"""The browser answers as the Python classifier does: the same label and scores for the same files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from mobile_models import bundled
from mobile_models.classifier import Classifier
from tests import pictures
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

Visit = Callable[..., Visitor]

SCORES = 0.002
"""Largest allowed difference of a score. None was measured with libjpeg-turbo on both sides; another release of it may
round single pixels otherwise."""
REAL_SCORES, REAL_PHOTOS = 0.02, 30


def _drawn() -> dict[str, bytes]:
    """Photos that differ in size, direction, kind of file and colours."""
    upside_down = Image.Exif()
    upside_down[0x0112] = 6
    grey, clear = pictures.draw("metal", 3).convert("L"), pictures.draw("glass", 4).convert("RGBA")
    clear.putalpha(90)
    drawn = {f"{label}.jpg": pictures.jpeg(label, seed) for seed, label in enumerate(pictures.COLOURS)}
    return drawn | {
        "large.jpg": pictures.jpeg("plastic", 7, (4000, 3000)),
        "narrow.jpg": pictures.jpeg("paper", 8, (31, 777)),
        "turned.jpg": pictures.jpeg("trash", 9, (320, 200), exif=upside_down),
        "grey.jpg": pictures.save(grey, "JPEG"),
        "photo.png": pictures.save(pictures.draw("cardboard", 10, (640, 480)), "PNG"),
        "clear.png": pictures.save(clear, "PNG"),
        "photo.webp": pictures.save(pictures.draw("glass", 11, (300, 400)), "WEBP", lossless=True),
    }


@pytest.fixture
def page(visit: Visit, city: City) -> Page:
    """The app, answering with the release that people run."""
    city.publish(2, folder=bundled.newest())
    page = visit().open()
    resident.welcome(page)
    assert resident.look_for_update(page)[2] == 2
    return page


def _largest_difference(page: Page, photos: dict[str, bytes]) -> float:
    """Compare all answers; return by how much the worst score differs."""
    classifier = Classifier.load(bundled.newest())
    worst = 0.0
    for name, photo in photos.items():
        expected, said = classifier.classify(photo), resident.ask(page, photo, name)
        difference = max(abs(said.scores[label] - score) for label, score in expected.scores.items())
        worst = max(worst, difference)
        assert said.label == expected.label, f"{name}: {said} instead of {expected}"
        assert said.novelty == pytest.approx(expected.novelty, rel=0.05), name
    return worst


def test_drawn_pictures_are_answered_alike(page: Page) -> None:
    assert _largest_difference(page, _drawn()) <= SCORES


@pytest.mark.real_photos
def test_real_photos_are_answered_alike(page: Page, test_data: Path) -> None:
    files = sorted((test_data / "trashnet").rglob("*.jpg"))
    chosen = files[:: len(files) // REAL_PHOTOS][:REAL_PHOTOS]
    assert len(chosen) == REAL_PHOTOS
    photos = {f"{file.parent.name}/{file.name}": file.read_bytes() for file in chosen}
    assert _largest_difference(page, photos) <= REAL_SCORES
