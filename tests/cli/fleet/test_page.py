"""What a run shows: the page, the curves in the terminal, and the verdict."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from cli.fleet import page, screen
from cli.fleet.play import Played, Wanted
from cli.fleet.screen import Screen
from mobile_models import bundled
from mobile_models.field_report import Arm
from phone.fleet.diary import CityDay, Diary, RolloutNow
from phone.fleet.outcome import Outcome
from phone.fleet.scenarios import Scenario

WANTED = Wanted(Scenario.WORSE, 98, 2, 6, 1, Path("city"), bundled.newest())
REASON = "Its cohort corrects 20% of the answers & <everybody else> 5%."


def day(number: int, candidate: int, rollout: RolloutNow | None) -> CityDay:
    return CityDay(
        number,
        running=Counter({2: 100 - candidate, 3: candidate}),
        answers=Counter({Arm.CANDIDATE: candidate * 2, Arm.BUNDLED: 100}),
        corrected=Counter({Arm.CANDIDATE: candidate // 2, Arm.BUNDLED: 5}),
        refused=Counter({"unreachable": 2}),
        whole_bytes=1_000_000,
        patch_bytes=2_000,
        unpatched_bytes=3_000_000,
        rollout=rollout,
    )


@pytest.fixture
def played() -> Played:
    running, halted = RolloutNow(3, "running", 5.0, "29 of 300 answers"), RolloutNow(3, "halted", 5.0, REASON)
    days = [day(0, 0, None), day(1, 0, None), day(2, 5, running), day(3, 5, running), day(4, 0, halted)]
    outcome = Outcome(Scenario.WORSE, 100, 5, 3, 5, 0, 83, 4, REASON, (), 2)
    return Played(WANTED, Diary(days), outcome, 2, 500, 60)


class Tags(HTMLParser):
    """Keeps what a page is made of, and fails for tags that are not closed in order."""

    VOID = frozenset({"meta", "line", "circle", "polyline", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(played: Played) -> None:
    tags = Tags()
    text = page.write([played, replace(played, wanted=replace(WANTED, scenario=Scenario.GOOD))])
    tags.feed(text)
    assert tags.open == []
    assert tags.addresses == ["#worse", "#good"]
    assert "http://" not in text
    assert "https://" not in text
    assert "prefers-color-scheme: dark" in text
    assert 'content="width=device-width' in text


def test_the_page_says_how_many_ran_it_beside_how_many_would_have(played: Played) -> None:
    text = page.write([played])
    for tile in ("<b>5</b><span>phones ever ran", "<b>83</b><span>would have", "<b>day 4</b>", "<b>0 of 2</b>"):
        assert tile in text
    assert "5.0 MB" in text
    assert "5 %" in text


def test_text_of_the_server_is_escaped(played: Played) -> None:
    text = page.write([played])
    assert "&amp; &lt;everybody else&gt; 5%" in text
    assert "<everybody" not in text


def test_the_curves_are_those_of_the_days(played: Played) -> None:
    adoption = page._adoption(played)
    assert [point for line in adoption.lines for point in line.points][5:] == [(0, 0), (1, 0), (2, 5), (3, 5), (4, 0)]
    assert [(mark.x, mark.name) for mark in adoption.marks] == [(2, "5 %"), (4, "halted")]
    with_candidate, others = page._corrections(played).lines
    assert with_candidate.points == [(2.0, 20.0), (3.0, 20.0)]
    assert [rate for _, rate in others.points] == [5.0] * 5


def test_blocks_of_the_terminal_are_as_high_as_the_values() -> None:
    rows = [text.plain for text in screen.chart([0.0, 0.5, 1.0], 1.0, 4, height=2)]
    assert rows == ["│  █ ", "│ ██ ", "└────"]


def test_without_a_terminal_each_day_is_a_line(played: Played, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file, Screen(Console(file=file, width=120), WANTED) as shown:
        for each in played.diary.days:
            shown.add(each)
    lines = (tmp_path / "out").read_text().splitlines()
    assert len(lines) == 5
    assert re.match(r"day  2: running at 5 %, 5 phones on release 3", lines[2])


def test_a_run_is_well_only_if_the_bad_was_stopped_the_good_was_not_and_no_mirror_did_harm(played: Played) -> None:
    stopped = played.outcome
    assert stopped.is_well
    assert not replace(stopped, stopped_on_day=None).is_well
    assert not replace(stopped, scenario=Scenario.GOOD).is_well
    assert replace(stopped, scenario=Scenario.GOOD, stopped_on_day=None).is_well
    assert not replace(stopped, breaches=("day 3: a phone went back to older metadata",)).is_well
    assert "Nobody stopped release 3" in replace(stopped, stopped_on_day=None).words()
    assert "5 of 100 phones ever ran it" in stopped.words()
