"""How many phones would have run a bad release, and how the diary counts."""

from datetime import timedelta

from mobile_models.field_report import Arm
from mobile_models.updates.following.updater import RefusalReason
from phone.fleet import outcome, people, scenarios
from phone.fleet.diary import Diary, RolloutNow
from phone.fleet.outcome import Plan, Step
from phone.fleet.people import HABITS, MODELS, OLD_APP
from phone.fleet.phone_day import Download, PhoneDay
from phone.fleet.residents import Day
from phone.fleet.scenarios import Scenario
from tests.phone.fleet.small_city import person

PLAN = Plan("salt", (Step(2, 50.0), Step(5, 100.0)))
WORSE = scenarios.candidate_truth(2, ("glass",), Scenario.WORSE)


def test_everybody_who_can_would_run_it_once_the_plan_has_reached_everybody() -> None:
    city = people.people(400, 1, "0.1")
    assert [PLAN.percent(day) for day in (0, 2, 4, 5, 9)] == [0, 50, 50, 100, 100]
    assert outcome.would_run(city, PLAN, WORSE, 2) == 0
    half, all_of_them = (outcome.would_run(city, PLAN, WORSE, days) for days in (3, 60))
    able = sum(each.can_run_new_releases for each in city)
    assert 0 < half < able / 2
    assert all_of_them == able


def test_phones_that_cannot_run_it_would_not_have() -> None:
    old_runtime = person(model=next(model for model in MODELS if model.runtime_version == "1.4"))
    city = (old_runtime, person(app_version=OLD_APP), person(clock_error=timedelta(days=900)))
    assert outcome.would_run(city, PLAN, WORSE, 60) == 0
    assert outcome.would_run((person(),), PLAN, WORSE, 60) == 1


def test_nobody_would_run_what_does_not_open_and_a_crash_counts_as_run() -> None:
    weak = person(model=next(model for model in MODELS if model.name in scenarios.CRASHING_MODELS))
    for scenario, expected in ((Scenario.BROKEN_FILE, 0), (Scenario.SELF_TEST, 0), (Scenario.CRASH, 1)):
        truth = scenarios.candidate_truth(2, ("glass",), scenario)
        assert outcome.would_run((weak,), PLAN, truth, 60) == expected


def test_a_monthly_visitor_would_get_it_on_the_day_of_the_visit() -> None:
    monthly = next(habit for habit in HABITS if habit.online_every_days == 28)
    someone = person(8, habit=monthly)
    assert [day for day in range(28) if someone.is_online(day)] == [20]
    assert outcome.would_run((someone,), PLAN, WORSE, 20) == 0
    assert outcome.would_run((someone,), PLAN, WORSE, 21) == 1


def test_the_diary_adds_up_what_phones_did() -> None:
    took = PhoneDay(2, is_online=True, arm=Arm.CANDIDATE, use=Day(4, 1, 1), installed=2)
    took.download = Download(2, moved_bytes=300, whole_bytes=1000, by_patch=True)
    took.traffic.received_bytes = 500
    refused = PhoneDay(1, is_online=True, refused=RefusalReason.UNREACHABLE, breach="read data without end")
    diary = Diary()
    day = diary.write(3, [took, refused, PhoneDay(1)])
    assert dict(day.running) == {2: 1, 1: 2}
    assert day.correction_rate(Arm.CANDIDATE) == 0.25
    assert day.correction_rate(Arm.BUNDLED) is None
    assert (day.patch_bytes, day.unpatched_bytes, day.metadata_bytes, day.online) == (300, 1000, 200, 2)
    assert diary.refused == {"unreachable": 1}
    assert diary.breaches == ["day 3: a phone read data without end"]


def test_the_day_of_the_stop_is_the_first_one_on_which_the_city_says_so() -> None:
    diary = Diary()
    for number, state in enumerate(("running", "halted", "halted")):
        diary.write(number, []).rollout = RolloutNow(2, state, 5.0, f"because {number}")
    assert outcome.stopped_day(diary) == (1, "because 1")
    assert outcome.stopped_day(Diary()) == (None, "")
