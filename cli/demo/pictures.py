"""Pictures for a demonstration without photos: six kinds of things on a table, drawn from a seed.

Guarantees: the same seed draws the same pictures. Things come in groups: one object is photographed several times, as
people do, so that splitting by object matters here too. The kinds overlap enough that few pictures teach little.
"""

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from mobile_models.label_set import TRASHNET

EDGE_PIXELS = 160
PHOTOS_PER_OBJECT = (1, 2, 3)

Colour = tuple[int, int, int]
Draw = Callable[[ImageDraw.ImageDraw, random.Random], None]


@dataclass(frozen=True)
class DrawnPicture:
    label: str
    object_group: int
    image: Image.Image


def write_folder(directory: Path, count: int, seed: int = 0) -> None:
    """Write about `count` pictures as `directory/<label>/<n>.jpg` with a `groups.csv` beside them."""
    rows: list[tuple[str, int]] = []
    for number, picture in enumerate(draw(count, seed)):
        name = f"{picture.label}/{number:04d}.jpg"
        (directory / picture.label).mkdir(parents=True, exist_ok=True)
        picture.image.save(directory / name, quality=88)
        rows.append((name, picture.object_group))
    with (directory / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "object_group"), *rows])


def draw(count: int, seed: int) -> list[DrawnPicture]:
    """Return at least `count` pictures, the six labels in turn."""
    pictures: list[DrawnPicture] = []
    group = 0
    while len(pictures) < count:
        label = TRASHNET.ids[group % len(TRASHNET.ids)]
        thing = _thing(label, random.Random(f"{seed}-{group}"))  # noqa: S311  # Art, not secrets.
        for shot in range(PHOTOS_PER_OBJECT[group // len(TRASHNET.ids) % len(PHOTOS_PER_OBJECT)]):
            view = random.Random(f"{seed}-{group}-{shot}")  # noqa: S311
            pictures.append(DrawnPicture(label, group, _photograph(thing, view)))
        group += 1
    return pictures


def _thing(label: str, chance: random.Random) -> Image.Image:
    canvas = Image.new("RGBA", (EDGE_PIXELS, EDGE_PIXELS), (0, 0, 0, 0))
    _DRAWINGS[label](ImageDraw.Draw(canvas), chance)
    return canvas


def _photograph(thing: Image.Image, view: random.Random) -> Image.Image:
    """Put the thing on a table: turned, moved, nearer or farther, in other light, a little blurred and noisy."""
    grey = view.randint(150, 235)
    table = Image.new("RGB", thing.size, (grey, grey + view.randint(-8, 8), grey + view.randint(-12, 8)))
    scale = view.uniform(0.85, 1.2)
    size = (max(8, int(thing.width * scale)), max(8, int(thing.height * scale * view.uniform(0.85, 1.15))))
    turned = thing.resize(size).rotate(view.uniform(0, 360), expand=True, resample=Image.Resampling.BILINEAR)
    offset = tuple((table.size[i] - turned.size[i]) // 2 + view.randint(-12, 12) for i in (0, 1))
    table.paste(turned, (offset[0], offset[1]), turned)
    lit = ImageEnhance.Brightness(table).enhance(view.uniform(0.8, 1.15))
    return _grain(lit.filter(ImageFilter.GaussianBlur(view.uniform(0, 1))), view)


def _grain(photo: Image.Image, view: random.Random) -> Image.Image:
    noise = np.random.default_rng(view.getrandbits(64)).normal(0, view.uniform(1, 4), (*photo.size[::-1], 1))
    return Image.fromarray(np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8))


def _shade(colour: Colour, chance: random.Random, spread: int = 26) -> Colour:
    red, green, blue = (min(255, max(0, part + chance.randint(-spread, spread))) for part in colour)
    return red, green, blue


def _cardboard(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    left, top = chance.randint(18, 40), chance.randint(18, 40)
    right, bottom = chance.randint(110, 145), chance.randint(100, 145)
    brown = _shade((168, 124, 78), chance)
    pen.rectangle((left, top, right, bottom), fill=brown, outline=_shade((110, 78, 44), chance), width=3)
    for x in range(left + 5, right, chance.randint(6, 11)):
        pen.line((x, top, x, bottom), fill=_shade((140, 100, 60), chance, 10))


def _glass(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    tint = _shade(chance.choice([(70, 120, 70), (120, 80, 40), (170, 200, 200)]), chance, 18)
    _bottle(pen, chance, (*tint, 150))
    pen.line((62, 70, 62, 130), fill=(245, 250, 250, 220), width=chance.randint(3, 6))


def _metal(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    left, right = chance.randint(40, 55), chance.randint(105, 122)
    for x in range(left, right):
        light = int(120 + 110 * abs((x - left) / (right - left) - 0.5))
        pen.line((x, 30, x, 132), fill=(light, light, light + 6))
    band = _shade(chance.choice([(180, 40, 40), (40, 80, 170), (150, 150, 155)]), chance)
    pen.rectangle((left, 58, right, 58 + chance.randint(10, 46)), fill=band)


def _paper(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    white = _shade((228, 226, 216), chance, 16)
    corners = [(25, 20), (135, 24), (138, 140), (22, 136)]
    pen.polygon([(x + chance.randint(-10, 10), y + chance.randint(-10, 10)) for x, y in corners], fill=white)
    for y in range(38, 126, chance.randint(8, 13)):
        pen.line((38, y, chance.randint(80, 122), y), fill=(90, 90, 96), width=2)


def _plastic(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    tint = chance.choice([(60, 130, 200), (220, 220, 225), (200, 60, 120), (80, 170, 90)])
    _bottle(pen, chance, (*_shade(tint, chance), 235))
    pen.rectangle((68, 14, 92, 28), fill=_shade((200, 40, 50), chance, 50))


def _trash(pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
    for _ in range(chance.randint(9, 14)):
        x, y, radius = chance.randint(35, 125), chance.randint(35, 125), chance.randint(16, 34)
        corners = [(x + chance.randint(-radius, radius), y + chance.randint(-radius, radius)) for _ in range(5)]
        pen.polygon(corners, fill=_shade((120, 110, 100), chance, 110))


def _bottle(pen: ImageDraw.ImageDraw, chance: random.Random, fill: tuple[int, int, int, int]) -> None:
    shoulder, half = chance.randint(48, 66), chance.randint(22, 34)
    pen.rectangle((70, 24, 90, shoulder + 6), fill=fill)
    pen.rounded_rectangle((80 - half, shoulder, 80 + half, 146), radius=14, fill=fill)


_DRAWINGS: dict[str, Draw] = {
    "cardboard": _cardboard,
    "glass": _glass,
    "metal": _metal,
    "paper": _paper,
    "plastic": _plastic,
    "trash": _trash,
}
