"""Searches with a program that stands in for the trainer: how good a trial is follows from its learning rate."""

import json
import sys
from pathlib import Path

import optuna
import pytest

from training import child, recipe
from training.child import TrainerFailed
from training.dataset import DataError
from training.order import Order
from training.recipe import Recipe, RecipeError
from training.run_directory import RunDirectory
from training.studies import tuning, tuning_space
from training.studies.tuning import Plan
from training.studies.tuning_report import Trial, TuningReport, frontier
from training.studies.tuning_space import Range, Space

STAND_IN = """
import argparse, json, pathlib, sys, time
parser = argparse.ArgumentParser()
for name in ("run", "recipe"):
    parser.add_argument("--" + name, type=pathlib.Path)
parser.add_argument("--fit-only", action="store_true")
given, _ = parser.parse_known_args()
assert given.fit_only, "the holdout is not to be looked at"
recipe = json.loads(given.recipe.read_text())
rate = recipe["stages"][0]["learning_rate"]
with (given.run / "starts").open("a") as starts:
    starts.write(".")
mood = (given.run.parent.parent / "mood").read_text() if (given.run.parent.parent / "mood").exists() else ""
if mood == "fail":
    sys.exit("out of luck")
if mood == "diverge":
    (given.run / "result.json").write_text(json.dumps({"outcome": "refused", "reasons": ["it diverged"]}))
    sys.exit(2)
if mood == "hang":
    time.sleep(60)
good = 1 - abs(rate - 0.003) * 100
one = {"precision": good, "recall": 1 - good / 2, "f1": 0.5, "support": 4}
(given.run / "validation.json").write_text(json.dumps({"accuracy": good, "per_class": {"glass": one}}))
(given.run / "result.json").write_text(json.dumps({"outcome": "fitted", "reasons": ["done"]}))
"""
RATES = (0.001, 0.002, 0.003, 0.004)
GRID = Space(choices={"stages.*.learning_rate": RATES})


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(child, "PROGRAM", (sys.executable, str(program)))
    monkeypatch.setattr(child, "TICK_SECONDS", 0.02)


@pytest.fixture
def plan(snapshot_directory: Path, tmp_path: Path) -> Plan:
    order = Order(recipe=recipe.load("tiny"), data="photos", weights="random")
    return Plan(order, snapshot_directory, GRID, tmp_path / "search", grid=True, parallel=2)


def changed(plan: Plan, **fields: object) -> Plan:
    return Plan(**{**vars(plan), **fields})


def search(plan: Plan) -> TuningReport:
    return tuning.run(plan, lambda name, progress: None)


def test_a_grid_is_tried_whole_and_once(plan: Plan) -> None:
    report = search(plan)
    assert sorted(trial.settings["stages.*.learning_rate"] for trial in report.trials) == list(RATES)
    assert report.trial(report.best or 0).settings == {"stages.*.learning_rate": 0.003}
    assert Recipe.read(plan.folder / "best.json").stages[0].learning_rate == 0.003
    assert TuningReport.read(plan.folder / "tuning.json") == report
    assert "<svg" in (plan.folder / "tuning.html").read_text()
    assert search(plan) == report
    assert {len(file.read_text()) for file in plan.folder.glob("trials/*/starts")} == {1}


def test_a_trial_whose_process_was_killed_goes_on_in_its_run_directory(plan: Plan) -> None:
    search(plan)
    study = optuna.load_study(study_name=plan.study, storage=tuning._storage(plan))
    killed = study.ask()
    rate = killed.suggest_categorical("stages.*.learning_rate", RATES)
    for name, value in zip((tuning.HOST, tuning.FOLDER), tuning._Search(plan, study, print)._place, strict=True):
        killed.set_user_attr(name, value)
    report = search(plan)
    assert killed.number not in {trial.number for trial in report.trials}
    assert [trial.settings["stages.*.learning_rate"] for trial in report.trials][4:] == [rate]
    assert len(list(plan.folder.glob("trials/*"))) == 4


def test_two_machines_share_a_search_through_its_storage(plan: Plan, tmp_path: Path) -> None:
    shared = f"sqlite:///{tmp_path / 'search.db'}"
    first = search(changed(plan, storage=shared))
    second = search(changed(plan, storage=shared, folder=tmp_path / "other-machine"))
    assert second.trials == first.trials
    assert not (tmp_path / "other-machine" / "trials").exists()


def test_sampled_trials_stop_at_their_number_and_find_the_better_end(plan: Plan) -> None:
    space = Space(ranges={"stages.*.learning_rate": Range(low=0.0001, high=0.01, log=True)})
    sampled = changed(plan, grid=False, space=space, trials=6)
    assert len(search(sampled).trials) == 6
    assert len(search(changed(sampled, trials=8)).trials) == 8


def test_a_search_that_differs_is_refused_in_the_same_storage(plan: Plan) -> None:
    search(plan)
    with pytest.raises(RecipeError, match="holds another search"):
        search(changed(plan, order=plan.order.model_copy(update={"seed": 1})))


def test_combinations_that_cannot_be_are_listed_and_not_run(plan: Plan) -> None:
    """tiny has balanced class weights, which do not go with oversampling."""
    report = search(changed(plan, space=Space(choices={"sampling": ("natural", "oversample")})))
    states = {trial.settings["sampling"]: trial.state for trial in report.trials}
    assert states == {"natural": "complete", "oversample": "pruned"}
    assert any("class_weights" in trial.reason for trial in report.trials)


@pytest.mark.parametrize(("mood", "kind"), [("fail", TrainerFailed), ("diverge", DataError)])
def test_a_search_in_which_nothing_succeeds_ends_with_the_reason(plan: Plan, mood: str, kind: type[Exception]) -> None:
    plan.folder.mkdir()
    (plan.folder / "mood").write_text(mood)
    with pytest.raises(kind, match=r"out of luck|it diverged"):
        search(changed(plan, parallel=1))
    report = TuningReport.read(plan.folder / "tuning.json")
    assert (len(report.trials), report.best) == (3, None)


def test_a_folder_in_which_a_search_runs_is_refused(plan: Plan) -> None:
    from training.run_directory import RunLocked  # noqa: PLC0415

    with RunDirectory(plan.folder).held(), pytest.raises(RunLocked):
        search(plan)


def test_a_storage_that_cannot_be_used_is_named(plan: Plan) -> None:
    with pytest.raises(RecipeError, match=r"nowhere/at/all\.db cannot be used"):
        search(changed(plan, storage="sqlite:////nowhere/at/all.db"))


def test_the_frontier_holds_what_nothing_else_beats_in_both() -> None:
    points = [(0.9, 0.5), (0.8, 0.8), (0.8, 0.7), (0.5, 0.9), (0.4, 0.9), (0.9, 0.5)]
    trials = [
        Trial(number=number, state="complete", settings={}, accuracy=0.5, worst_precision=x, worst_recall=y)
        for number, (x, y) in enumerate(points)
    ]
    assert [trial.number for trial in frontier(trials)] == [0, 1, 3]


def test_the_grid_of_the_convnext_paper_has_21_points() -> None:
    grid = tuning_space.GRIDS["convnext"]
    assert len(list(grid.grid())) == 21
    grid.check(recipe.load("convnext"))
    assert grid.fixed["batch_size"] == 24


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_has_a_space_around_it(name: str) -> None:
    wanted = recipe.load(name)
    tuning_space.around(wanted).check(wanted)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "needs choices or ranges"),
        ({"choices": {"optimizer": []}}, "nothing to choose for optimizer"),
        ({"ranges": {"weight_decay": {"low": 0, "high": 1, "log": True}}}, "low above 0"),
        ({"choice": {}}, "Extra inputs"),
    ],
)
def test_a_space_that_cannot_be_is_refused(tmp_path: Path, content: dict[str, object], complaint: str) -> None:
    (tmp_path / "space.json").write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=complaint):
        tuning_space.read(tmp_path / "space.json")


def test_a_space_for_another_recipe_is_refused(plan: Plan) -> None:
    with pytest.raises(RecipeError, match=r"no field 'stages\.tail\.epochs'"):
        search(changed(plan, space=Space(choices={"stages.tail.epochs": (1, 2)})))
