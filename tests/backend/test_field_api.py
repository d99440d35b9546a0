"""Phones send field reports, engineers read what came of them."""

import json
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.evidence import field_figures, field_reports
from backend.evidence.field_figures import Latency
from backend.evidence.field_reports import OTHER
from backend.records import notices
from backend.settings import Settings
from backend.tables import DeviceId, Role
from mobile_models.field_report import Arm
from tests.backend.field_world import NEW, NOON, OLD, TODAY, add_releases, report, rollout, send, use
from tests.backend.staff_world import PASSWORD, person
from tests.backend.world import Resident, register, running


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """What is counted is the same on both databases (test_field_reports.py); here it comes over HTTP."""
    return migrated_sqlite_url


@pytest.fixture
def ready(parts: Parts) -> datetime:
    """Three releases, one of them on its way; return when it began."""
    began = now() - timedelta(days=1)
    with transaction(parts.engine) as session:
        add_releases(session)
        rollout(session, started_at=began)
    return began


def sign_in(client: httpx.Client, parts: Parts, role: Role) -> dict[str, str]:
    with transaction(parts.engine) as session:
        person(session, "ada", role)
    token = client.post("/v1/staff/sign-in", json={"name": "ada", "password": PASSWORD}).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def body(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = report(day=now().date()).model_dump(mode="json")
    return given | changes


def test_a_report_is_counted_once(resident: Resident, ready: datetime) -> None:
    sent = body()
    answers = [resident.ask("POST", "/v1/field-reports", json=sent) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, {"counted": 1}), (200, {"counted": 0})]


def test_without_a_token_nothing_is_counted(client: httpx.Client, ready: datetime) -> None:
    assert client.post("/v1/field-reports", json=body()).status_code == 401


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"day": (date.today() + timedelta(days=7)).isoformat()}, 400, "future_day"),
    ({"day": "2020-01-01"}, 400, "too_old"),
    ({"day": "9999-99-99"}, 422, "invalid"),
    ({"channel": "nul\0"}, 422, "invalid"),
    ({"releases": []}, 422, "invalid"),
    ({"releases": [{"version": 2**80, "arm": "current"}]}, 422, "invalid"),
    ({"releases": [{"version": 77, "arm": "current"}]}, 400, "unknown_release"),
    ({"place": "at home"}, 422, "invalid"),
    ({"phone_model": "x" * 20_000}, 413, "too_many_bytes"),
]


def test_what_is_no_report_is_refused_with_its_reason(resident: Resident, ready: datetime) -> None:
    for changes, status, code in REFUSED:
        answer = resident.ask("POST", "/v1/field-reports", json=body(**changes))
        assert (answer.status_code, answer.json()["code"]) == (status, code), changes


def test_odd_names_of_phones_are_taken_as_they_can_be(resident: Resident, ready: datetime) -> None:
    for name in ("nul \0", "\ud800", "🦄"):
        content = json.dumps(body(phone_model=name, report_id=str(uuid.uuid4())))
        answer = resident.ask("POST", "/v1/field-reports", content=content)
        assert answer.status_code == (422 if name == "\ud800" else 201 if name == "nul \0" else 200)


def test_what_is_not_json_is_refused(resident: Resident, ready: datetime) -> None:
    answer = resident.ask("POST", "/v1/field-reports", content=b"\x00{")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.fixture
def strict(settings: Settings) -> Iterator[tuple[httpx.Client, Parts]]:
    with running(settings.model_copy(update={"field_reports_per_device_per_hour": 2})) as started:
        yield started


def test_a_phone_that_floods_is_told_to_wait_and_others_are_not(strict: tuple[httpx.Client, Parts]) -> None:
    client, parts = strict
    with transaction(parts.engine) as session:
        add_releases(session)
    anna, bert = register(client), register(client)
    statuses = [anna.ask("POST", "/v1/field-reports", json=body()).status_code for _ in range(3)]
    assert statuses == [201, 200, 429]
    assert bert.ask("POST", "/v1/field-reports", json=body()).status_code == 201


def test_an_engineer_sees_the_field_and_what_it_says_about_the_rollout(
    client: httpx.Client, parts: Parts, ready: datetime
) -> None:
    headers, today = sign_in(client, parts, Role.ENGINEER), now().date()
    for number in range(6):
        counts = {"installed": 1, "loads": 1, "answers": 10, "corrected": 1, "latency": {9: 10}}
        sent = report(use(NEW, Arm.CANDIDATE, **(counts if number else {"load_crashes": 2})), day=today)
        content = sent.model_dump(mode="json")
        assert register(client).ask("POST", "/v1/field-reports", json=content).status_code == 201
    found = client.get(f"/v1/releases/{NEW}/field", headers=headers).json()
    assert {name: found[name] for name in ("installed", "passed", "failed", "load_crashes")} == {
        "installed": 5, "passed": 5, "failed": 1, "load_crashes": 2,
    }  # fmt: skip
    (day,) = found["days"]
    assert (day["arm"], day["running"], day["correction_rate"]) == ("candidate", 5, 0.1)
    assert 22 < found["latency"]["p50"] < 32
    judgement = found["judgements"]["stable"]
    (reason,) = judgement["reasons"]
    answers = (f"{number} of 300 answers needed at this step." for number in range(0, 51, 10))
    assert judgement["verdict"] == "hold" and reason in answers, "what came in the last ten minutes counts later"
    assert client.get("/v1/releases/77/field", headers=headers).status_code == 404


def test_reviewers_do_not_see_the_field(client: httpx.Client, parts: Parts, ready: datetime) -> None:
    headers = sign_in(client, parts, Role.REVIEWER)
    assert client.get(f"/v1/releases/{NEW}/field", headers=headers).status_code == 403


def test_figures_of_a_few_phones_are_not_told(session: Session, settings: Settings) -> None:
    add_releases(session)
    for model, phones in (("common", 5), ("rare", 4), ("unique", 1)):
        for _ in range(phones):
            day = TODAY if model == "common" else TODAY - timedelta(days=1)
            given = report(use(answers=10, corrected=2), phone_model=model, day=day)
            send(session, settings, given, NOON)
    found = field_figures.of_release(session, OLD, smallest_cell=5)
    models = {each.phone_model: each.answers for each in found.phone_models}
    assert models == {"common": 50, OTHER: 50}, "only together are the rare ones many enough"
    alone = field_figures.of_release(session, OLD, smallest_cell=6)
    assert [each.phone_model for each in alone.phone_models] == [OTHER]
    assert [(each.running, each.correction_rate) for each in alone.days] == [(None, None), (None, None)]
    assert [each.running for each in found.days] == [5, 5]


def test_many_days_of_one_phone_are_still_one_phone(session: Session, settings: Settings) -> None:
    add_releases(session)
    for days in range(21):
        given = report(use(answers=1), phone_model="lonely", day=TODAY - timedelta(days=days))
        field_reports.accept(session, settings, DeviceId("one"), given, NOON)
    assert field_figures.of_release(session, OLD, smallest_cell=2).phone_models == ()


def test_percentiles_are_read_from_buckets() -> None:
    assert field_figures.latency({}) is None
    assert field_figures.latency({"answers": 9}) is None
    even = field_figures.latency({"latency.10": 100, "latency.12": 100})
    assert even is not None
    assert (round(even.p50, 1), 64 < even.p90 < 90.6, 64 < even.p99 < 90.6) == (45.3, True, True)
    assert field_figures.latency({"latency.0": 9}) == Latency(*[pytest.approx(1.41, abs=0.01)] * 3)
    slowest = field_figures.latency({"latency.33": 9})
    assert slowest is not None and 90_000 < slowest.p50 < 95_000


def test_staff_who_could_not_be_told_are_a_warning(client: httpx.Client, parts: Parts, release: Path) -> None:
    assert client.get("/readyz").json() == {"status": "ok"}
    there = parts.settings.model_copy(update={"notices_email_to": "ada@city.example"})
    with transaction(parts.engine) as session:
        notices.tell_staff(session, "Release 3 halted", "why")
        notices.address(session, there, now())
        letter = notices.claim(session, now())
        assert letter is not None
        notices.settle_failed(session, letter, "refused", now())
    (warning,) = client.get("/readyz").json()["warnings"]
    assert warning == "staff have not been told by email yet, after 1 attempts: Release 3 halted"
