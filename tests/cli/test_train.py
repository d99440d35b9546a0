"""`wastelens train` and `wastelens evaluate` on drawn pictures."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.evaluate import evaluate
from cli.train import train
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from tests.pictures import jpeg
from tests.tiny_model import release_folder
from training.dataset import DatasetSnapshot

app = typer.Typer()
app.command()(train)
app.command()(evaluate)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label in TRASHNET.ids:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "photos" / label / f"{number}.jpg").write_bytes(jpeg(label, number, size=(48, 48)))
    return tmp_path / "photos"


def test_a_folder_of_photos_becomes_a_release(photos: Path, tmp_path: Path) -> None:
    options = ("--data", photos, "--weights", "random", "--epochs", "2", "--run", tmp_path / "run", "--version", "5")
    (photos / "glass" / "empty.jpg").write_bytes(b"")
    code, output, errors = run("train", "tiny", *options)
    assert code == 0
    assert "warning: There are only 7 photos of glass to train on" in errors
    assert "1 photo is left out:" in errors
    assert (tmp_path / "run" / "left_out.txt").read_text() == f"{photos / 'glass' / 'empty.jpg'}: the file is empty\n"
    assert "blocked: " in output, "two photos of a class in the holdout are no evidence"
    assert ReleaseManifest.read(tmp_path / "run" / "release" / "manifest.json").version == 5
    counts = DatasetSnapshot.read(tmp_path / "run" / "snapshot" / "snapshot.json").counts()
    assert counts["train"] == dict.fromkeys(TRASHNET.ids, 7)


def test_an_evaluation_counts_what_is_right(photos: Path, tmp_path: Path) -> None:
    """The release answers by mean colour, so drawn pictures are mostly right."""
    release = release_folder(tmp_path / "release")
    (photos / "glass" / "copy.jpg").write_bytes((photos / "glass" / "0.jpg").read_bytes())
    code, output, errors = run("evaluate", release, "--data", photos, "--json")
    report = json.loads(output)
    assert code == 0
    assert len(report["answers"]) == 60
    assert report["accuracy"] > 0.9
    assert "1 photo is left out" in errors
    _, table, _ = run("evaluate", release, "--data", photos)
    assert f"accuracy {report['accuracy']:.4f} on 60 photos" in table


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "resnet", "--data", "PHOTOS"), "There is no recipe 'resnet'"),
        (("train", "tiny", "--data", "PHOTOS"), "no ImageNet weights for tiny"),
        (("train", "tiny", "--data", "nowhere", "--weights", "random"), "There is no folder nowhere"),
        (("evaluate", "nowhere", "--data", "PHOTOS"), "nowhere is no release folder"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(photos: Path, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, errors = run(*(str(photos) if argument == "PHOTOS" else argument for argument in arguments))
    assert code == 2
    assert complaint in errors
