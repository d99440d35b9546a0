"""Slices: how accuracy depends on what a photo is like, by its brightness, its blur and the size of the thing.

Guarantees: each slice says how many photos it holds and how sure its accuracy is; photos that cannot be told (no plain
background, hence no size) are counted apart, never guessed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.fitting import backgrounds
from training.reporting import intervals
from training.reporting.intervals import Interval

Picture = NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Slice:
    """Photos that are alike in one way."""

    property: str
    name: str
    bounds: str
    """In words, with the unit."""
    photos: int
    accuracy: Interval | None
    """None where there is no photo."""


@dataclass(frozen=True)
class Property:
    """What is measured of a photo; NaN where it cannot be told."""

    name: str
    measure: Callable[[Picture], float]
    names: tuple[str, str, str]
    unit: str
    untold: str = ""
    """What to call the photos of which it cannot be told."""


def brightness(picture: Picture) -> float:
    """Mean luma, 0 to 255."""
    return float((picture.astype(np.float32) @ LUMA).mean())


def sharpness(picture: Picture) -> float:
    """Variance of the Laplacian of the luma: small where a photo is blurred (Pech-Pacheco et al. 2000)."""
    return float(ndimage.laplace(picture.astype(np.float32) @ LUMA).var())


def object_share(picture: Picture) -> float:
    """Share of the photo in % that is not the plain board; NaN where there is none."""
    mask = backgrounds.thing(picture)
    return float("nan") if mask is None else 100 * float((mask > 0.5).mean())


PROPERTIES = (
    Property("brightness", brightness, ("dark", "middling", "bright"), "mean luma, 0 to 255"),
    Property("sharpness", sharpness, ("blurred", "middling", "sharp"), "variance of the Laplacian"),
    Property(
        "object size",
        object_share,
        ("small", "middling", "large"),
        "share of the photo in %",
        untold="no plain background found",
    ),
)


def of_photos(pictures: Iterable[Picture], right: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Return the thirds of each property over photos uint8 [H, W, 3], of which `right` [n] were answered rightly.

    The photos are looked at one by one, so there may be more of them than fit into memory.
    """
    values = np.array([[each.measure(np.asarray(picture)) for each in PROPERTIES] for picture in pictures])
    found: list[Slice] = []
    for place, each in enumerate(PROPERTIES):
        found += _thirds(each, values[:, place], right)
    return tuple(found)


def _thirds(each: Property, values: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Slice]:
    told = ~np.isnan(values)
    slices = []
    if told.any():
        low, high = np.quantile(values[told], [1 / 3, 2 / 3])
        members = (told & (values < low), told & (values >= low) & (values < high), told & (values >= high))
        bounds = (f"below {low:.0f}", f"{low:.0f} to {high:.0f}", f"{high:.0f} and more")
        for name, chosen, words in zip(each.names, members, bounds, strict=True):
            slices.append(_slice(each, name, f"{each.unit}: {words}", right[chosen]))
    if each.untold and not told.all():
        slices.append(_slice(each, "unknown", each.untold, right[~told]))
    return slices


def _slice(each: Property, name: str, bounds: str, right: NDArray[np.bool_]) -> Slice:
    accuracy = intervals.of_share(int(right.sum()), len(right)) if len(right) else None
    return Slice(each.name, name, bounds, len(right), accuracy)


def words(slices: Sequence[Slice]) -> tuple[str, ...]:
    """Return a sentence for each slice that is surely worse than all photos of its property together."""
    sentences = []
    for each in slices:
        siblings = [other for other in slices if other.property == each.property and other.accuracy is not None]
        total = sum(other.photos for other in siblings)
        mean = sum(other.accuracy.value * other.photos for other in siblings if other.accuracy) / max(1, total)
        if each.accuracy is not None and each.accuracy.high < mean:
            sentences.append(
                f"Where {each.property} is {each.name} ({each.bounds}), it is right in {each.accuracy.value:.3f} of "
                f"{each.photos} photos, against {mean:.3f} overall."
            )
    return tuple(sentences)
