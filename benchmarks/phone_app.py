"""The residents' app in Chromium, with the release that ships: how soon it answers, and what it moves.

    make web
    python benchmarks/phone_app.py [--rounds 7]

It builds a small city (server, updates, worker) in this process, and opens the app in headless Chromium at phone size
through a relay that counts all bytes that come to the phone, headers included, over HTTP/1.1 without TLS. Browser,
server and relay share the processor cores of this machine with whatever else runs here: of the times, only those of the
browser beside those of the Python interpreter (in turn, on the same files, with as many threads) mean something
elsewhere. WebGPU is not used: the model answers on WebAssembly.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from backend.settings import Settings
from mobile_models import bundled, self_tests
from mobile_models.classifier import Classifier
from mobile_models.document import sha256
from mobile_models.manifest import ReleaseManifest
from tests import pictures
from tests.browser import CHROMIUM, PHONE
from tests.services import free_port
from tests.web import city as cities
from tests.web import narrow_road, resident
from tests.web.city import City
from tests.web.narrow_road import Road

DIST = Path(__file__).parents[1] / "web" / "dist"
PHOTOS = {"1.9 megapixels": (1600, 1200), "12 megapixels": (4000, 3000)}
CHANGED_BYTES = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(data_dir=Path(folder) / "var", web_app_dir=DIST, port=free_port())
        with cities.built(settings) as city, narrow_road.to(settings.port) as road:
            profile = Path(folder) / "profile"
            print_first_visit(playwright, profile, road)
            print_starts(playwright, profile, road, rounds)
            print_answers(playwright, profile, road, rounds)
            print_updates(playwright, profile, road, city, Path(folder))


@contextmanager
def phone(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """A browser of its own process, with what is kept in `profile`."""
    width, height = PHONE
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=["--no-sandbox"], viewport={"width": width, "height": height}
    )
    try:
        yield context
    finally:
        context.close()


def print_first_visit(playwright: Playwright, profile: Path, road: Road) -> None:
    with phone(playwright, profile) as context:
        page, began = context.pages[0], time.perf_counter()
        page.goto(f"{road.url}/app/")
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        seen = time.perf_counter() - began
        resident.looked(page)
        resident.can_go_offline(page)
        until_ready = time.perf_counter() - began
        resident.welcome(page)
        page.wait_for_load_state("networkidle")
    print(f"\nfirst visit: {sum(road.passed):,} bytes")
    print(f"  welcome after {seen:.1f} s, ready for flight mode after {until_ready:.1f} s")
    for name, pattern in {"page": "index-*.js.br", "worker": "phone.worker-*.js.br", "styles": "*.css.br"}.items():
        print(f"  {name:<28}{sum(file.stat().st_size for file in DIST.glob(f'assets/{pattern}')):>12,} bytes")
    runtime = {
        kind: sum(file.stat().st_size for file in DIST.glob(f"assets/litert_wasm_{kind}_*.br")) for kind in RUNTIMES
    }
    print("  runtime, one of              " + ", ".join(f"{kind} {size:,}" for kind, size in runtime.items()))
    print(f"  model and manifest           {sum((bundled.newest() / name).stat().st_size for name in RELEASE):>12,}")


RUNTIMES = ("threaded", "compat")
RELEASE = ("model.tflite", "manifest.json")


def print_starts(playwright: Playwright, profile: Path, road: Road, rounds: int) -> None:
    """Without a network: the first answer of a browser that was just started, and after loading the page again."""
    cold, warm, photo = [], [], pictures.jpeg("glass", 1, (1600, 1200))
    for _ in range(rounds):
        with phone(playwright, profile) as context:
            context.set_offline(True)
            page = context.pages[0]
            cold.append(_seconds_to_answer(page, road, photo))
            warm.append(_seconds_to_answer(page, road, photo))
    print(f"\nfirst answer without a network, from opening the app (median of {rounds}, worst)")
    for name, found in {"cold start (new process)": cold, "warm start (loaded again)": warm}.items():
        print(f"  {name:<28}{statistics.median(found):>10.2f} s{max(found):>10.2f} s")


def _seconds_to_answer(page: Page, road: Road, photo: bytes) -> float:
    began = time.perf_counter()
    page.goto(f"{road.url}/app/")
    resident.ask(page, photo)
    return time.perf_counter() - began


def print_answers(playwright: Playwright, profile: Path, road: Road, rounds: int) -> None:
    """From a chosen file to its answer on the screen, and the phone's own part of it beside Python's."""
    classifier = Classifier.load(bundled.newest(), threads=min(4, os.cpu_count() or 1))
    print(f"\n{'one photo, median of ' + str(rounds):<22}{'on screen':>12}{'browser':>12}{'Python':>12}{'ratio':>8}")
    with phone(playwright, profile) as context:
        page = context.pages[0]
        page.goto(f"{road.url}/app/")
        for name, size in PHOTOS.items():
            photo = pictures.jpeg("plastic", 2, size)
            resident.ask(page, photo)
            screen, browser, python = [], [], []
            for _ in range(rounds):  # In turn, so that what else happens here strikes both alike.
                page.get_by_role("link", name="Camera").click()
                began = time.perf_counter()
                said = resident.ask(page, photo)
                screen.append((time.perf_counter() - began) * 1000)
                browser.append(said.milliseconds)
                python.append(classifier.classify(photo).milliseconds)
            medians = [statistics.median(each) for each in (screen, browser, python)]
            print(f"{name:<22}" + "".join(f"{each:>9.0f} ms" for each in medians) + f"{medians[1] / medians[2]:>8.1f}")


def print_updates(playwright: Playwright, profile: Path, road: Road, city: City, folder: Path) -> None:
    """A release that differs in `CHANGED_BYTES` of its weights, whole and as a patch."""
    print()
    with phone(playwright, profile) as context:
        page = context.pages[0]
        page.goto(f"{road.url}/app/")
        resident.look_for_update(page)  # After the look that the app begins by itself.
        newest = ReleaseManifest.read(bundled.newest() / "manifest.json").version
        for place, name in enumerate(("whole", "patch"), start=1):
            city.publish(newest + place, folder=_changed(folder / name, newest + place))
            with city.tampered("targets/patches/*", None) if name == "whole" else _nothing():
                road.passed.clear()
                assert resident.look_for_update(page)[2] == newest + place
            print(f"update, {name:<24}{sum(road.passed):>12,} bytes, of a model of {_model_bytes(folder / name):,}")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _changed(folder: Path, version: int) -> Path:
    """A copy of the bundled release under another version, with other weights and true self-tests."""
    shutil.copytree(bundled.newest(), folder)
    content = bytearray((folder / "model.tflite").read_bytes())
    start = content.find(_largest_weights(bytes(content)))
    for place in range(start, start + CHANGED_BYTES):
        content[place] ^= version % 2 + 1
    (folder / "model.tflite").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    tests = self_tests.make(bytes(content), len(manifest["label_set"]["labels"]))
    manifest |= {"version": version, "self_tests": [test.model_dump(mode="json") for test in tests]}
    manifest["model"]["sha256"] = sha256(bytes(content))
    ReleaseManifest.model_validate(manifest).write(folder / "manifest.json")
    return folder


def _largest_weights(model: bytes) -> bytes:
    interpreter = Interpreter(model_content=model)
    weights = [interpreter.get_tensor(each["index"]) for each in interpreter.get_tensor_details() if _is_weights(each)]
    largest: bytes = max(weights, key=lambda each: each.size).tobytes()
    return largest


def _is_weights(tensor: dict[str, Any]) -> bool:
    return tensor["dtype"] == np.int8 and len(tensor["shape"]) == 4 and tensor["shape"][0] > 1


def _model_bytes(folder: Path) -> int:
    return (folder / "model.tflite").stat().st_size


if __name__ == "__main__":
    main()
