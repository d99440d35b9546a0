"""What an operator asks a host: whether its server and its worker are well."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel
from typer.testing import CliRunner, Result

from backend import database
from backend.database import now
from backend.settings import Settings
from backend.tables import Schedule
from cli.main import app
from workers import upkeep


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database of the embedded default, which the command finds by its settings."""
    monkeypatch.setenv("WASTELENS_DATA_DIR", str(tmp_path))
    engine = database.connect(Settings().resolved_database_url)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


def ask_worker(part: str = "worker") -> Result:
    return CliRunner().invoke(app, ["health", part])


def swept(engine: Engine, ago: timedelta) -> None:
    with database.transaction(engine) as session:
        session.add(Schedule(name=upkeep.SWEEP, due_at=now() - ago))


def test_a_worker_of_the_embedded_queue_is_well_while_it_sweeps(engine: Engine) -> None:
    swept(engine, timedelta(seconds=30))
    answer = ask_worker()
    assert (answer.exit_code, answer.output) == (0, "ok\n")


def test_a_worker_of_the_embedded_queue_that_sweeps_no_more_is_reported(engine: Engine) -> None:
    swept(engine, timedelta(minutes=10))
    answer = ask_worker()
    assert answer.exit_code == 1
    assert re.search(r"No sweep for 6\d\d seconds", answer.output)


def test_a_schedule_is_well_while_sweeps_come(engine: Engine) -> None:
    assert ask_worker("schedule").exit_code == 1
    swept(engine, timedelta(seconds=30))
    assert ask_worker("schedule").exit_code == 0


def test_before_the_first_sweep_the_worker_has_not_begun(engine: Engine) -> None:
    answer = ask_worker()
    assert answer.exit_code == 1
    assert "has not begun" in answer.output


def test_without_a_database_the_check_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASTELENS_DATA_DIR", str(tmp_path))
    answer = ask_worker()
    assert answer.exit_code == 1
    assert "The database cannot be read" in answer.output


def test_a_broker_that_is_away_is_a_sentence_and_no_trace(tmp_path: Path) -> None:
    environment = os.environ | {"WASTELENS_DATA_DIR": str(tmp_path), "WASTELENS_BROKER_URL": "redis://127.0.0.1:9/0"}
    command = [sys.executable, "-c", "from cli.main import main; main()", "health", "worker"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("The queue cannot be reached:")
    assert "Traceback" not in answer.stderr
