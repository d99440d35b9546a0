"""Text that wants to be script, in every text that anybody can send: it stays text on every page."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import APIResponse
from sqlalchemy import Engine, update
from sqlmodel import Session, SQLModel, select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.people import staff_sessions
from backend.people.staff_sessions import Origin
from backend.tables import (
    DatasetSnapshotRow,
    Photo,
    PhotoState,
    RecipeConfiguration,
    ReleaseApproval,
    Role,
    Rollout,
    SignInWay,
    Staff,
    TrainingRun,
)
from tests import pictures
from tests.backend import staff_world
from tests.backend.console import walk
from tests.backend.console.conftest import Visit
from tests.backend.console.walk import Form, Page
from tests.backend.world import Resident, register

PAYLOAD = '"><img src=x onerror=window.hit=1>'
SHORT = "<b onclick=1>"
"""For fields that take little."""
TEXT_KINDS = frozenset({"text", "search", "textarea", "url", "email", "tel"})
STORED: tuple[tuple[type[SQLModel], tuple[str, ...]], ...] = (
    (Photo, ("place", "note", "licence", "origin", "quarantine_reason", "hidden_reason")),
    (TrainingRun, ("error", "requested_by", "trigger")),
    (DatasetSnapshotRow, ("requested_by", "error")),
    (Rollout, ("reason", "judgement")),
    (ReleaseApproval, ("reason",)),
    (RecipeConfiguration, ("name", "note", "saved_by")),
)
"""What workers, phones and importers write, beside what forms take."""
ENDS_THE_WALK = frozenset({
    "/console/sign-out", "/console/sign-in", "/console/account/sessions/revoke", "/console/account/password",
    "/console/account/sessions/{handle}/revoke", "/console/account/second-factor/begin",
    "/console/account/second-factor/confirm",
})  # fmt: skip
"""Forms that end the walker's own session, or without which nobody gets in any more; they keep no text."""


@pytest.fixture
def poisoned(parts: Parts, client: httpx.Client) -> None:
    """A city in which every stored text is the payload."""
    walk.fill_city(parts)
    with transaction(parts.engine) as session:
        for table, columns in STORED:
            session.connection().execute(update(table).values(dict.fromkeys(columns, PAYLOAD)))
        staff_world.person(session, PAYLOAD, Role.REVIEWER, areas=[PAYLOAD])
        first = session.exec(select(Photo).where(Photo.state == PhotoState.INSPECTED)).first()
        assert first is not None
        first.state = PhotoState.QUARANTINED
        session.add(first)
    answer = register(client).submit(place=PAYLOAD, note=PAYLOAD)
    assert answer.status_code in (201, 202, 422), answer.text


def test_a_payload_in_every_text_stays_text_on_every_page(
    sign_in: Callable[..., Visit], poisoned: None, engine: Engine
) -> None:
    visitor = sign_in("ada", Role.ADMINISTRATOR)
    with transaction(engine) as session:
        own = f"/console/people/{session.exec(select(Staff.id).where(Staff.name == 'ada')).one()}/"
    filled = set(send_every_form(visitor, list(walk.pages(visitor, look=check_source)), own))
    assert {"/console/people", "/console/service/change", "/console/service/save_config"} <= filled
    shown = [page.path for page in walk.pages(visitor, look=check_source) if is_harmless_and_shown(visitor)]
    kinds = {walk.route("GET", path) for path in shown}
    assert {"/console/people", "/console/audit", "/console/data", "/console/models"} <= kinds, "nothing was shown there"


def send_every_form(visitor: Visit, walked: list[Page], own: str) -> Iterator[str]:
    """Send each form once, its texts being the payload; yield the routes of those that have a text."""
    sent: set[str] = set()
    for form in (form for page in walked for form in page.forms):
        kind = walk.route((form.method or "get").upper(), form.target)
        if kind is None or kind in ENDS_THE_WALK or kind in sent or own in form.target:
            continue
        sent.add(kind)
        answer = send(visitor, form)
        assert answer.status < 500 or answer.status == 503, f"{form.target}: {answer.status}"
        if "text/html" in answer.headers.get("content-type", ""):
            check_source(answer.text())
        if any(each["kind"] in TEXT_KINDS for each in form.fields):
            yield kind


def send(visitor: Visit, form: Form) -> APIResponse:
    values = {each["name"]: value for each in form.fields if (value := value_of(each)) is not None}
    if form.method == "get":
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in values.items())
        return visitor.context.request.get(f"{form.target.split('?')[0]}?{query}")
    headers = {"Origin": visitor.address, "Sec-Fetch-Site": "same-origin"}
    files = [each["name"] for each in form.fields if each["kind"] == "file"]
    if files:
        photo = {"name": f"{SHORT}.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg()}
        parts: dict[str, Any] = {**values, **dict.fromkeys(files, photo)}
        return visitor.context.request.post(form.target, multipart=parts, headers=headers)
    return visitor.context.request.post(form.target, form=values, headers=headers)


def value_of(field: dict[str, Any]) -> str | None:
    kind = field["kind"]
    if kind in TEXT_KINDS:
        return PAYLOAD if field["longest"] < 0 or field["longest"] >= len(PAYLOAD) else SHORT[: field["longest"]]
    if kind in ("checkbox", "radio"):
        return str(field["value"]) if kind == "checkbox" or field["checked"] else None
    if kind == "select":
        return str(field["value"] or next(filter(None, field["options"]), ""))
    if kind == "number":
        return str(field["value"] or 1)
    return None if kind in ("file", "password") else str(field["value"])


def check_source(text: str) -> None:
    for payload in (PAYLOAD, SHORT):
        at = text.find(payload)
        assert at < 0, f"not escaped: {text[max(0, at - 200) : at + 60]}"


def is_harmless_and_shown(visitor: Visit) -> bool:
    """Whether the page shows the payload, to people who read it; raise if it ran."""
    page = visitor.page
    assert page.evaluate("window.hit === undefined"), f"a payload ran on {page.url}"
    assert page.locator("img[src='x']").count() == 0, f"a payload became a picture on {page.url}"
    return "onerror=window.hit=1" in page.evaluate(
        "document.body.textContent + [...document.querySelectorAll('input, textarea')].map(each => each.value).join()"
    )


# The interface for programs


def test_a_payload_in_every_argument_of_the_interface_is_never_answered_as_a_page(
    client: httpx.Client, engine: Engine, parts: Parts
) -> None:
    walk.fill_city(parts)
    with transaction(engine) as session:
        token = administrator(session, parts)
    phone = register(client)
    document = client.get("/openapi.json").json()
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path in ("/v1/staff/sign-out", "/v1/staff/me/password"):
                continue
            answer = ask(client, method, path, operation, document, token, phone)
            asked += 1
            assert answer.status_code < 500 or answer.status_code == 503, f"{method} {path}: {answer.text[:300]}"
            assert "html" not in answer.headers.get("content-type", ""), f"{method} {path}"
    assert asked > 50


def administrator(session: Session, parts: Parts) -> str:
    row = session.get_one(Staff, staff_world.person(session, "ada", Role.ADMINISTRATOR).id)
    return staff_sessions.open_session(session, parts.settings, row, SignInWay.COMMAND_LINE, Origin()).token


def ask(
    client: httpx.Client, method: str, path: str, operation: dict[str, Any], document: dict[str, Any], token: str,
    phone: Resident,
) -> httpx.Response:  # fmt: skip
    is_for_phones = path.startswith(("/v1/submissions", "/v1/classify", "/v1/field-reports", "/v1/devices"))
    headers = {"Authorization": f"Bearer {phone.token if is_for_phones else token}"}
    query = {}
    for parameter in operation.get("parameters", ()):
        value = sample(parameter["schema"], document)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
        elif parameter["in"] == "query":
            query[parameter["name"]] = value
    body = operation.get("requestBody", {}).get("content", {})
    if "application/json" in body:
        headers["Content-Type"] = "application/json"
        content = json.dumps(sample(body["application/json"]["schema"], document))
        return client.request(method, path, params=query, headers=headers, content=content)
    files = {"photo": (f"{SHORT}.jpg", pictures.jpeg())} if body else None
    return client.request(method, path, params=query, headers=headers, files=files, data={} if files else None)


def sample(schema: dict[str, Any], document: dict[str, Any], depth: int = 0) -> Any:  # noqa: PLR0911  # One for each kind.
    """Return what fits a schema, texts being the payload wherever they may be."""
    if "$defs" in schema:
        document = {"components": {"schemas": document["components"]["schemas"] | schema["$defs"]}}
    if "$ref" in schema:
        name = urlsplit(schema["$ref"]).fragment.rsplit("/", 1)[1]
        return sample(document["components"]["schemas"][name], document, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return sample(next(each for each in schema[several] if each.get("type") != "null"), document, depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object" and depth < 8:
        return {name: sample(each, document, depth + 1) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema["items"], document, depth + 1)] if "items" in schema and depth < 8 else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    if schema.get("format") == "uuid":
        return "00000000-0000-0000-0000-000000000001"
    if schema.get("format") in ("date", "date-time"):
        return "2026-01-01" if schema["format"] == "date" else "2026-01-01T00:00:00Z"
    return PAYLOAD[: schema.get("maxLength", len(PAYLOAD))]
