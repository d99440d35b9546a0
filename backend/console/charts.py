"""Charts: numbers to lines, drawn on the server.

Guarantees: no script and no inline style is needed; a curve is told from another by its dashes as well as its colour,
and every chart comes with its figures as a table (`charts.html`). A value that is not there leaves a gap, never a zero.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

WIDTH, HEIGHT = 600.0, 200.0
Colour = Literal["one", "two", "three", "four"]
DASHES: dict[Colour, str] = {"one": "none", "two": "7 4", "three": "2 4", "four": "10 3 2 3"}
_GRID_LINES = 4
_MARGIN = 0.08


@dataclass(frozen=True)
class Point:
    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    """Of an interval around `y`."""


@dataclass(frozen=True)
class Series:
    name: str
    points: Sequence[Point]
    colour: Colour = "one"

    @property
    def dashes(self) -> str:
        return DASHES[self.colour]


@dataclass(frozen=True)
class Drawn:
    """A series as shapes in a box of `WIDTH` by `HEIGHT`."""

    series: Series
    lines: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    title: str
    drawn: tuple[Drawn, ...]
    y_texts: tuple[str, ...]
    """From the top to the bottom, at even distances."""
    x_texts: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The figures: what stands on the x axis, then one text for each series."""
    grid: tuple[float, ...] = field(default=tuple(HEIGHT * place / _GRID_LINES for place in range(_GRID_LINES + 1)))

    @property
    def is_empty(self) -> bool:
        return not self.rows


def lines(
    title: str,
    series: Sequence[Series],
    *,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    least: float | None = None,
    most: float | None = None,
) -> Chart:
    """Draw curves over one x axis; `least` and `most` are ends of the y axis that are shown in any case."""
    xs = sorted({point.x for each in series for point in each.points})
    bottom, top = _range([value for each in series for value in _values(each)], least, most)
    box = _Box(xs[0] if xs else 0.0, xs[-1] if xs else 1.0, bottom, top)
    steps = [top - (top - bottom) * place / _GRID_LINES for place in range(_GRID_LINES + 1)]
    return Chart(
        title=title,
        drawn=tuple(_draw(each, box) for each in series),
        y_texts=tuple(map(y_text, steps)),
        x_texts=tuple(map(x_text, _ends(xs))),
        rows=tuple(_rows(series, xs, x_text, y_text)),
    )


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    bottom: float
    top: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.left) / (self.right - self.left) if self.right > self.left else 0.5
        return round(across * WIDTH, 2), round((self.top - y) / (self.top - self.bottom) * HEIGHT, 2)


def _values(series: Series) -> Iterator[float]:
    for point in series.points:
        yield from (value for value in (point.y, point.low, point.high) if value is not None)


def _range(values: Sequence[float], least: float | None, most: float | None) -> tuple[float, float]:
    ends = [*values, *(end for end in (least, most) if end is not None)] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    room = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    return (low if low == least else low - room), (high if high == most and high > low else high + room)


def _draw(series: Series, box: _Box) -> Drawn:
    stretches = list(_stretches(series.points))
    placed = [[box.place(point.x, point.y) for point in each if point.y is not None] for each in stretches]
    return Drawn(
        series=series,
        lines=tuple(" ".join(f"{x},{y}" for x, y in each) for each in placed if len(each) > 1),
        bands=tuple(filter(None, (_band(each, box) for each in stretches))),
        dots=tuple(each[-1] for each in placed),
    )


def _stretches(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield what is drawn in one go: up to the next gap."""
    stretch: list[Point] = []
    for point in points:
        if point.y is None or not math.isfinite(point.y):
            if stretch:
                yield stretch
            stretch = []
        else:
            stretch.append(point)
    if stretch:
        yield stretch


def _band(points: Sequence[Point], box: _Box) -> str:
    known = [(point.x, point.low, point.high) for point in points if point.low is not None and point.high is not None]
    if len(known) < 2:  # One place has no area.
        return ""
    above = [box.place(x, high) for x, _, high in known]
    below = [box.place(x, low) for x, low, _ in reversed(known)]
    return " ".join(f"{x},{y}" for x, y in (*above, *below))


def _ends(xs: Sequence[float]) -> list[float]:
    return [xs[0], xs[-1]] if len(xs) > 1 else list(xs)


def _rows(
    series: Sequence[Series], xs: Sequence[float], x_text: Callable[[float], str], y_text: Callable[[float], str]
) -> Iterator[tuple[str, ...]]:
    found = [{point.x: point for point in each.points} for each in series]
    for x in xs:
        yield (x_text(x), *(_text(each.get(x), y_text) for each in found))


def _text(point: Point | None, y_text: Callable[[float], str]) -> str:
    if point is None or point.y is None:
        return "–"
    if point.low is None or point.high is None:
        return y_text(point.y)
    return f"{y_text(point.y)} ({y_text(point.low)} – {y_text(point.high)})"
