"""What is wrong with labelled photos is said before hours are spent, and never by a stack trace."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.evaluate import evaluate
from cli.train import train
from mobile_models.classifier import Classifier
from mobile_models.evaluation import EvaluationReport
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from tests.pictures import jpeg
from tests.tiny_model import release_folder

app = typer.Typer()
app.command()(train)
app.command()(evaluate)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label in TRASHNET.ids:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(4):
            (tmp_path / "photos" / label / f"{number}.jpg").write_bytes(jpeg(label, number, size=(24, 24)))
    return tmp_path / "photos"


def start_training(photos: Path, *options: str) -> Result:
    run = photos.parent / "run"
    return CliRunner().invoke(
        app, ["train", "tiny", "--data", str(photos), "--weights", "random", "--run", str(run), *options]
    )


def measure(photos: Path, *options: str) -> Result:
    release = release_folder(photos.parent / "release") if not (photos.parent / "release").exists() else None
    return CliRunner().invoke(
        app, ["evaluate", str(release or photos.parent / "release"), "--data", str(photos), *options]
    )


def keep(photos: Path, label: str, count: int) -> None:
    for file in sorted((photos / label).iterdir())[count:]:
        file.unlink()


def empty(photos: Path) -> None:
    shutil.rmtree(photos)
    photos.mkdir()


def a_file(photos: Path) -> None:
    shutil.rmtree(photos)
    photos.write_bytes(jpeg())


def without_photos(photos: Path) -> None:
    for file in photos.glob("*/*.jpg"):
        file.rename(file.with_suffix(".doc"))


def unreadable(photos: Path) -> None:
    for number, file in enumerate(photos.glob("*/*.jpg")):
        file.write_bytes(b"" if number % 2 else b"no photo")


def one_class(photos: Path) -> None:
    for label in TRASHNET.ids[1:]:
        shutil.rmtree(photos / label)


def contradictory_groups(photos: Path) -> None:
    (photos / "groups.csv").write_text("file,object_group\nglass-1.jpg,1\n")


WRONG_FOR_ALL = [
    (shutil.rmtree, "There is no folder"),
    (empty, "holds no photo in a known layout"),
    (a_file, "is a file. Give the folder"),
    (without_photos, "holds no photo in a known layout"),
    (unreadable, "None of the photos in"),
    (contradictory_groups, "groups.csv names none of the photos"),
]


@pytest.mark.parametrize("command", [start_training, measure])
@pytest.mark.parametrize(("spoil", "complaint"), WRONG_FOR_ALL)
def test_a_folder_that_cannot_be_used_is_refused_in_words(
    photos: Path, command: Callable[..., Result], spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(photos)
    result = command(photos)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert complaint in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("spoil", "options", "complaint"),
    [
        (lambda photos: shutil.rmtree(photos / "trash"), ("--label-set", "trashnet"), "There is no photo of trash"),
        (lambda photos: keep(photos, "metal", 0), ("--label-set", "trashnet"), "There is no photo of metal"),
        (lambda photos: keep(photos, "metal", 2), (), "The holdout split has no photo of metal"),
        (one_class, (), "are not two or more labels"),
        (lambda photos: None, ("--label-set", "four_groups"), "classes that are no labels: cardboard"),
        (lambda photos: None, ("--label-set", "nothing"), "There is no label set 'nothing'"),
        (lambda photos: None, ("--label-map", "nothing"), "There is no label map nothing"),
        (lambda photos: None, ("--layout", "voc"), "There is no layout 'voc'"),
    ],
)
def test_labels_without_photos_are_noticed_before_training(
    photos: Path, spoil: Callable[[Path], None], options: tuple[str, ...], complaint: str
) -> None:
    spoil(photos)
    result = start_training(photos, *options)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert complaint in result.stderr
    assert not (photos.parent / "run" / "snapshot" / "snapshot.json").exists()


def test_a_class_of_which_no_photo_can_be_read_is_listed_with_the_reason(photos: Path) -> None:
    for file in (photos / "glass").iterdir():
        file.write_bytes(b"")
    result = start_training(photos)
    assert result.exit_code == 2
    assert "There is no photo of glass" in result.stderr
    assert "4 photos are left out:" in result.stderr
    assert "glass/0.jpg: the file is empty" in result.stderr


def test_a_full_disk_is_noticed_before_training(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 5))
    for result in (start_training(photos), measure(photos)):
        assert (result.exit_code, type(result.exception)) == (2, SystemExit)
        assert "is too full: the photos need" in result.stderr


def test_the_first_ten_of_many_left_out_photos_are_named(photos: Path) -> None:
    for number in range(13):
        (photos / "glass" / f"x{number:02d}.jpg").write_bytes(b"")
    result = measure(photos)
    assert result.exit_code == 0
    assert "13 photos are left out:" in result.stderr
    assert result.stderr.count("the file is empty") == 10
    assert "and 3 more." in result.stderr


def test_foreign_photos_are_measured_through_a_label_map(photos: Path) -> None:
    (photos / "glass").rename(photos / "Wine bottles")
    (photos.parent / "map.csv").write_text("name,label\nwine_bottles,glass\nmetal,metal\ntrash,\n")
    result = measure(photos, "--label-map", str(photos.parent / "map.csv"))
    assert result.exit_code == 0
    assert "on 8 photos" in result.stdout
    assert "12 of classes that are not in the label map: cardboard 4, paper 4, plastic 4\n" in result.stderr
    assert "4 of classes that are none of our labels: trash 4\n" in result.stderr


def test_fine_classes_in_folders_of_groups_become_a_model_that_answers_both(photos: Path) -> None:
    folder = photos.parent / "grouped"
    for label in ("cardboard", "paper", "glass"):
        group = "hard" if label == "glass" else "fibre"
        (folder / group / label).mkdir(parents=True)
        for number in range(8):
            (folder / group / label / f"{number}.jpg").write_bytes(jpeg(label, number, size=(24, 24)))
    result = start_training(folder, "--epochs", "1")
    assert result.exit_code == 0, result.stderr
    release = photos.parent / "run" / "release"
    manifest = ReleaseManifest.read(release / "manifest.json")
    assert manifest.label_set.groups == {"fibre": ("cardboard", "paper"), "hard": ("glass",)}
    report = EvaluationReport.read(release / "evaluation.json")
    assert report.group_accuracy is not None
    assert f"The group of the answer is right on {report.group_accuracy:.4f}" in (release / "MODEL_CARD.md").read_text()
    answer = Classifier.load(release).classify(jpeg("glass"))
    assert answer.group_scores["fibre"] == answer.scores["cardboard"] + answer.scores["paper"]
    measured = CliRunner().invoke(app, ["evaluate", str(release), "--data", str(folder)])
    assert ", groups " in measured.stdout
