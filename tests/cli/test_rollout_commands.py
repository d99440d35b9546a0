"""`wastelens releases`, `rollouts` and `channels` on a real server."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend import desired_updates, first_start
from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.releasing import release_history
from backend.settings import Settings
from backend.tables import Role
from cli.main import app
from mobile_models.updates.publishing.repository import Outcome
from tests import tiny_model
from tests.backend.staff_world import PASSWORD, person, proposed
from tests.backend.world import running

WIDE = {"COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def parts(tmp_path: Path, migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """A city on this disk with release 2 proposed, and a token that the commands find."""
    monkeypatch.setenv("WASTELENS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WASTELENS_DATABASE_URL", migrated_sqlite_url)
    monkeypatch.setenv("WASTELENS_BUNDLED_RELEASE", str(tiny_model.release_folder(tmp_path / "bundled")))
    settings = Settings()
    first_start.prepare(settings)
    with running(settings) as (client, parts):
        with transaction(parts.engine) as session:
            person(session, "eve", Role.ENGINEER)
            proposed(session, settings)
        monkeypatch.setenv("WASTELENS_SERVER", str(client.base_url))
        monkeypatch.setenv("WASTELENS_TOKEN", say("staff", "sign-in", "eve", "--password", PASSWORD).strip())
        yield parts


def say(*command: str, exit_code: int = 0) -> str:
    """Run a command and return what it says."""
    answer = CliRunner().invoke(app, list(command), env=WIDE)
    assert answer.exit_code == exit_code, answer.output
    return answer.output


def publish(parts: Parts) -> None:
    """As if the publisher had reached all that is wanted."""
    with transaction(parts.engine) as session:
        wanted = desired_updates.read(session)
        available = frozenset(release.version for release in wanted.releases)
        outcome = Outcome((), available, {}, {}, wanted.channels, (), changed=True, metadata_versions={"timestamp": 7})
        desired_updates.settle(session, outcome, now())


def test_a_release_is_approved_and_withdrawn_and_says_the_number_of_its_rollout(parts: Parts) -> None:
    approved = say("releases", "approve", "2", "--percent", "5", "--unmetered", "--idle", "--reason", "better")
    assert approved == "Release 2 is approved, approvals 1 of 1, rollout 1 running at 5 % of stable.\n"
    publish(parts)
    assert "rollout 1 running at 5 % of stable" in say("releases", "list")
    assert "release 2, rollout 1 running at 5 % of stable" in say("channels", "list")
    assert say("releases", "withdraw", "2", "--reason", "glass").startswith("Release 2 is withdrawn")


def test_a_rollout_is_led_by_its_number(parts: Parts) -> None:
    say("releases", "approve", "2", "--percent", "5", "--reason", "better")
    publish(parts)
    assert say("rollouts", "pause", "1", "--reason", "holidays") == "Release 2: rollout 1 paused at 5 % of stable.\n"
    assert say("rollouts", "resume", "1", "--reason", "back") == "Release 2: rollout 1 running at 5 % of stable.\n"
    assert say("rollouts", "widen", "1", "--percent", "50") == "Release 2: rollout 1 running at 50 % of stable.\n"
    assert say("rollouts", "halt", "1", "--reason", "glass") == "Release 2: rollout 1 halted at 50 % of stable.\n"
    assert "wrong_state" in say("rollouts", "pause", "1", "--reason", "too late", exit_code=1)


def test_rollouts_have_numbers_plans_and_channels_of_their_own(parts: Parts) -> None:
    say("releases", "approve", "2", "--channel", "beta", "--plan", "100", "--reason", "try it")
    publish(parts)
    started = say("rollouts", "start", "2", "--plan", "5:24, 25:24", "--reason", "beta liked it")
    assert started == "Release 2: rollout 2 running at 5 % of stable.\n"
    listed = say("rollouts", "list")
    assert "25 % from " in listed
    assert "completed" in listed
    assert "paused" in say("rollouts", "pause", "2", "--reason", "[bold] [/holidays]")
    assert "[/holidays]" in say("rollouts", "list"), "what people say is text, not markup"
    assert "completed at 100 % of stable" in say("rollouts", "widen", "2", "--percent", "100")
    assert "halted" in say("rollouts", "halt", "2", "--reason", "glass goes wrong")


def test_what_is_no_plan_is_said_before_the_server_is_asked(parts: Parts) -> None:
    refused = say("releases", "approve", "2", "--plan", "25, 5", exit_code=2)
    assert "Each step of a plan must be wider" in refused


def test_a_channel_is_looked_at_and_sent_back(parts: Parts) -> None:
    say("releases", "approve", "2", "--percent", "100")
    publish(parts)
    publish(parts)
    assert "release 2" in say("channels", "list")
    back = say("channels", "return-to-bundled", "stable", "--reason", "nonsense")
    assert back == "On stable everybody gets the bundled release (returned), as soon as it is published.\n"
    assert "gets release 2" in say("channels", "end-return-to-bundled", "stable", "--reason", "mended")
    assert "gets the bundled release," in say("channels", "go-back", "stable", "1", "--reason", "2 is slow")
    publish(parts)
    periods = say("channels", "periods", "stable")
    assert periods.index("release 2") < periods.index("the bundled release")
    assert "now" in periods


def test_history_is_shown_and_written_to_files(parts: Parts, tmp_path: Path) -> None:
    say("releases", "approve", "2", "--percent", "5", "--reason", "better on glass")
    publish(parts)
    assert "reason: better on glass" in say("releases", "history", "--subject", "release/2")
    say("releases", "history", "--export", str(tmp_path / "history.csv"))
    say("releases", "history", "--export", str(tmp_path / "history.jsonl"))
    with (tmp_path / "history.csv").open(newline="") as file:
        actions = [row["action"] for row in csv.DictReader(file)]
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert actions == [json.loads(line)["action"] for line in lines]
    with transaction(parts.engine) as session:
        assert actions == [event.action for event in release_history.events(session, limit=1000)]
    assert "Name the file .csv or .jsonl" in say("releases", "history", "--export", "history.xls", exit_code=1)
