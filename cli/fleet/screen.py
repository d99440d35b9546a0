"""The curves in the terminal, redrawn after each day of the city."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.fleet.play import Wanted
from mobile_models.field_report import Arm
from phone.fleet.diary import CityDay

_HEIGHT = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"


class Screen:
    """Shows adoption and correction of the candidate; where there is no terminal, one line for each day."""

    def __init__(self, console: Console, wanted: Wanted) -> None:
        self._console, self._days = console, wanted.days
        self._phones, self._candidate = wanted.phones + wanted.full_phones, wanted.candidate
        self._title = f"{wanted.scenario}: {self._phones:,} phones, {wanted.days} days"
        self._lived: list[CityDay] = []
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> "Screen":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def add(self, day: CityDay) -> None:
        self._lived.append(day)
        if self._console.is_terminal:
            self._live.update(self._drawn(), refresh=True)
        else:
            self._console.print(_line(day, self._candidate))

    def _drawn(self) -> RenderableType:
        adoption = [day.running[self._candidate] / self._phones for day in self._lived]
        curves = Table.grid(padding=(0, 4))
        curves.add_row(
            Group(Text(f"phones on release {self._candidate}, 0 to 100 %"), *chart(adoption, 1.0, self._days)),
            Group(Text("answers corrected with it, 0 to 30 %"), *chart(self._corrected(), 0.3, self._days)),
        )
        return Group(Text(self._title, style="bold"), curves, Text(_line(self._lived[-1], self._candidate)))

    def _corrected(self) -> list[float]:
        return [day.correction_rate(Arm.CANDIDATE) or 0.0 for day in self._lived]


def chart(values: list[float], top: float, width: int, height: int = _HEIGHT) -> list[Text]:
    """Return `height` lines of block signs, one column for each value; `width` columns in all."""
    eighths = [round(min(1.0, max(0.0, value / top)) * height * 8) for value in values]
    rows = []
    for row in range(height - 1, -1, -1):
        signs = "".join(_BLOCKS[min(8, max(0, each - 8 * row))] for each in eighths)
        rows.append(Text("│" + signs.ljust(width), style="cyan"))
    return [*rows, Text("└" + "─" * width)]


def _line(day: CityDay, candidate: int) -> str:
    rollout = "not published" if day.rollout is None else f"{day.rollout.state} at {day.rollout.percent:g} %"
    return (
        f"day {day.number:>2}: {rollout}, {day.running[candidate]:,} phones on release {candidate}, "
        f"{day.online:,} online, {sum(day.refused.values()):,} refusals, {day.seconds:.1f} s"
    )
