"""Runs side by side, with a program that stands in for the trainer."""

import sys
from pathlib import Path

import pytest

from training import child, recipe
from training.child import TrainerFailed
from training.order import Order
from training.run_directory import Outcome, RunDirectory
from training.studies import runs
from training.studies.runs import PlannedRun

STAND_IN = """
import argparse, json, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--run", type=pathlib.Path)
parser.add_argument("--seed")
parser.add_argument("--fit-only", action="store_true")
given, _ = parser.parse_known_args()
starts = given.run / "starts"
starts.write_text(starts.read_text() + "." if starts.exists() else ".")
if given.seed == "13":
    sys.exit("no luck")
if given.seed == "99":
    time.sleep(60)
outcome = "fitted" if given.fit_only else "blessed"
(given.run / "result.json").write_text(json.dumps({"outcome": outcome, "reasons": ["seed " + given.seed]}))
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(child, "PROGRAM", (sys.executable, str(program)))
    monkeypatch.setattr(child, "TICK_SECONDS", 0.02)


def planned(folder: Path, seed: int, *, fit_only: bool = False) -> PlannedRun:
    order = Order(recipe=recipe.load("tiny"), data="photos", weights="random", seed=seed)
    return PlannedRun(f"seed {seed}", order, folder / str(seed), folder / "snapshot", fit_only)


def starts(run: PlannedRun) -> int:
    return len((run.run / "starts").read_text())


def test_results_come_in_order_and_finished_runs_are_not_run_again(tmp_path: Path) -> None:
    wanted = [planned(tmp_path, seed) for seed in (1, 2, 3)]
    for _ in range(2):
        results = runs.carry_out_all(wanted, 2, 1, lambda name, progress: None)
        assert [result.reasons for result in results] == [("seed 1",), ("seed 2",), ("seed 3",)]
    assert [starts(run) for run in wanted] == [1, 1, 1]


def test_a_fit_alone_is_not_the_whole_run(tmp_path: Path) -> None:
    assert runs.carry_out(planned(tmp_path, 1, fit_only=True), 1, lambda progress: None).outcome is Outcome.FITTED
    assert planned(tmp_path, 1).finished() is None
    assert runs.carry_out(planned(tmp_path, 1), 1, lambda progress: None).outcome is Outcome.BLESSED
    assert planned(tmp_path, 1, fit_only=True).finished() is not None


def test_the_first_failure_ends_the_others_and_says_what_was_said_last(tmp_path: Path) -> None:
    wanted = [planned(tmp_path, 99), planned(tmp_path, 13), planned(tmp_path, 1)]
    with pytest.raises(TrainerFailed, match=r"(?s)ended with exit status 1.*no luck") as failed:
        runs.carry_out_all(wanted, 2, 1, lambda name, progress: None)
    assert "the same again goes on" in str(failed.value)
    assert RunDirectory(wanted[0].run).read_result() is None
    assert not wanted[2].run.exists(), "no run is begun after a failure"


def test_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [runs.share(0, parallel) for parallel in (1, 2, 3, 20)] == [0, 4, 2, 1]
    assert runs.share(3, 2) == 3
