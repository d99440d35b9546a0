"""What a new user meets first: the Makefile and the refusals of `wastelens run`."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with the Makefile and no .venv."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def _make(folder: Path, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(folder)}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_another_python_is_refused_with_what_to_do(fresh: Path) -> None:
    other = fresh / "python3.10"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    made = _make(fresh, "setup", f"PYTHON={other}")
    assert made.returncode != 0
    assert "is not Python 3.11 or 3.12" in made.stderr
    assert "make PYTHON=/path/to/python3.12 setup" in made.stderr
    assert not (fresh / ".venv").exists()


def test_a_machine_without_a_fitting_python_is_told_so(fresh: Path) -> None:
    tools = fresh / "tools"
    tools.mkdir()
    for name in ("make", "bash", "sh", "test", "echo", "env"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    made = _make(fresh, "run", path=str(tools))
    assert made.returncode != 0
    assert "needs Python 3.11 or 3.12, and none is on the PATH" in made.stderr


def test_make_help_lists_the_two_commands(fresh: Path) -> None:
    listed = _make(fresh, "help").stdout
    assert "make run" in listed
    assert "make test" in listed


def test_an_occupied_port_is_named_and_another_one_offered(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", "--port", str(port), "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert f"Port {port} is in use" in result.output
    assert f"make run PORT={port + 1}" in result.output


def test_help_lists_every_command_with_examples() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120", "NO_COLOR": "1"}).output
    everyday = ("run", "prepare", "health", "classify", "import", "releases", "keys", "demo")
    training = ("train", "recipes", "crossvalidate", "tune", "reproduce", "evaluate", "compare")
    for command in (*everyday, *training):
        assert f" {command} " in shown, command
    assert "Examples" in shown


def test_help_answers_without_tensorflow_or_the_database() -> None:
    probe = (
        "import sys\nfrom cli import main\n"
        "heavy = {'tensorflow', 'keras', 'sqlalchemy', 'celery', 'ai_edge_litert'} & set(sys.modules)\n"
        "sys.exit(f'imported at start: {sorted(heavy)}' if heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
