"""Charts are true to their numbers."""

import pytest

from backend.console import charts
from backend.console.charts import HEIGHT, WIDTH, Chart, Point, Series
from backend.console.models import rollout_curves


def drawn(*points: Point, **options: float) -> Chart:
    return charts.lines("title", [Series("one", points)], x_text=str, y_text=lambda y: f"{y:.1f}", **options)


def test_a_line_goes_from_corner_to_corner() -> None:
    chart = drawn(Point(1, 0), Point(3, 1), least=0, most=1)
    assert chart.drawn[0].lines == (f"0.0,{HEIGHT} {WIDTH},0.0",)
    assert (chart.y_texts, chart.x_texts) == (("1.0", "0.8", "0.5", "0.2", "0.0"), ("1", "3"))


def test_what_is_not_known_is_a_gap_and_no_zero() -> None:
    chart = drawn(
        Point(1, 1), Point(2, 1), Point(3, None), Point(4, 1), Point(5, float("nan")), Point(6, 1), Point(7, 2)
    )
    assert len(chart.drawn[0].lines) == 2
    assert chart.rows[2] == ("3", "–")


def test_an_interval_is_drawn_and_told() -> None:
    chart = drawn(Point(0, 0.5, 0.4, 0.6), Point(1, 0.5, 0.4, 0.6), least=0, most=1)
    assert chart.drawn[0].bands == ("0.0,80.0 600.0,80.0 600.0,120.0 0.0,120.0",)
    assert chart.rows[0] == ("0", "0.5 (0.4 – 0.6)")


def test_one_point_and_none_are_charts_too() -> None:
    assert drawn(Point(5, 2)).drawn[0].dots == ((300.0, 100.0),)
    assert drawn().is_empty


@pytest.mark.parametrize(
    ("corrected", "answers", "expected"), [(0, 10, (0.0, 0.278)), (5, 100, (0.022, 0.112)), (10, 10, (0.722, 1.0))]
)
def test_intervals_are_those_of_wilson(corrected: int, answers: int, expected: tuple[float, float]) -> None:
    """Against Brown, Cai and DasGupta (2001) and R's `binom.confint(method = "wilson")`."""
    assert rollout_curves.interval(corrected, answers) == pytest.approx(expected, abs=0.001)
