"""`wastelens crossvalidate`, `tune`, `reproduce` and `recipes` on drawn pictures, with real runs of the toy network."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from training.recipe import Recipe
from training.run_directory import RunDirectory
from training.studies.crossvalidation import CrossValidation
from training.studies.reproduction_table import ReproductionTable
from training.studies.tuning_report import TuningReport

QUICK = ("--set", "input_edge=32", "--set", "quantization_drop=1", "--weights", "random", "--epochs", "1")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def test_cross_validation_measures_every_photo_once(photos: Path, tmp_path: Path) -> None:
    asked = ("crossvalidate", "tiny", "--data", photos, *QUICK, "--folds", "2", "--run", tmp_path / "folds")
    code, output, errors = run(*asked, "--set", "split=[0.4,0.2,0.4]", "--parallel", "2")
    assert code == 0, errors
    summary = CrossValidation.read(tmp_path / "folds" / "crossvalidation.json")
    assert [fold.photos for fold in summary.folds] == [30, 30]
    assert f"accuracy: {summary.measures['accuracy']}" in output
    assert "fold 2" in output


def test_tuning_looks_at_validation_only_and_leaves_the_best_recipe(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "space.json").write_text(json.dumps({"choices": {"head.dropout": [0.0, 0.5]}}))
    asked = ("tune", "tiny", "--data", photos, *QUICK, "--space", tmp_path / "space.json", "--trials", "2")
    code, output, errors = run(*asked, "--run", tmp_path / "search", "--parallel", "2")
    assert code == 0, errors
    report = TuningReport.read(tmp_path / "search" / "tuning.json")
    best = Recipe.read(tmp_path / "search" / "best.json")
    assert len(report.trials) == 2
    assert best.head.dropout == report.trial(report.best or 0).settings["head.dropout"]
    assert f"wastelens train {tmp_path / 'search' / 'best.json'}" in output
    for trial in report.trials:
        left = RunDirectory(tmp_path / "search" / "trials" / trial.run)
        assert left.validation.is_file()
        assert not left.release.exists()


@pytest.mark.slow
def test_reproduction_says_which_weights_it_used(photos: Path, tmp_path: Path) -> None:
    settings = ("--set", "input_edge=32", "--set", "quantization_aware_epochs=0")
    code, output, errors = run(
        "reproduce", "tiny", "--data", photos, "--epochs", "1", *settings, "--run", tmp_path / "all"
    )
    assert code == 0, errors
    row = ReproductionTable.read(tmp_path / "all" / "reproduction.json").rows[0]
    assert row.grouped_split is not None
    assert row.grouped_split.photos == 12
    assert (
        f"| tiny |  | {row.random_split} | {row.grouped_split} | random weights |"
        in (tmp_path / "all" / "reproduction.md").read_text()
    )
    assert "random weights" in output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("crossvalidate", "resnet", "--data", "PHOTOS"), "There is no recipe 'resnet'"),
        (("crossvalidate", "tiny", "--data", "nowhere", *QUICK), "There is no folder nowhere"),
        (("crossvalidate", "tiny", "--data", "PHOTOS", *QUICK, "--folds", "11"), "choose 10 folds or fewer"),
        (("tune", "tiny", "--data", "PHOTOS", *QUICK, "--grid", "resnet"), "no grid 'resnet'; there is convnext"),
        (("tune", "tiny", "--data", "PHOTOS", *QUICK, "--grid", "convnext", "--trials", "3"), "without --space and"),
        (("tune", "tiny", "--data", "PHOTOS", *QUICK, "--space", "nowhere.json"), "nowhere.json is no search space"),
        (("tune", "tiny", "--data", "PHOTOS", *QUICK, "--storage", "nosuch://x"), "cannot be used"),
        (("reproduce", "resnet", "--data", "PHOTOS", "--epochs", "1"), "There is no recipe 'resnet'"),
        (("reproduce", "tiny", "--data", "PHOTOS", "--epochs", "1", "--weights-dir", "nowhere"), "no folder nowhere"),
        (("recipes", "show", "resnet"), "There is no recipe 'resnet'"),
        (("recipes", "show", "tiny", "--set", "batch=3"), "Did you mean"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    photos: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(*(str(photos) if argument == "PHOTOS" else argument for argument in arguments))
    assert code == 2
    assert complaint in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["train", "crossvalidate", "tune", "reproduce", "recipes"])
def test_help_holds_an_example(command: str) -> None:
    code, output, _ = run(command, "--help")
    assert code == 0
    assert f"Example: wastelens {command}" in output


def test_recipes_are_listed_and_shown_as_files_that_train_takes(tmp_path: Path) -> None:
    code, output, _ = run("recipes")
    assert code == 0
    assert "resnet50v2" in output
    assert "90.51%" in output
    _, shown, _ = run("recipes", "show", "tiny", "--set", "batch_size=7")
    (tmp_path / "mine.json").write_text(shown)
    assert Recipe.read(tmp_path / "mine.json").batch_size == 7
