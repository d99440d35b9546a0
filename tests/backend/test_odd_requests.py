"""Whatever is sent is answered with a typed error, never with a 500; on SQLite and PostgreSQL."""

import json
from typing import Any

import httpx
import pytest

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.tables import Role
from tests.backend.staff_world import PASSWORD, person
from tests.backend.world import Resident

HUGE = 10**30


@pytest.fixture
def token(client: httpx.Client, parts: Parts) -> str:
    """Of an administrator."""
    with transaction(parts.engine) as session:
        person(session, "ada", Role.ADMINISTRATOR)
    answer = client.post("/v1/staff/sign-in", json={"name": "ada", "password": PASSWORD})
    return str(answer.json()["token"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/v1/releases/{HUGE}", None),
        ("GET", "/v1/releases/-1", None),
        ("POST", f"/v1/releases/{HUGE}/halt", {"reason": "x"}),
        ("POST", "/v1/releases/1/halt", {"reason": "nul \0"}),
        ("POST", "/v1/releases/1/approve", {"rollout_percent": 5, "reason": "\0"}),
        ("GET", f"/v1/dataset-snapshots/{HUGE}", None),
        ("POST", "/v1/training-runs", {"snapshot_id": HUGE}),
        ("POST", "/v1/training-runs", {"changes": {"name": "nul \0"}}),
        ("POST", "/v1/training-runs", {"weights": "nul \0"}),
        ("POST", "/v1/training-runs", {"recipe": "nul \0"}),
        ("POST", f"/v1/staff/{HUGE}/disable", {}),
        ("POST", "/v1/staff", {"name": "nul \0", "role": "reviewer", "password": PASSWORD}),
        ("POST", "/v1/staff/sign-in", {"name": "nul \0", "password": "x"}),
        ("POST", "/v1/staff/sign-in", {"name": "\ud800", "password": "x"}),
        ("POST", "/v1/releases/1/signatures", {"key_id": "nul \0", "signature": "00", "staged_sha256": "0" * 64}),
    ],
)
def test_staff_cannot_break_the_server(
    client: httpx.Client, token: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = client.request(method, path, content=json.dumps(body), headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "before", ["2026-11-01T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"]
)
def test_a_moment_that_is_none_is_refused(resident: Resident, before: str) -> None:
    answer = resident.ask("GET", "/v1/submissions", params={"before": before})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_page_of_submissions_ends_where_the_next_begins(resident: Resident) -> None:
    sent = [resident.submit().json() for _ in range(3)]
    first = resident.ask("GET", "/v1/submissions", params={"limit": 2}).json()["submissions"]
    second = resident.ask("GET", "/v1/submissions", params={"before": first[-1]["received_at"]}).json()["submissions"]
    assert [each["id"] for each in (*first, *second)] == [each["id"] for each in reversed(sent)]


def test_a_place_with_characters_that_no_database_keeps_is_refused(resident: Resident) -> None:
    answer = resident.submit(place="north\0side")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_share_that_is_no_number_is_refused(client: httpx.Client, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = client.post("/v1/releases/1/approve", content=b'{"rollout_percent": NaN}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
