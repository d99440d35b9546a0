"""A map as a drawing, made on the server: for browsers without script or WebGL, and until the other one is there.

Guarantees: nothing is loaded from anywhere. Circles have an area that follows the number of photos.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.searching.photo_counts import Cell

WIDTH, HEIGHT = 800.0, 400.0
_MARGIN = 40.0
_LEAST_DEGREES = 0.04
_LARGEST_RADIUS = 26.0
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0)


@dataclass(frozen=True)
class Spot:
    x: float
    y: float
    radius: float
    photos: int


@dataclass(frozen=True)
class Line:
    """Of the graticule: where it lies, and the degree that it stands for."""

    at: float
    text: str


@dataclass(frozen=True)
class Drawing:
    spots: tuple[Spot, ...]
    meridians: tuple[Line, ...]
    parallels: tuple[Line, ...]


def draw(cells: Sequence[Cell]) -> Drawing:
    """Equirectangular, with the scale of the middle latitude: true enough for a city."""
    if not cells:
        return Drawing((), (), ())
    frame = _Frame(cells)
    most = max(cell.photos for cell in cells)
    spots = [
        Spot(*frame.place(cell.longitude, cell.latitude), _radius(cell.photos / most), cell.photos) for cell in cells
    ]
    return Drawing(
        tuple(spots),
        tuple(Line(frame.x(degree), _text(degree)) for degree in _degrees(frame.west, frame.east)),
        tuple(Line(frame.y(degree), _text(degree)) for degree in _degrees(frame.south, frame.north)),
    )


class _Frame:
    """The part of the world that is drawn."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        longitudes, latitudes = [cell.longitude for cell in cells], [cell.latitude for cell in cells]
        across = (min(longitudes) + max(longitudes)) / 2
        up = (min(latitudes) + max(latitudes)) / 2
        squeeze = max(math.cos(math.radians(up)), 0.01)
        wide = max((max(longitudes) - min(longitudes)) * squeeze, _LEAST_DEGREES)
        high = max(max(latitudes) - min(latitudes), _LEAST_DEGREES / 2)
        self._scale = min((WIDTH - 2 * _MARGIN) / wide, (HEIGHT - 2 * _MARGIN) / high)
        self._squeeze, self._across, self._up = squeeze, across, up
        half_wide, half_high = WIDTH / 2 / self._scale / squeeze, HEIGHT / 2 / self._scale
        self.west, self.east = across - half_wide, across + half_wide
        self.south, self.north = up - half_high, up + half_high

    def x(self, longitude: float) -> float:
        return round(WIDTH / 2 + (longitude - self._across) * self._squeeze * self._scale, 1)

    def y(self, latitude: float) -> float:
        return round(HEIGHT / 2 - (latitude - self._up) * self._scale, 1)

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        return self.x(longitude), self.y(latitude)


def _radius(share: float) -> float:
    return round(max(3.0, _LARGEST_RADIUS * math.sqrt(share)), 1)


def _degrees(low: float, high: float) -> list[float]:
    step = next((each for each in _STEPS if (high - low) / each <= 7), _STEPS[-1])
    first = math.ceil(low / step)
    return [round(number * step, 2) for number in range(first, math.floor(high / step) + 1)]


def _text(degree: float) -> str:
    return f"{degree:g}°"
