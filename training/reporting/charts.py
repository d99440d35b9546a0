"""Charts as inline SVG: learning curves, reliability, accuracy against coverage, dots with intervals.

Guarantees: a chart scales with its column and takes its colours from the page (light or dark); series differ in dash or
shape as well as in colour; each chart has a title and a description for those who do not see it. All text is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 16, 46
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A series; `kind` is one of the page's styles: one, two, three, four, guide."""

    name: str
    points: Sequence[Point]
    kind: str = "one"
    dots: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical line with a word at its top, or a labelled dot where `y` is given."""

    x: float
    name: str
    y: float | None = None


@dataclass(frozen=True)
class Bar:
    left: float
    right: float
    height: float


@dataclass(frozen=True)
class Axis:
    name: str
    low: float
    high: float
    digits: int = 1

    def ticks(self, count: int = 5) -> list[float]:
        return [self.low + (self.high - self.low) * place / count for place in range(count + 1)]


@dataclass(frozen=True)
class Chart:
    """`title` names the chart; `description` says what it shows."""

    title: str
    description: str
    across: Axis
    up: Axis
    lines: Sequence[Line] = ()
    marks: Sequence[Mark] = ()
    bars: Sequence[Bar] = field(default=())

    def svg(self) -> str:
        """Return the chart as one `<svg>` element."""
        parts = (self._frame(), *map(self._bar, self.bars), *map(self._line, self.lines), self._marks())
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(f"{self.title}. {self.description}")}">'
            f"<title>{escape(self.title)}</title>{''.join(parts)}</svg>"
        )

    def _x(self, value: float) -> float:
        return round(LEFT + _share(value, self.across) * (WIDTH - LEFT - RIGHT), 1)

    def _y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - _share(value, self.up) * (HEIGHT - TOP - BOTTOM), 1)

    def _frame(self) -> str:
        across = [
            f'<text class="tick" x="{self._x(tick)}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">'
            f"{tick:.{self.across.digits}f}</text>"
            for tick in self.across.ticks()
        ]
        up = [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self._y(tick)}" y2="{self._y(tick)}"/>'
            f'<text class="tick" x="{LEFT - 7}" y="{self._y(tick) + 4}" text-anchor="end">'
            f"{tick:.{self.up.digits}f}</text>"
            for tick in self.up.ticks()
        ]
        middle = (TOP + HEIGHT - BOTTOM) / 2
        names = (
            f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
            f"{escape(self.across.name)}</text>"
            f'<text class="axis up" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.up.name)}</text>"
        )
        return "".join((*up, *across, names))

    def _bar(self, bar: Bar) -> str:
        left, right, top = self._x(bar.left), self._x(bar.right), self._y(bar.height)
        height = round(HEIGHT - BOTTOM - top, 1)
        return (
            f'<rect class="bar" x="{left + 1}" y="{top}" width="{max(0.5, right - left - 2):.1f}" height="{height}"/>'
        )

    def _line(self, line: Line) -> str:
        places = [(self._x(x), self._y(y)) for x, y in line.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        drawn = f'<polyline class="line {line.kind}" points="{path}"/>' if len(places) > 1 else ""
        dots = places if line.dots or len(places) == 1 else []
        return drawn + "".join(f'<circle class="dot {line.kind}" cx="{x}" cy="{y}" r="4"/>' for x, y in dots)

    def _marks(self) -> str:
        return "".join(self._upright(mark) if mark.y is None else self._labelled_dot(mark) for mark in self.marks)

    def _upright(self, mark: Mark) -> str:
        x = self._x(mark.x)
        return (
            f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text class="mark-name" x="{x + 4}" y="{TOP + 11}">{escape(mark.name)}</text>'
        )

    def _labelled_dot(self, mark: Mark) -> str:
        x, y = self._x(mark.x), self._y(mark.y or 0)
        anchor = "end" if x > WIDTH / 2 else "start"
        shift = -9 if anchor == "end" else 9
        drop = -10 if y > HEIGHT - BOTTOM - 22 else 18  # Below the dot, unless the axis is there.
        return (
            f'<circle class="dot point" cx="{x}" cy="{y}" r="5"/>'
            f'<text class="mark-name" x="{x + shift}" y="{y + drop}" text-anchor="{anchor}">{escape(mark.name)}</text>'
        )


def _share(value: float, axis: Axis) -> float:
    """Where `value` lies between the ends of the axis; values beyond lie on its end."""
    return min(1.0, max(0.0, (value - axis.low) / (axis.high - axis.low)))
