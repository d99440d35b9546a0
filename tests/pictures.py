"""Pictures that tests draw themselves: things of a class have its colour, and no two are equal."""

import io

import numpy as np
from PIL import Image, ImageDraw

COLOURS: dict[str, tuple[int, int, int]] = {
    "cardboard": (150, 100, 50),
    "glass": (60, 160, 90),
    "metal": (110, 120, 150),
    "paper": (225, 225, 215),
    "plastic": (60, 90, 220),
    "trash": (45, 40, 40),
}
"""Label id of `TRASHNET` to the colour of its things, in the order of the label set."""


def draw(label: str, seed: int = 0, size: tuple[int, int] = (96, 128)) -> Image.Image:
    """Return an RGB picture of a thing of `label`: its colour, its own shapes, and noise."""
    random = np.random.default_rng([seed, list(COLOURS).index(label)])
    red, green, blue = (int(value) for value in np.asarray(COLOURS[label]) + random.integers(-8, 9, 3))
    picture = Image.new("RGB", size, (red, green, blue))
    pen = ImageDraw.Draw(picture)
    for _ in range(4):
        left, top = random.uniform(0, 0.7, 2) * size
        width, height = random.uniform(0.1, 0.3, 2) * size
        shade = float(random.uniform(0.7, 1.3))
        colour = tuple(min(255, int(channel * shade)) for channel in (red, green, blue))
        pen.ellipse((left, top, left + width, top + height), fill=colour)
    noisy = np.asarray(picture, dtype=np.int16) + random.integers(-6, 7, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def jpeg(label: str = "glass", seed: int = 0, size: tuple[int, int] = (96, 128), **options: object) -> bytes:
    """Return `draw` as the bytes of a JPEG; `options` go to Pillow (exif=..., quality=...)."""
    return save(draw(label, seed, size), "JPEG", **options)


def save(picture: Image.Image, kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)  # type: ignore[arg-type]  # Each format has options of its own.
    return written.getvalue()
