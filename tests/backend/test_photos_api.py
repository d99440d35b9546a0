"""`/v1/photos`, as programs ask for it."""

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.intake import photo_store
from backend.tables import DatasetSnapshotPhoto, PhotoState, Role
from mobile_models.document import sha256
from tests import pictures
from tests.backend import staff_world


@pytest.fixture
def ask(client: httpx.Client, engine: Engine) -> Any:
    with transaction(engine) as session:
        staff_world.person(session, "eve", Role.ENGINEER)
    told = client.post("/v1/staff/sign-in", json={"name": "eve", "password": staff_world.PASSWORD}).json()

    def asked(method: str, path: str, **options: Any) -> httpx.Response:
        return client.request(method, path, headers={"Authorization": f"Bearer {told['token']}"}, **options)

    return asked


def test_photos_are_found_and_counted(ask: Any, engine: Engine) -> None:
    with transaction(engine) as session:
        rows = [
            staff_world.photo(session, place="North", predicted_label="metal", confidence=0.1 * number)
            for number in range(5)
        ]
    first = ask("GET", "/v1/photos", params={"limit": 3, "place": "North"}).json()
    rest = ask("GET", "/v1/photos", params={"limit": 3, "place": "North", "after": first["after"]}).json()
    assert rest["after"] is None
    assert {each["id"] for each in (*first["photos"], *rest["photos"])} == {row.id for row in rows}
    assert "device_id" not in str(first)
    assert len(ask("GET", "/v1/photos", params={"least_confidence": 0.25}).json()["photos"]) == 2
    assert ask("GET", "/v1/photos/places").json()["places"][0]["photos"] == 5
    assert ask("GET", "/v1/photos/over-time").json()["labels"] == [{"label": "metal", "photos": [5]}]
    assert ask("GET", "/v1/photos", params={"after": "x"}).status_code == 400
    assert ask("GET", "/v1/photos", params={"state": "lost"}).status_code == 422
    assert ask("GET", f"/v1/photos/{uuid.uuid4()}").status_code == 404


def test_data_sets_are_compared(ask: Any, engine: Engine) -> None:
    with transaction(engine) as session:
        photo_id = staff_world.photo(session).id
        older, newer = staff_world.frozen_snapshot(session), staff_world.frozen_snapshot(session)
        session.add(DatasetSnapshotPhoto(snapshot_id=newer, photo_id=photo_id, label="glass", split="train"))
    told = ask("GET", f"/v1/dataset-snapshots/{older}/difference/{newer}").json()
    assert (told["kept"], told["totals"]["added"], told["examples"]["added"]) == (0, 1, [photo_id])
    assert told["by_label"] == {"glass": {"added": 1}}
    assert ask("GET", f"/v1/dataset-snapshots/{older}/difference/999").status_code == 404


def test_a_photo_is_noted_on_covered_hidden_and_shown_again(ask: Any, engine: Engine, parts: Parts) -> None:
    content = pictures.jpeg("glass")
    with transaction(engine) as session:
        device = staff_world.device(session)
        row = staff_world.photo(session, sha256=sha256(content), device_id=device, inspected_at=now())
        photo_store.put(parts.storage, staff_world.id_of(row), content)
    one = f"/v1/photos/{row.id}"
    assert ask("GET", f"{one}/image").content == content
    assert ask("POST", f"{one}/notes", json={"text": " torn "}).json()["text"] == "torn"
    assert ask("GET", one).json()["notes"][0]["by"] == "eve"
    assert ask("POST", f"{one}/hide", json={"reason": "a face"}).json()["state"] == "hidden"
    assert ask("POST", f"{one}/show").json()["state"] == "inspected"
    region = {"left": 0, "top": 0, "right": 40, "bottom": 40}
    assert ask("POST", f"{one}/redact", json={"regions": [region]}).json()["state"] == "received"
    assert ask("GET", f"{one}/image").status_code == 403  # Not before it was inspected again.
    assert ask("POST", f"{one}/redact", json={"regions": []}).status_code == 422
    blocked = ask("POST", f"{one}/block-device", json={"reason": "insults", "hide_earlier": True})
    assert blocked.json() == {"hidden": 1}
    assert device not in ask("GET", one).text
    with transaction(engine) as session:
        assert session.get_one(type(row), row.id).state == PhotoState.HIDDEN
