"""Every error is a problem document, and none tells of the inside."""

import httpx
import obstore
import pytest
from sqlalchemy import Engine, text

from backend.api.dependencies import Parts
from backend.settings import Settings
from tests.backend.world import Resident, running


def check(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert (content["status"], content["code"], content["type"]) == (status, code, f"urn:wastelens:problem:{code}")
    assert content["title"]
    assert content["detail"]


def test_an_unknown_path_and_a_wrong_method_are_problem_documents(client: httpx.Client) -> None:
    check(client.get("/v1/nothing"), 404, "not_found")
    wrong = client.delete("/v1/devices")
    check(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


def test_what_is_not_as_documented_names_field_and_reason_and_repeats_nothing(resident: Resident) -> None:
    answer = resident.ask("GET", "/v1/submissions", params={"limit": "secret"})
    check(answer, 422, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["query.limit"]
    assert "secret" not in answer.text


def test_an_error_of_ours_says_nothing_of_the_inside(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("backend.devices.register", fail)
    with running(settings) as (client, _):
        answer = client.post("/v1/devices")
        check(answer, 500, "internal")
        assert "secret" not in answer.text
        assert client.get("/healthz").status_code == 200, "the server goes on"
    assert "the secret reason" in caplog.text, "we can read it"


def test_storage_that_is_away_is_answered_with_try_again_and_nothing_is_kept(
    resident: Resident, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise obstore.exceptions.GenericError("bucket 10.0.0.7 is away")

    with monkeypatch.context() as away:
        away.setattr(obstore, "put", fail)
        answer = resident.submit()
        check(answer, 503, "unavailable")
        assert answer.headers["retry-after"]
        assert "10.0.0.7" not in answer.text
    assert resident.ask("GET", "/v1/submissions").json() == {"submissions": []}


def test_a_broken_database_is_answered_without_its_words(client: httpx.Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE devices RENAME TO gone"))
    answer = client.post("/v1/devices")
    assert answer.status_code in (500, 503)
    assert "gone" not in answer.text
    assert "devices" not in answer.json()["detail"]


def test_the_documentation_of_the_interface_is_whole(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/devices", "/v1/submissions/{photo_id}", "/v1/classify", "/updates/{path}"} <= set(paths)
    body = paths["/v1/submissions/{photo_id}"]["put"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert body["required"] == ["photo", "submission"]
