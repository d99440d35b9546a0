"""How long it takes from the key to the next photo on the screen, in a real browser.

A server on a database of its own, photos of full size (1600 pixels), headless Chromium at 1440 x 900; a reviewer
accepts 50 photos with Enter, a moment of looking in between. The page itself measures from the time stamp of the key to
the end of the frame in which the next photo is painted (`performance.measure("review-next")`), for which the picture
has to be decoded (`decoding="sync"`). The verdict travels in the background; its round trip is told beside it.

    python benchmarks/review_speed.py --photos 50 --look 0.3
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlmodel import Session

from backend import migrations
from backend.api.dependencies import Parts
from backend.database import transaction
from backend.intake import photo_store
from backend.settings import Settings
from backend.tables import PhotoId
from mobile_models.document import sha256
from tests import pictures
from tests.backend import staff_world
from tests.backend.world import running

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SIZE = (1200, 1600)


def main() -> None:
    wanted = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), review_check_fraction=0, review_random_fraction=0)
        migrations.upgrade(settings.resolved_database_url)
        with running(settings) as (client, parts):
            _fill(parts, wanted.photos)
            _print(*_clear(str(client.base_url).rstrip("/"), wanted.photos, wanted.look))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--look", type=float, default=0.3, help="seconds between one photo and the next key")
    return parser.parse_args()


def _fill(parts: Parts, photos: int) -> None:
    with transaction(parts.engine) as session:
        staff_world.person(session, "ada")
        for number in range(photos + 1):  # The last one is shown and not decided.
            _add(session, parts, number)


def _add(session: Session, parts: Parts, number: int) -> None:
    small = pictures.draw(list(pictures.COLOURS)[number % 6], number, (300, 400))
    noise = np.random.default_rng(number).integers(-12, 13, (SIZE[1], SIZE[0], 3))
    large = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.int16) + noise
    content = pictures.save(Image.fromarray(large.clip(0, 255).astype(np.uint8)), "JPEG", quality=85)
    row = staff_world.photo(
        session,
        review_value=1 - number / 1000,
        sha256=sha256(content),
        width=SIZE[0],
        height=SIZE[1],
        size_bytes=len(content),
    )
    photo_store.put(parts.storage, PhotoId(row.id), content)


def _clear(address: str, photos: int, look: float) -> tuple[list[float], list[float], list[float]]:
    """Return milliseconds: key to photo, verdicts' round trips, and the server's part of these."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en")
        _sign_in(page, address)
        page.goto(f"{address}/console/review")
        page.click("button.large")
        page.wait_for_selector(".item[data-ready] >> nth=3", state="attached")
        for _ in range(photos):
            page.wait_for_selector(".item:not([hidden])[data-ready]")
            time.sleep(look)
            page.keyboard.press("Enter")
        page.wait_for_selector("#pending", state="hidden")
        found = json.loads(page.evaluate(_MEASURED))
        browser.close()
    return found["keys"], found["trips"], found["server"]


_MEASURED = """() => {
  const trips = performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/verdict"));
  return JSON.stringify({
    keys: performance.getEntriesByName("review-next").map((each) => each.duration),
    trips: trips.map((each) => each.duration),
    server: trips.map((each) => each.responseStart - each.requestStart),
  });
}"""


def _sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/console/sign-in")
    page.fill("#name", "ada")
    page.fill("#password", staff_world.PASSWORD)
    page.click("main button")
    page.wait_for_url("**/console")


def _print(keys: list[float], trips: list[float], server: list[float]) -> None:
    print(f"{len(keys)} photos, {SIZE[0]} x {SIZE[1]} pixels")
    for name, values in (
        ("key to next photo painted", keys),
        ("verdict there and back, in the background", trips),
        ("of that, waiting for the server", server),
    ):
        median, high = statistics.median(values), float(np.percentile(values, 95))
        print(f"{name:45} median {median:6.1f} ms   95th percentile {high:6.1f} ms   most {max(values):6.1f} ms")


if __name__ == "__main__":
    main()
