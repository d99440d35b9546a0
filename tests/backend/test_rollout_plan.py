"""Plans are read, refused with the reason, and followed."""

from datetime import timedelta

import pytest

from backend.rollout_plan import BadPlan, RolloutPlan, Step
from backend.settings import Settings

CITY = RolloutPlan.parse("5:24, 25:24, 50:48, 100")


def test_a_plan_is_read_as_it_is_written() -> None:
    assert CITY.steps == (Step(5, 24), Step(25, 24), Step(50, 48), Step(100))
    assert RolloutPlan.parse(str(CITY)) == RolloutPlan.of(CITY.rows()) == CITY


def test_each_step_is_kept_for_its_hours_and_leads_to_the_next() -> None:
    assert [CITY.next_percent(percent) for percent in (5, 25, 30, 50, 100)] == [25, 50, 50, 100, None]
    assert [CITY.stay(percent) for percent in (5, 30, 50, 60)] == [timedelta(hours=each) for each in (24, 24, 48, 48)]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(1, "1:24, 5:24, 25:24, 50:48, 100"), (10, "10:24, 25:24, 50:48, 100"), (60, "60:48, 100"), (100, "100")],
)
def test_it_may_begin_elsewhere_and_go_on_as_planned(percent: float, expected: str) -> None:
    assert str(CITY.starting_at(percent)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5, 5",
        "25, 5",
        "0",
        "101",
        "nan",
        "5:nan",
        "5:-1",
        "many",
        "5:soon",
        "5:9999",
        ",".join(map(str, range(1, 23))),
    ],
)
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(BadPlan):
        RolloutPlan.parse(text)


def test_a_server_does_not_start_with_what_is_no_plan() -> None:
    with pytest.raises(ValueError, match="Each step of a plan must be wider"):
        Settings(rollout_plan="25, 5")
