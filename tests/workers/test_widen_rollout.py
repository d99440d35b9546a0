"""Rollouts are widened by their plan, or halted, for what the field says, and people see why."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from backend.database import now
from backend.evidence import field_evidence
from backend.evidence.field_evidence import Judgement
from backend.records import audit_log
from backend.releasing import rollouts
from backend.tables import Job, JobKind, Notice, Release, ReleaseState, Rollout, RolloutState, Schedule
from tests.workers.rollout_world import HOUR, NEW, field_says, under_way
from tests.workers.world import find_rollout
from workers import upkeep, widen_rollout
from workers.workplace import Workplace


def look(place: Workplace, after: timedelta = timedelta()) -> Rollout:
    widen_rollout.look_after(place, 1, now() + after)
    return find_rollout(place, NEW)


def notices(place: Workplace) -> list[str]:
    with place.transaction() as session:
        return [f"{notice.subject}: {notice.text}" for notice in session.exec(select(Notice))]


def actions(place: Workplace) -> list[str]:
    with place.transaction() as session:
        return [event.action for event in audit_log.history(session, "release/2")]


def test_what_does_well_is_widened_step_by_step_until_everybody_has_it(place: Workplace) -> None:
    under_way(place)
    field_says(place, now() - 3 * HOUR)
    first = look(place)
    assert (first.state, first.rollout_percent) == (RolloutState.RUNNING, 50)
    assert "It is not" in first.judgement
    field_says(place, now() + 20 * HOUR)
    assert look(place, 23 * HOUR).rollout_percent == 50, "it stays for its hours"
    done = look(place, 25 * HOUR)
    assert (done.state, done.rollout_percent) == (RolloutState.COMPLETED, 100)
    assert actions(place) == ["rollout.widened", "rollout.widened", "rollout.completed"]
    with place.transaction() as session:
        assert session.exec(select(Job.kind)).all() == [JobKind.PUBLISH]
    assert notices(place) == []


def test_why_it_holds_is_said(place: Workplace) -> None:
    under_way(place)
    held = look(place)
    assert (held.rollout_percent, held.state) == (5, RolloutState.RUNNING)
    assert held.judgement == "0 of 300 answers needed at this step."
    assert held.judged_at is not None
    assert actions(place) == [], "that it was looked at is no history"


def test_before_its_hours_are_over_it_says_until_when_it_stays(place: Workplace) -> None:
    under_way(place, started_at=now() - 4 * HOUR)
    field_says(place, now() - 3 * HOUR)
    assert look(place).judgement.startswith("It stays at 5 % until ")


def test_at_the_end_of_its_plan_it_waits_for_people(place: Workplace) -> None:
    under_way(place, plan="5:24")
    field_says(place, now() - 3 * HOUR)
    held = look(place)
    assert (held.rollout_percent, held.judgement.split(";")[0]) == (5, "Its plan ends at 5 %")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ({"corrected": 5000}, "corrects 25.0% of the answers"),
        ({"failed": 100}, "300 of 3300 phones met a failed self-test"),
    ],
)
def test_what_does_harm_is_halted_and_the_staff_are_told_why(
    place: Workplace, harm: dict[str, int], reason: str
) -> None:
    under_way(place)
    moment = now()
    for hours in (9, 6, 3):
        field_says(place, moment - hours * HOUR, **harm)
    halted = look(place)
    assert (halted.state, reason in halted.reason) == (RolloutState.HALTED, True)
    assert actions(place) == ["rollout.halted"]
    (notice,) = notices(place)
    assert reason in notice
    assert "wastelens releases withdraw 2" in notice


def test_a_paused_rollout_is_never_widened_and_halted_all_the_same(place: Workplace) -> None:
    under_way(place, state=RolloutState.PAUSED)
    field_says(place, now() - 3 * HOUR)
    assert (look(place).rollout_percent, look(place).judgement) == (5, "It is paused; resume it to let it widen.")
    field_says(place, now() - 2 * HOUR, failed=200)
    assert look(place).state == RolloutState.HALTED


def test_a_rollout_that_cannot_be_judged_hinders_no_other_duty(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    under_way(place)

    def fail(*_: object) -> None:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(field_evidence, "judge", fail)
    widen_rollout.look_after_rollouts(place)
    assert "rollout 1 could not be looked after" in caplog.text
    assert find_rollout(place, NEW).rollout_percent == 5


def test_two_duties_at_once_widen_once(place: Workplace) -> None:
    under_way(place)
    field_says(place, now() - 3 * HOUR)
    duties = [threading.Thread(target=widen_rollout.look_after_rollouts, args=(place,)) for _ in range(2)]
    for each in duties:
        each.start()
    for each in duties:
        each.join()
    assert find_rollout(place, NEW).rollout_percent == 50
    assert actions(place) == ["rollout.widened"]


def test_a_rollout_that_people_halted_meanwhile_is_left_alone(place: Workplace) -> None:
    under_way(place)
    field_says(place, now() - 3 * HOUR)
    with place.transaction() as session:
        rollouts.halt(session, "ada", rollouts.meant(session, NEW), "glass goes wrong")
    assert look(place).state == RolloutState.HALTED


def test_a_decision_that_people_take_while_the_evidence_is_weighed_waits_for_nobody_and_counts(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way(place)
    field_says(place, now() - 3 * HOUR)
    judge = field_evidence.judge

    def judged_while_people_decide(session: Session, *given: Any) -> Judgement:
        judgement = judge(session, *given)
        session.commit()  # SQLite has one writer; the judgement keeps nothing of this transaction.
        with place.transaction() as another:
            rollouts.pause(another, "ada", rollouts.meant(another, NEW), "wait for the fair")
        return judgement

    with monkeypatch.context() as patch:
        patch.setattr(field_evidence, "judge", judged_while_people_decide)
        assert look(place).state == RolloutState.PAUSED
    assert find_rollout(place, NEW).judged_at is None, "what was weighed is no longer what it is"
    assert look(place).judgement == "It is paused; resume it to let it widen."


def test_the_sweep_looks_after_rollouts_every_five_minutes(place: Workplace) -> None:
    under_way(place)
    field_says(place, now() - 3 * HOUR)
    before = now()
    upkeep.run(place)
    assert find_rollout(place, NEW).rollout_percent == 50
    with place.transaction() as session:
        due = session.get_one(Schedule, "look_after_rollouts").due_at
    assert before <= due - timedelta(minutes=5) <= now()


def test_where_no_people_are_wanted_the_sweep_approves(place: Workplace) -> None:
    under_way(place)
    with place.transaction() as session:
        session.get_one(Release, NEW).state = ReleaseState.PROPOSED
    widen_rollout.approve_what_may_be(place)
    with place.transaction() as session:
        assert session.get_one(Release, NEW).state == ReleaseState.PROPOSED, "the settings want people"
