"""Draws the pictures that systems want as PNG from `public/icons/icon.svg`, which is drawn by hand.

Run it after a change of the drawing: `.venv/bin/python web/build_steps/icons.py`. The results are committed, so that a
build needs no browser.
"""

import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ICONS = Path(__file__).parents[1] / "public" / "icons"
GREEN = "#0f6b4f"
ROUND = {"icon-192": 192, "icon-512": 512}
"""As drawn, with transparent corners: name to pixels."""
SQUARE = {"apple-touch-icon": (180, 1.0), "maskable-512": (512, 0.8)}
"""Systems cut these to their own shape: pixels, and the share of the width that they leave for certain."""
SPLASHES = {750: 1334, 828: 1792, 1125: 2436, 1170: 2532, 1179: 2556, 1206: 2622, 1290: 2796, 1320: 2868}
"""Screens of iPhones in pixels, upright: the only way to have something else than white there while the app starts."""
SPLASH_SHARE = 0.45


def main() -> None:
    drawing = (ICONS / "icon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, pixels in ROUND.items():
            _write(name, _picture(browser, drawing, "transparent", pixels, pixels))
        for name, (pixels, share) in SQUARE.items():
            _write(name, _picture(browser, _bare(drawing, share), GREEN, pixels, pixels))
        for width, height in SPLASHES.items():
            _write(f"splash-{width}", _picture(browser, _bare(drawing, SPLASH_SHARE), GREEN, width, height))
        browser.close()


def _bare(drawing: str, share: float) -> str:
    """The drawing without its ground, `share` as wide as the picture."""
    inside = re.sub(r"^<svg[^>]*><rect[^>]*/>|</svg>\s*$", "", drawing)
    shift = 32 * (1 - share)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<g transform="translate({shift} {shift}) scale({share})">{inside}</g></svg>'
    )


def _picture(browser: Browser, drawing: str, ground: str, width: int, height: int) -> bytes:
    page = browser.new_page(viewport={"width": width, "height": height})
    style = f"body {{ margin: 0; background: {ground} }} svg {{ display: block; width: 100vw; height: 100vh }}"
    page.set_content(f"<style>{style}</style>{drawing}")
    taken = page.screenshot(omit_background=True)
    page.close()
    return taken


def _write(name: str, taken: bytes) -> None:
    """Few colours are enough for three flat ones and their edges, and make the file a fraction as long."""
    few = Image.open(io.BytesIO(taken)).quantize(32, method=Image.Quantize.FASTOCTREE)
    few.save(ICONS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
