"""`/v1/guides`, as programs see it."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from backend.database import transaction
from backend.guides import guidance
from backend.tables import Role
from mobile_models.guide import EXAMPLE, Guide
from tests.backend import staff_world

SIGN_IN = {"name": "gina", "password": staff_world.PASSWORD}


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """What it answers from is tested on both kinds of database below it."""
    return migrated_sqlite_url


@pytest.fixture
def gina(client: httpx.Client, engine: Engine) -> dict[str, str]:
    """The headers of a guide editor in a city with the example's guide."""
    with transaction(engine) as session:
        staff_world.person(session, "gina", Role.GUIDE_EDITOR)
        guidance.load_example(session)
    return {"Authorization": f"Bearer {client.post('/v1/staff/sign-in', json=SIGN_IN).json()['token']}"}


def test_anybody_reads_the_published_guide_and_asks_cheaply_for_news(
    client: httpx.Client, gina: dict[str, str]
) -> None:
    (summary,) = client.get("/v1/guides").json()["guides"]
    assert (summary["city"], summary["version"], summary["names"]["vi"]) == ("example", 1, "Thành phố mẫu")
    answer = client.get("/v1/guides/example")
    assert Guide.model_validate_json(answer.content).items == Guide.read(EXAMPLE).items
    again = client.get("/v1/guides/example", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/v1/guides/nowhere").status_code == 404
    assert client.get("/v1/guides/..%00").status_code in (404, 422)


def test_an_edit_is_published_by_saying_so(client: httpx.Client, gina: dict[str, str]) -> None:
    guide = client.get("/v1/guides/example/versions/1", headers=gina).json()["guide"]
    guide["names"]["en"] = "Example <b>town</b>"
    body = {"based_on": 1, "guide": guide, "reason": "its name"}
    made = client.post("/v1/guides/example/versions", headers=gina, json=body)
    assert (made.status_code, made.json()["number"], made.json()["made_by"]) == (201, 2, "gina")
    assert client.post("/v1/guides/example/versions", headers=gina, json=body).json()["code"] == "edited_meanwhile"
    assert client.get("/v1/guides/example").json()["version"] == 1
    published = client.post("/v1/guides/example/publish", headers=gina, json={"version": 2, "reason": "agreed"})
    assert published.status_code == 200
    assert client.get("/v1/guides/example").json()["names"]["en"] == "Example <b>town</b>"
    back = client.post("/v1/guides/example/versions/1/restore", headers=gina, json={"reason": "no"})
    assert back.json()["came_from"] == 1
    numbers = [row["number"] for row in client.get("/v1/guides/example/versions", headers=gina).json()["versions"]]
    assert numbers == [3, 2, 1]


def test_another_city_begins_like_the_first(client: httpx.Client, gina: dict[str, str]) -> None:
    body = {"city": "hue", "names": {"vi": "Huế"}, "languages": ["vi", "en", "zh"], "like": "example"}
    assert client.post("/v1/guides", headers=gina, json=body).status_code == 201
    assert client.post("/v1/guides", headers=gina, json=body).json()["code"] == "city_taken"
    assert client.get("/v1/guides/hue").status_code == 404
    assert [each["city"] for each in client.get("/v1/guides").json()["guides"]] == ["example"]


@pytest.mark.parametrize(
    "change",
    [
        {"city": "elsewhere"},
        {"bins": []},
        {"bins": [{"id": "x", "colour": "red", "symbol": "can", "names": {"en": "X"}}]},
        {"names": {"en": "\x00"}},
        {"songs": []},
    ],
)
def test_what_is_no_guide_is_refused(client: httpx.Client, gina: dict[str, str], change: dict[str, Any]) -> None:
    guide = client.get("/v1/guides/example").json() | change
    body = {"based_on": 1, "guide": guide}
    assert client.post("/v1/guides/example/versions", headers=gina, json=body).status_code in (400, 422)


@pytest.mark.parametrize("path", ["/v1/guides", "/v1/guides/example/versions", "/v1/guides/example/publish"])
def test_without_the_permission_nothing_changes(client: httpx.Client, path: str) -> None:
    assert client.post(path, json={}).status_code == 401
