"""The fleet against a real server: a good release reaches everybody, a bad one is stopped by the city itself."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.fleet import play
from cli.fleet.play import Played, Wanted
from cli.main import app
from mobile_models import bundled
from mobile_models.field_report import Arm
from phone.fleet.diary import CityDay
from phone.fleet.scenarios import Scenario


def played(directory: Path, scenario: Scenario, days: int, phones: int = 60) -> Played:
    wanted = Wanted(scenario, phones, 2, days, 1, directory, bundled.newest(), worse_accuracy=0.1)
    return play.play(wanted, lambda _: None)


def came_by(day: CityDay) -> int:
    """Count the phones whose visit to the server ended well, so that in the evening they run what is meant for them."""
    return day.online - day.refused.total() - day.postponed


def test_a_good_release_reaches_everybody_who_can_run_it(tmp_path: Path) -> None:
    run = played(tmp_path, Scenario.GOOD, 12)
    assert run.outcome.is_well, run.outcome.words()
    since = [day for day in run.diary.days if day.rollout is not None and day.rollout.state == "completed"]
    assert len(since) > 2
    for day in since[1:]:
        assert day.running[run.outcome.candidate] >= came_by(day) > run.outcome.phones / 3
    assert since[0].running[run.outcome.candidate] < run.outcome.run_at_the_end <= run.outcome.would_have_run
    patches = sum(day.patch_bytes for day in run.diary.days)
    assert 0 < patches < 0.01 * sum(day.unpatched_bytes for day in run.diary.days)


def test_a_worse_release_is_halted_and_phones_go_back(tmp_path: Path) -> None:
    run = played(tmp_path, Scenario.WORSE, 9)
    assert run.outcome.is_well, run.outcome.words()
    assert "corrects" in run.outcome.reason
    assert 0 < run.outcome.ever_ran < run.outcome.would_have_run
    stopped_on = run.outcome.stopped_on_day
    assert stopped_on is not None
    for day in run.diary.days[stopped_on + 1 :]:
        assert day.running[run.bundled_version] >= came_by(day) > run.outcome.phones / 3
    assert run.outcome.run_at_the_end < run.diary.days[stopped_on].running[run.outcome.candidate]
    answers = sum(day.answers[Arm.CANDIDATE] for day in run.diary.days)
    assert sum(day.corrected[Arm.CANDIDATE] for day in run.diary.days) / answers > 0.15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "reason", "ever_ran"),
    [
        (Scenario.BROKEN_FILE, "reject", False),
        (Scenario.SELF_TEST, "reject", False),
        (Scenario.CRASH, "crash", True),
    ],
)
def test_a_release_that_does_not_open_is_halted(
    tmp_path: Path, scenario: Scenario, reason: str, ever_ran: bool
) -> None:
    run = played(tmp_path, scenario, 10, phones=150)
    assert run.outcome.is_well, run.outcome.words()
    assert reason in run.outcome.reason
    assert (run.outcome.ever_ran > 0) == ever_ran
    assert run.outcome.run_at_the_end == 0 or ever_ran


@pytest.mark.slow
def test_mirrors_do_no_harm_in_a_larger_town(tmp_path: Path) -> None:
    run = played(tmp_path, Scenario.WORSE, 16, phones=600)
    assert run.outcome.tricked_phones > 5
    assert run.outcome.is_well, run.outcome.words()


@pytest.mark.slow
def test_the_command_ends_with_1_where_nobody_stops_a_bad_release(tmp_path: Path) -> None:
    """Too few days for anybody to know."""
    page = tmp_path / "fleet.html"
    options = ["--phones", "20", "--full-phones", "0", "--days", "5", "--scenario", "worse", "--page", str(page)]
    ended = CliRunner().invoke(app, ["fleet", *options])
    assert ended.exit_code == 1, ended.output
    assert re.search(r"Nobody\s+stopped", ended.output)
    assert "Nobody stopped" in page.read_text()


def test_a_page_that_cannot_be_written_is_told_before_the_city_lives(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["fleet", "--page", str(tmp_path / "nowhere" / "fleet.html")])
    assert ended.exit_code == 2
    assert "cannot be written" in ended.output


def test_an_unknown_scenario_is_refused_with_those_that_there_are() -> None:
    ended = CliRunner().invoke(app, ["fleet", "--scenario", "terrible"])
    assert ended.exit_code == 2
    assert "good, worse, broken-file, self-test, crash, all" in ended.output
