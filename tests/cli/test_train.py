"""`wastelens train` on drawn pictures."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from tests.waiting import PATIENCE_SECONDS, wait_until
from training.dataset import DatasetSnapshot
from training.run_directory import RunDirectory
from training.run_record import RunRecord

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


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


@pytest.mark.timeout(600)
def test_an_interrupted_training_goes_on_by_the_same_command(photos: Path, tmp_path: Path) -> None:
    """Twice the command of a terminal, in an empty folder: stopped after the first epoch, then to its end."""
    # Tests that run in the background inherit a SIGINT that is ignored, which a terminal never has.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", heard + "from cli.main import main; main()"]
    command += ["train", "tiny", "--data", str(photos)]
    command += ["--weights", "random", "--set", "input_edge=32", "--set", "stages.all.epochs=30"]
    command += ["--set", "quantization_drop=1"]
    begun = RunDirectory(tmp_path / "runs" / "tiny-1")
    arguments = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}
    with subprocess.Popen(command, stderr=subprocess.PIPE, **arguments) as training:
        wait_until(lambda: (seen := begun.read_progress()) is not None and seen.epoch > 0, training)
        training.send_signal(signal.SIGINT)
        _, errors = training.communicate(timeout=PATIENCE_SECONDS)
    assert training.returncode == 130, errors
    assert "interrupted. What is done is in runs/tiny-1; the same command goes on there." in errors
    assert begun.read_result() is None
    done = subprocess.run(command, capture_output=True, check=False, **arguments)
    assert done.returncode == 0, done.stderr
    assert "epoch 30 of 30" in done.stderr
    assert "release: runs/tiny-1/release" in done.stdout
    record = RunRecord.read(begun.record)
    assert len(record.starts) == 2
    assert record.outcome == begun.read_result().outcome
    assert [run.name for run in (tmp_path / "runs").iterdir()] == ["tiny-1"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "tiny", "--data", "PHOTOS", "--set", "epoch=3"), "no field 'epoch'. Did you mean"),
        (("train", "tiny", "--data", "PHOTOS", "--set", "batch_size=0"), "batch_size: Input should be greater"),
        (("train", "resnet", "--data", "PHOTOS"), "There is no recipe 'resnet'"),
        (("train", "tiny", "--data", "PHOTOS"), "no ImageNet weights for tiny"),
        (("train", "tiny", "--data", "nowhere", "--weights", "random"), "There is no folder "),
    ],
)
def test_what_cannot_be_done_is_said_at_once(photos: Path, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, errors = run(*(str(photos) if argument == "PHOTOS" else argument for argument in arguments))
    assert code == 2
    assert complaint in errors
