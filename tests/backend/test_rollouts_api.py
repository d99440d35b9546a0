"""Rollouts, channels and history over HTTP."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.records import audit_log
from backend.releasing import releases, rollouts
from backend.tables import Role
from tests.backend.publishing_world import Publisher
from tests.backend.staff_world import PASSWORD, blessing, manifest, person, proposed
from tests.updates import embedded_keys

Ask = Callable[..., httpx.Response]


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """The domain is tested on both databases (test_rollouts.py); here it is asked over HTTP."""
    return migrated_sqlite_url


def asking(client: httpx.Client, parts: Parts, name: str, role: Role) -> Ask:
    """Ask as somebody of the staff; what is given by name is the body of a POST."""
    with transaction(parts.engine) as session:
        person(session, name, role)
    token = client.post("/v1/staff/sign-in", json={"name": name, "password": PASSWORD}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}

    def ask(path: str, **body: Any) -> httpx.Response:
        method, options = ("POST", {"json": body}) if body else ("GET", {})
        return client.request(method, f"/v1/{path}", headers=headers, **options)

    return ask


@pytest.fixture
def ask(client: httpx.Client, parts: Parts) -> Ask:
    return asking(client, parts, "eve", Role.ENGINEER)


@pytest.fixture
def publish(parts: Parts, tmp_path: Path) -> Callable[[], None]:
    """Everybody has release 1, and release 2 is proposed; what is wanted is published when this is called."""
    with transaction(parts.engine) as session:
        releases.add_bundled(session, manifest(1), blessing())
        proposed(session, parts.settings)
        publisher = Publisher(session, embedded_keys(tmp_path / "keys"))

    def act() -> None:
        with transaction(parts.engine) as session:
            publisher.session = session
            publisher.publish()

    return act


def test_a_rollout_is_started_watched_and_ended(ask: Ask, publish: Callable[[], None]) -> None:
    conditions = {"unmetered_only": True, "charging_only": False, "idle_only": True}
    plan = [{"percent": 5, "hours": 24}, {"percent": 100}]
    approved = ask("releases/2/approve", plan=plan, conditions=conditions, channel="beta", reason="better").json()
    assert [(each["channel"], each["state"]) for each in approved["rollouts"]] == [("beta", "running")]
    publish()
    rollout = ask("rollouts/1").json()
    assert (rollout["next_percent"], rollout["next_step_at"]) == (100, "2026-11-22T12:00:00Z")
    assert rollout["conditions"] == conditions
    assert ask("rollouts/1/pause", reason="over the holidays").json()["next_percent"] is None
    assert ask("rollouts/1/resume", reason="back").json()["state"] == "running"
    assert ask("rollouts/1/widen", rollout_percent=50, reason="so far so good").json()["rollout_percent"] == 50
    assert ask("rollouts/1/widen", rollout_percent=100).json()["state"] == "completed"
    started = ask("rollouts", version=2, reason="beta liked it")
    assert (started.status_code, started.json()["channel"]) == (201, "stable")
    assert [step["percent"] for step in started.json()["plan"]] == [5, 25, 50, 100], "the city's plan"
    assert ask("rollouts/2/halt", reason="glass goes wrong").json()["state"] == "halted"
    assert [row["id"] for row in ask("rollouts").json()["rollouts"]] == [2, 1]
    assert ask("releases/2").json()["current_on"] == ["beta"]


def test_the_number_of_a_release_is_enough_to_pause_and_halt(ask: Ask, publish: Callable[[], None]) -> None:
    ask("releases/2/approve", rollout_percent=10, reason="better")
    publish()
    for act, state in (("pause", "paused"), ("resume", "running"), ("halt", "halted"), ("resume", "running")):
        answer = ask(f"releases/2/{act}", reason="why not").json()
        assert (answer["rollouts"][0]["state"], answer["state"]) == (state, "published")
    assert [each["percent"] for each in answer["rollouts"][0]["plan"]] == [10, 25, 50, 100]
    assert ask("releases/2/widen", rollout_percent=100).json()["current_on"] == ["beta", "stable"]


def test_a_channel_goes_back_and_returns_to_the_bundled_release(ask: Ask, publish: Callable[[], None]) -> None:
    ask("releases/2/approve", rollout_percent=100, reason="better")
    publish()
    publish()
    channels = {row["name"]: row for row in ask("channels").json()["channels"]}
    assert {name: row["current_version"] for name, row in channels.items()} == {"beta": 2, "stable": 2}
    assert channels["stable"]["published"] == channels["stable"]["pointer"]
    assert ask("channels/stable/return-to-bundled", reason="nonsense").json()["return_to_bundled"] is True
    assert ask("channels/stable/end-return-to-bundled", reason="mended").json()["current_version"] == 2
    assert ask("channels/stable/go-back", version=1, reason="slow").json()["current_version"] is None
    assert ask("channels/stable/go-back", version=2, reason="fast").json()["code"] == "not_older"
    publish()
    periods = ask("channels/stable/periods").json()["periods"]
    assert [period["pointer"]["current"] for period in periods] == [2, None]
    assert (periods[0]["until"], periods[1]["until"]) == (periods[1]["since"], None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"plan": [{"percent": 25}, {"percent": 5}]}, "bad_plan"),
        ({"plan": []}, "bad_plan"),
        ({"plan": [{"percent": 5, "hours": 10_000}]}, "bad_plan"),
        ({"plan": [{"percent": 5}], "rollout_percent": 5}, "bad_plan"),
        ({"channel": "alpha"}, "not_found"),
    ],
)
def test_terms_that_cannot_be_are_refused_and_nothing_is_approved(
    ask: Ask, publish: Callable[[], None], body: dict[str, Any], code: str
) -> None:
    assert ask("releases/2/approve", reason="better", **body).json()["code"] == code
    answer = ask("releases/2").json()
    assert (answer["state"], answer["approvals"], answer["rollouts"]) == ("proposed", 0, [])


@pytest.mark.parametrize(
    "path",
    [
        "rollouts",
        "rollouts/1",
        "channels",
        "channels/stable",
        "channels/stable/periods",
        "history",
        "history/export.csv",
    ],
)
def test_only_engineers_see_and_decide(client: httpx.Client, parts: Parts, path: str) -> None:
    assert client.get(f"/v1/{path}").status_code == 401
    assert asking(client, parts, "ada", Role.REVIEWER)(path).status_code == 403


def test_unknown_rollouts_and_channels_are_not_found(ask: Ask) -> None:
    for path in ("rollouts/77", "channels/alpha", "channels/alpha/periods"):
        assert ask(path).json()["code"] == "not_found"
    assert ask("channels/alpha/go-back", version=1, reason="why").json()["code"] == "not_found"


def test_history_is_paged_and_exported_whole(ask: Ask, publish: Callable[[], None], parts: Parts) -> None:
    ask("releases/2/approve", rollout_percent=5, reason='=HYPERLINK("http://evil"), "quoted"')
    publish()
    with transaction(parts.engine) as session:
        rollouts.halt(session, "=cmd()", rollouts.meant(session, 2), "Glas geht schief: 玻璃")
        audit_log.record(session, "eve", "staff.signed_in", "sign-in/eve")
    first = ask("history?limit=3").json()
    assert (len(first["events"]), first["after"]) == (3, first["events"][-1]["id"])
    rest = ask(f"history?after={first['after']}&limit=500").json()
    assert rest["after"] is None
    events = first["events"] + rest["events"]
    assert [event["action"] for event in events][-1] == "rollout.halted"
    lines = [json.loads(line) for line in ask("history/export.jsonl").text.splitlines()]
    assert lines == events
    table = list(csv.DictReader(io.StringIO(ask("history/export.csv").text)))
    assert [row["action"] for row in table] == [event["action"] for event in events]
    assert table[-1]["actor"] == "'=cmd()", "no spreadsheet computes it"
    assert json.loads(table[-1]["detail"]) == events[-1]["detail"]
    of_channel = ask("history/export.jsonl?subject=channel/stable").text.splitlines()
    assert {json.loads(line)["subject"] for line in of_channel} == {"channel/stable"}
