"""Curves of a rollout: how many phones run it, and how often its answers are corrected, beside everybody else.

Guarantees: a day of which too little is known is left out, never drawn as zero.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date

from backend.console import charts
from backend.console.charts import Chart, Colour, Point, Series
from backend.console.language import Language
from backend.console.models import words
from backend.evidence.field_figures import DayFigures
from mobile_models.field_report import Arm

_COLOURS: dict[Arm, Colour] = {Arm.CANDIDATE: "one", Arm.CURRENT: "two", Arm.AWAITED: "three", Arm.BUNDLED: "four"}
_Z = 1.959964
"""Of an interval of 95 %."""


def adoption(language: Language, days: Sequence[DayFigures], others: Sequence[DayFigures]) -> Chart:
    gettext = language.texts.gettext
    series = [
        Series(gettext("this release"), _running(days), "one"),
        Series(gettext("the release before"), _running(others), "two"),
    ]
    return charts.lines(
        gettext("Phones that run it"),
        series,
        x_text=_day_text(language),
        y_text=lambda value: language.number(round(value)),
        least=0,
    )


def corrections(language: Language, days: Sequence[DayFigures], others: Sequence[DayFigures]) -> Chart:
    sides = {arm: [day for day in (*days, *others) if day.arm == arm and day.answers] for arm in _COLOURS}
    series = [
        Series(language.texts.gettext(words.ARMS[arm]), [_corrected(day) for day in found], _COLOURS[arm])
        for arm, found in sides.items()
        if found
    ]
    title = language.texts.gettext("Answers that residents correct, with 95 % intervals")
    return charts.lines(title, series, x_text=_day_text(language), y_text=language.percent, least=0)


def interval(corrected: int, answers: int) -> tuple[float, float]:
    """Return where the true share lies with 95 % confidence (Wilson 1927)."""
    share, weight = corrected / answers, _Z**2 / answers
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / answers + weight / (4 * answers)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def _running(days: Sequence[DayFigures]) -> list[Point]:
    """Add the sides of each day."""
    found: dict[date, int] = {}
    for day in days:
        if day.running is not None:
            found[day.day] = found.get(day.day, 0) + day.running
    return [Point(day.toordinal(), number) for day, number in sorted(found.items())]


def _corrected(day: DayFigures) -> Point:
    answers, corrected = day.answers or 1, day.corrected or 0
    return Point(day.day.toordinal(), corrected / answers, *interval(corrected, answers))


def _day_text(language: Language) -> Callable[[float], str]:
    return lambda ordinal: language.date(date.fromordinal(int(ordinal)))
