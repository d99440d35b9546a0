"""A disk that fills up in the middle of a run ends it with a sentence, and the same command goes on."""

import errno
import logging
from pathlib import Path

import pytest

from tests.training.conftest import KERAS_ON_NUMPY_2
from training import run, run_steps
from training.recipe import Recipe
from training.run_directory import ExitCode, Outcome, RunDirectory, RunResult

pytestmark = pytest.mark.filterwarnings(KERAS_ON_NUMPY_2)


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def command(snapshot_directory: Path, tmp_path: Path, quick: Recipe) -> list[str]:
    quick.write(tmp_path / "recipe.json")
    options = {"snapshot": snapshot_directory, "run": tmp_path / "run", "recipe": tmp_path / "recipe.json"}
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def test_a_run_whose_disk_fills_up_is_refused_with_what_to_do(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_steps, "_train", no_space)
    assert run.main(command) == ExitCode.BAD_INPUT
    result = RunDirectory(tmp_path / "run").read_result()
    assert result is not None
    assert result.outcome is Outcome.REFUSED
    assert "is full" in result.reasons[0]
    assert "Make room and give the same command again" in result.reasons[0]


def test_a_disk_without_room_for_the_result_is_told_of_in_the_log(
    command: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_steps, "_train", no_space)
    monkeypatch.setattr(RunResult, "write", no_space)
    with caplog.at_level(logging.ERROR):
        assert run.main(command) == ExitCode.BAD_INPUT
    assert "Make room and give the same command again" in caplog.text


def test_other_faults_of_the_machine_still_end_the_process(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(run_steps, "_train", fails)
    with pytest.raises(OSError, match="Input/output error"):
        run.main(command)
