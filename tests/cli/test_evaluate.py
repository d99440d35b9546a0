"""`wastelens evaluate` and `wastelens compare` on drawn pictures and a model that answers by mean colour."""

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.compare import compare
from cli.evaluate import evaluate
from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from tests.tiny_model import model_bytes, release_folder

app = typer.Typer()
app.command()(evaluate)
app.command()(compare)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


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
    _, text, _ = run("evaluate", release, "--data", photos)
    assert f"accuracy {report['accuracy']:.4f} on 60 photos" in text
    assert "accuracy 0.90: met" in text
    assert "weighted average" in text
    assert "On photos from elsewhere:\n  not measured" in text


def test_an_evaluation_writes_one_html_file(photos: Path, tmp_path: Path) -> None:
    (photos / "metal" / "twin.jpg").write_bytes((photos / "glass" / "0.jpg").read_bytes())
    html = tmp_path / "new" / "report.html"
    release = release_folder(tmp_path / "release", confused=True)
    code, output, errors = run("evaluate", release, "--data", photos, "--html", html)
    content = html.read_text()
    assert code == 0
    assert f"report: {html}" in errors
    assert "cardboard taken for glass" in output or "taken for" in output
    assert "byte for byte the same photo as" in content
    assert "data:image/jpeg;base64," in content
    assert "No Grad-CAM:" in content, "the tiny model has no float checkpoint that can be read"


def test_releases_are_compared_as_they_were_measured(tmp_path: Path) -> None:
    first, second = release_folder(tmp_path / "first"), release_folder(tmp_path / "second", 2)
    html = tmp_path / "comparison.html"
    code, output, _ = run("compare", first, second, "--html", html)
    assert code == 0
    assert "second against first: +0.0000 accuracy on the same 6 photos" in output
    assert "first and second compared" in html.read_text()


def test_releases_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first, second = release_folder(tmp_path / "a" / "run"), release_folder(tmp_path / "b" / "run", 2)
    _, output, _ = run("compare", first, second)
    assert f"{second} against {first}" in output


def test_a_single_run_is_shown_alone(tmp_path: Path) -> None:
    code, output, _ = run("compare", release_folder(tmp_path / "only"))
    assert code == 0
    assert "accuracy 1.0000 on 6 photos" in output
    assert "against" not in output


@pytest.mark.real_photos
def test_the_contradictory_pairs_of_trashnet_are_named(tmp_path: Path) -> None:
    """By the bundled release, whose checkpoint also shows where it looked."""
    source = Path(os.environ["WASTELENS_TEST_DATA"]) / "trashnet"
    pairs = (("glass115", "metal91"), ("glass176", "plastic152"), ("glass389", "plastic332"))
    for label in TRASHNET.ids:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for file in sorted((source / label).glob("*.jpg")):
            if file.stem.endswith(("11", "42")) or any(file.stem in pair for pair in pairs):
                (tmp_path / "photos" / label / file.name).symlink_to(file)
    html = tmp_path / "report.html"
    code, output, _ = run("evaluate", "--data", tmp_path / "photos", "--html", html)
    content = html.read_text()
    assert code == 0
    assert "not unseen" in output, "the release was trained on most of them"
    for first, second in pairs:
        assert f"{first}.jpg" in content
        assert f"{second}.jpg" in content
    assert content.count("byte for byte the same photo as") == 2 * len(pairs)
    assert "what spoke for" in content


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("evaluate", "nowhere", "--data", "PHOTOS"), "nowhere is no release folder"),
        (("evaluate", "--data", "nowhere"), "There is no folder nowhere"),
        (("compare", "nowhere"), "nowhere is no finished run and no release folder"),
        (("compare", "BROKEN"), "cannot be read"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(
    photos: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    broken = release_folder(tmp_path / "broken")
    (broken / "evaluation.json").write_text("{")
    named = {"PHOTOS": photos, "BROKEN": broken}
    code, _, errors = run(*(named.get(argument, argument) for argument in arguments))
    assert code == 2
    assert complaint in errors
    assert "Traceback" not in errors


def test_photos_from_elsewhere_are_measured_beside_the_holdout(photos: Path, tmp_path: Path) -> None:
    """Elsewhere a can is drawn as glass, a bottle as glass, and peel, which is no waste of ours, as paper."""
    elsewhere = tmp_path / "web"
    for name, thing in {"can": "glass", "bottle": "glass", "peel": "paper"}.items():
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "1.jpg").write_bytes(jpeg(thing, 70 + len(name), size=(40, 40)))
    (tmp_path / "map.csv").write_text("name,label\ncan,metal\nbottle,glass\npeel,\n")
    given = ("evaluate", release_folder(tmp_path / "release"), "--data", photos, "--outside", elsewhere)
    code, output, _ = run(*given, "--outside-labels", tmp_path / "map.csv")
    assert code == 0
    assert "0.5000 of 2" in output
    assert "not measured: cardboard, paper, plastic, trash" in output
    code, _, errors = run(*given)
    assert code == 2
    assert "Give a label map" in errors


def test_a_foreign_model_is_measured_when_it_is_said_what_it_answers(photos: Path, tmp_path: Path) -> None:
    model, names = tmp_path / "theirs.tflite", tmp_path / "names.txt"
    model.write_bytes(model_bytes())
    names.write_text("\n".join(TRASHNET.ids))
    given = ("evaluate", model, "--data", photos)
    code, output, _ = run(*given, "--labels", names, "--scaling", "raw", "--json")
    assert code == 0
    assert json.loads(output)["accuracy"] > 0.9
    code, output, _ = run(*given, "--labels", names, "--scaling", "raw", "--crop", "centre_square")
    assert (code, "On photos from elsewhere:\n  not measured" in output) == (0, True)
    for options, message in ((("--scaling", "raw"), "give --labels"), (("--labels", names), "give --scaling")):
        code, _, errors = run(*given, *options)
        assert code == 2
        assert message in errors
