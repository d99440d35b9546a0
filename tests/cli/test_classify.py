import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.classify import classify
from mobile_models import bundled
from mobile_models.guide import EXAMPLE
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from tests import pictures, tiny_model

app = typer.Typer()
app.command()(classify)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return tiny_model.release_folder(tmp_path / "release")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "bottle.jpg"
    path.write_bytes(pictures.jpeg("glass"))
    return path


def test_json_is_one_object_a_line_with_the_documented_keys(release: Path, photo: Path) -> None:
    result = run("--model", release, "--json", photo, photo)
    assert result.exit_code == 0
    for line in result.stdout.splitlines():
        answer = json.loads(line)
        assert list(answer) == ["path", "label", "scores", "milliseconds"]
        assert (answer["path"], answer["label"]) == (str(photo), "glass")
        assert tuple(answer["scores"]) == TRASHNET.ids
        assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-4)
        assert answer["milliseconds"] > 0
    assert len(result.stdout.splitlines()) == 2


def test_the_text_names_path_label_milliseconds_and_all_scores(release: Path, photo: Path) -> None:
    result = run("--model", release, photo)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{photo}  glass  ")
    assert " ms  glass " in line
    assert all(label in line for label in TRASHNET.ids)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_unreadable_file_gets_an_error_line_and_the_others_are_still_classified(
    release: Path, photo: Path, tmp_path: Path, as_json: bool
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    paths = [tmp_path / "missing.jpg", tmp_path / "text.jpg", tmp_path, photo]
    result = run("--model", release, *(["--json"] if as_json else []), *paths)
    assert result.exit_code == 1
    if as_json:
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["path"] for answer in answers] == [str(path) for path in paths]
        assert [list(answer) for answer in answers[:3]] == [["path", "error"]] * 3
        assert answers[3]["label"] == "glass"
    else:
        errors = result.stderr.splitlines()
        assert errors[0] == f"{paths[0]}: error: No such file or directory"
        assert [str(path) in error for path, error in zip(paths[:3], errors, strict=True)] == [True] * 3
        assert len(result.stdout.splitlines()) == 1


def test_a_model_file_is_taken_with_the_manifest_beside_it(release: Path, photo: Path) -> None:
    assert run("--model", release / "model.tflite", photo).exit_code == 0


def test_a_model_without_manifest_is_refused_with_what_is_missing(release: Path, photo: Path) -> None:
    (release / "manifest.json").unlink()
    for model in (release, release / "model.tflite"):
        result = run("--model", model, photo)
        assert result.exit_code == 2
        assert "manifest" in result.stderr
        assert result.stdout == ""


def test_a_model_that_is_none_or_not_there_is_refused(release: Path, photo: Path, tmp_path: Path) -> None:
    (release / "model.tflite").write_bytes(b"no model")
    assert "its manifest names" in run("--model", release, photo).stderr
    assert "there is no model" in run("--model", tmp_path / "nothing.tflite", photo).stderr
    (release / "manifest.json").write_text("{}")
    assert run("--model", release / "model.tflite", photo).exit_code == 2


def test_without_a_model_the_newest_bundled_release_answers(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = tmp_path / "releases"
    tiny_model.release_folder(releases / "2", 2)
    tiny_model.release_folder(releases / "10", 10, confused=True)
    monkeypatch.setattr(bundled.newest, "__defaults__", (releases,))
    assert json.loads(run("--json", photo).stdout)["label"] == "cardboard"


def test_a_file_name_that_is_no_text_is_printed_all_the_same(release: Path, tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.jpg"
    path.write_bytes(pictures.jpeg("paper"))
    assert run("--model", release, path).exit_code == 0
    assert json.loads(run("--model", release, "--json", path).stdout)["path"] == str(path)


def test_where_labels_have_groups_the_group_is_answered_too(release: Path, photo: Path) -> None:
    manifest = ReleaseManifest.read(release / "manifest.json")
    content = manifest.model_dump()
    for label in content["label_set"]["labels"]:
        label["group"] = "wet" if label["id"] == "trash" else "dry"
    ReleaseManifest.model_validate(content).write(release / "manifest.json")
    answer = json.loads(run("--model", release, "--json", photo).stdout)
    assert answer["group"] == "dry"
    assert list(answer["group_scores"]) == ["dry", "wet"]
    assert "glass (dry " in run("--model", release, photo).stdout


def test_with_a_guide_it_says_which_bin(release: Path, photo: Path) -> None:
    result = run("--model", release, "--guide", EXAMPLE, "--language", "vi", photo)
    assert result.exit_code == 0
    assert "\n    Thùng xanh lá: thủy tinh\n" in result.stdout
    answer = json.loads(run("--model", release, "--guide", EXAMPLE, "--json", photo).stdout)
    assert (answer["advice"]["bin"], answer["advice"]["symbol"]) == ("glass", "bottle")


def test_what_is_no_guide_is_told(release: Path, photo: Path) -> None:
    result = run("--model", release, "--guide", release / "manifest.json", photo)
    assert result.exit_code == 2
    assert "is no guide" in result.output
