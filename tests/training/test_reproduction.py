"""The table of papers and reproductions, with a program that stands in for the trainer."""

import sys
from pathlib import Path

import pytest

from mobile_models.label_set import TRASHNET
from tests import tiny_model
from training import child, recipe
from training.data.photo_source import PhotoSource
from training.dataset import DataError
from training.recipe import RANDOM_FROZEN, RecipeError
from training.studies import reproduction
from training.studies.reproduction import Plan
from training.studies.reproduction_table import ReproductionTable

STAND_IN = """
import argparse, json, pathlib, shutil, sys
parser = argparse.ArgumentParser()
parser.add_argument("--run", type=pathlib.Path)
parser.add_argument("--weights")
given, _ = parser.parse_known_args()
with (given.run / "starts").open("a") as starts:
    starts.write(".")
if given.weights == "imagenet":
    (given.run / "result.json").write_text(json.dumps({"outcome": "refused", "reasons": ["no network"]}))
    sys.exit(2)
(given.run / "release").mkdir()
shutil.copy(pathlib.Path(__file__).with_name("evaluation.json"), given.run / "release")
(given.run / "result.json").write_text(json.dumps({"outcome": "blocked", "reasons": ["few photos"]}))
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    report, _ = tiny_model.evidence(tiny_model.model_bytes(), TRASHNET)
    report.write(tmp_path / "evaluation.json")
    monkeypatch.setattr(child, "PROGRAM", (sys.executable, str(tmp_path / "stand_in.py")))
    monkeypatch.setattr(child, "TICK_SECONDS", 0.02)


def plan(photos: Path, folder: Path, *names: str, **fields: object) -> Plan:
    return Plan(PhotoSource(photos), folder / "reproduction", names, epochs=1, **fields)  # type: ignore[arg-type]


def reproduce(wanted: Plan) -> ReproductionTable:
    return reproduction.run(wanted, lambda name, progress: None)


def starts(folder: Path) -> dict[str, int]:
    files = (folder / "reproduction").glob("*/*/starts")
    return {file.parent.name.rpartition("-")[0]: len(file.read_text()) for file in files}


def test_both_splits_stand_beside_the_papers_figure(drawn_folder: Path, tmp_path: Path) -> None:
    table = reproduce(plan(drawn_folder, tmp_path, "resnet50v2", online=False))
    row = table.rows[0]
    assert row.paper == recipe.paper("resnet50v2")
    assert row.random_split is not None
    assert row.random_split == row.grouped_split
    text = (tmp_path / "reproduction" / "reproduction.md").read_text()
    assert "| resnet50v2 | 90.51% (" in text
    assert "| random weights |" in text
    assert ReproductionTable.read(tmp_path / "reproduction" / "reproduction.json") == table


def test_without_a_network_random_weights_are_used_and_called_so(drawn_folder: Path, tmp_path: Path) -> None:
    row = reproduce(plan(drawn_folder, tmp_path, "resnet50v2")).rows[0]
    assert row.weights == "random"
    assert "no ImageNet weights: no network" in row.remarks
    assert starts(tmp_path) == {"random-imagenet": 1, "random-random": 1, "grouped-random": 1}, "asked for only once"


def test_a_file_of_weights_is_used_and_named(drawn_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet50v2.h5").touch()
    row = reproduce(plan(drawn_folder, tmp_path, "resnet50v2", weights_folder=tmp_path / "weights")).rows[0]
    assert row.weights == "resnet50v2.h5"
    assert not any("ImageNet" in remark for remark in row.remarks)


def test_a_frozen_body_from_random_weights_is_called_so(drawn_folder: Path, tmp_path: Path) -> None:
    row = reproduce(plan(drawn_folder, tmp_path, "resnet18_frozen", online=False)).rows[0]
    assert row.weights == RANDOM_FROZEN
    assert "random weights, frozen body" in row.cells


def test_finished_runs_are_kept_and_a_finished_table_stays_as_it_is(drawn_folder: Path, tmp_path: Path) -> None:
    wanted = plan(drawn_folder, tmp_path, "resnet50v2", "wastenet", online=False)
    assert reproduce(wanted) == reproduce(wanted)
    assert set(starts(tmp_path).values()) == {1}


def test_a_recipe_that_cannot_be_run_stops_no_other(drawn_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").rename(tmp_path / "gone.json")
    rows = reproduce(plan(drawn_folder, tmp_path, "resnet50v2", "wastenet", online=False)).rows
    assert [row.random_split for row in rows] == [None, None]
    assert all("ended with exit status 1" in row.remarks[-1] for row in rows)


def test_some_photos_of_each_class_are_whole_groups_and_always_the_same(drawn_folder: Path, tmp_path: Path) -> None:
    wanted = plan(drawn_folder, tmp_path, "resnet50v2", photos_per_class=5)
    files = reproduction._reading(wanted).files
    assert {sum(file.label == label for file in files) for label in TRASHNET.ids} == {6}, "two photos to each object"
    assert reproduction._reading(wanted).files == files


def test_what_cannot_be_asked_is_said_before_anything_is_run(
    drawn_folder: Path, snapshot_directory: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="There is no recipe 'resnet51'"):
        reproduce(plan(drawn_folder, tmp_path, "resnet50v2", "resnet51"))
    with pytest.raises(DataError, match="A snapshot is split already"):
        reproduce(plan(snapshot_directory, tmp_path, "resnet50v2"))
    assert not (tmp_path / "reproduction").exists()


def test_every_recipe_with_a_paper_can_be_shortened_and_made_small(drawn_folder: Path, tmp_path: Path) -> None:
    names = reproduction.seeds()
    assert {"resnet50v2", "resnet50_four_groups", "convnext", "googlenet_frozen", "wastenet", "mobilenet_v2"} <= {
        *names
    }
    for name in names:
        made = reproduction._recipe(plan(drawn_folder, tmp_path, settings={"input_edge": 64}), name)
        assert max(stage.epochs for stage in made.stages) == 1
        assert made.input_edge == 64
