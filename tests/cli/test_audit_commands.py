"""`wastelens audit` on a database with a history."""

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from backend.database import connect, transaction
from backend.records import audit_log
from cli.main import app
from tests.backend.test_audit_log import meddle


@pytest.fixture
def engine(migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("WASTELENS_DATABASE_URL", migrated_sqlite_url)
    engine = connect(migrated_sqlite_url)
    for number in range(3):
        with transaction(engine) as session:
            audit_log.record(session, "ada", "test.done", f"thing/{number}")
    engine.dispose()
    return engine


def test_a_whole_history_is_said_with_a_link_to_keep(engine: Engine) -> None:
    ran = CliRunner().invoke(app, ["audit", "verify"])
    assert ran.exit_code == 0, ran.output
    link = ran.output.split()[-1]
    assert link.startswith("3:")
    assert CliRunner().invoke(app, ["audit", "verify", "--kept", link]).exit_code == 0


@pytest.mark.parametrize("kept", ["3:" + "0" * 64, "4:" + "0" * 64])
def test_a_link_of_another_history_fails(engine: Engine, kept: str) -> None:
    ran = CliRunner().invoke(app, ["audit", "verify", "--kept", kept])
    assert ran.exit_code == 1
    assert "The chain breaks at number" in ran.output


def test_a_changed_event_fails(engine: Engine) -> None:
    meddle(engine, "UPDATE audit_events SET actor = 'bob' WHERE id = 2")
    ran = CliRunner().invoke(app, ["audit", "verify"])
    assert ran.exit_code == 1
    assert "number 2: changed" in ran.output


def test_what_is_no_link_is_refused(engine: Engine) -> None:
    assert CliRunner().invoke(app, ["audit", "verify", "--kept", "nonsense"]).exit_code == 2
