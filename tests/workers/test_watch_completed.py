"""What fails on phones after everybody got it is told to the staff, once, and nothing is taken back."""

from datetime import timedelta

import pytest
from sqlmodel import select

from backend.database import now
from backend.evidence import field_evidence
from backend.records import audit_log
from backend.releasing import retreat, rollouts
from backend.tables import Notice, RolloutState, Schedule
from tests.workers.rollout_world import HOUR, NEW, field_says, under_way
from tests.workers.world import find_rollout
from workers import upkeep, watch_completed
from workers.workplace import Workplace


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Blocks are read alike on both databases (test_widen_rollout.py); here is what is told of them."""
    return migrated_sqlite_url


@pytest.fixture
def completed(place: Workplace) -> Workplace:
    """Everybody has got release 2."""
    under_way(place, started_at=now() - 40 * HOUR)
    with place.transaction() as session:
        rollouts.widen(session, "ada", rollouts.meant(session, NEW), 100, "all is well")
    return place


def told(place: Workplace) -> list[str]:
    watch_completed.watch_completed_rollouts(place)
    with place.transaction() as session:
        return [f"{notice.subject}: {notice.text}" for notice in session.exec(select(Notice))]


def test_failures_of_what_everybody_has_are_told_once_and_stay_in_the_history(completed: Workplace) -> None:
    field_says(completed, now() - 3 * HOUR, failed=200)
    (notice,) = told(completed)
    assert notice.startswith("Release 2 fails on phones, and everybody on stable has it: 200 of 1200 phones met")
    assert "wastelens rollouts halt 1" in notice
    assert told(completed) == [notice]
    assert find_rollout(completed, NEW).state == RolloutState.COMPLETED
    with completed.transaction() as session:
        (event,) = [each for each in audit_log.history(session, "release/2") if each.action == "rollout.failures"]
    assert event.detail["found"].startswith("200 of 1200")


def test_failures_that_are_tolerated_are_not_told(completed: Workplace) -> None:
    field_says(completed, now() - 3 * HOUR, failed=5)
    assert told(completed) == []


def test_those_who_installed_it_during_the_rollout_count(completed: Workplace) -> None:
    moment = now()
    for hours in range(10, 20):
        field_says(completed, moment - hours * HOUR)
    field_says(completed, moment - 3 * HOUR, failed=90)
    assert told(completed) == [], "90 of the last thousand, and of ten thousand in all"


def test_what_was_completed_long_ago_is_watched_no_more(completed: Workplace) -> None:
    field_says(completed, now() - 3 * HOUR, failed=200)
    with completed.transaction() as session:
        rollouts.meant(session, NEW).ended_at = now() - timedelta(days=15)
    assert told(completed) == []


def test_what_nobody_runs_any_more_is_not_watched(completed: Workplace) -> None:
    field_says(completed, now() - 3 * HOUR, failed=200)
    with completed.transaction() as session:
        retreat.to_bundled(session, "ada", "stable", "glass goes wrong")
    assert told(completed) == []


def test_a_rollout_that_cannot_be_watched_hinders_no_other_duty(
    completed: Workplace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(field_evidence, "too_many_failures", fail)
    assert told(completed) == []
    assert "the completed rollout 1 could not be watched" in caplog.text


def test_the_sweep_watches(completed: Workplace) -> None:
    upkeep.run(completed)
    with completed.transaction() as session:
        assert session.get_one(Schedule, "watch_completed_rollouts").due_at > now()
