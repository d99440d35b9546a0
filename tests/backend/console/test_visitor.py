"""Who looks at a page, and where they come back to; asked for without a browser."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine, update
from sqlmodel import select

from backend.api.dependencies import Parts
from backend.console import safety
from backend.database import now, transaction
from backend.tables import Role, StaffSession
from tests.backend import staff_world
from tests.backend.console import models_world

AS_PROGRAM = {"Accept": "application/json"}


def sign_in(client: httpx.Client, engine: Engine, role: Role) -> str:
    """Sign in somebody of this role; return what their forms carry."""
    with transaction(engine) as session:
        name = staff_world.person(session, f"the {role}", role).name
    client.post("/console/sign-in", data={"name": name, "password": staff_world.PASSWORD})
    return safety.secret_of(client.cookies["wastelens"])


# Where they come back to


@pytest.mark.parametrize(
    ("page", "then"),
    [
        ("/console/models/runs/7?from=mail", "/console/models/runs/7%3Ffrom%3Dmail"),
        ("", "/console"),  # A script of ours that is no htmx.
    ],
)
def test_who_is_signed_out_on_a_page_that_changes_comes_back_to_the_page(
    client: httpx.Client, page: str, then: str
) -> None:
    headers = {"HX-Request": "true"} | ({"HX-Current-URL": f"{client.base_url}{page}"} if page else {})
    answer = client.get("/console/models/runs/7/live", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == f"/console/sign-in?then={then}"


def test_another_language_leads_back_to_where_one_was(client: httpx.Client, engine: Engine) -> None:
    sign_in(client, engine, Role.REVIEWER)
    where = "/console/data?place=north&text=https://example.org"
    assert f'name="then" value="{where.replace("&", "&amp;")}"' in client.get(where).text
    answer = client.post("/console/preferences", data={"language": "vi", "then": where})
    assert answer.headers["location"] == where


def test_a_refusal_keeps_the_way_to_everything_else(client: httpx.Client, engine: Engine) -> None:
    sign_in(client, engine, Role.REVIEWER)
    refused = client.get("/console/people")
    assert refused.status_code == 403
    assert 'href="/console/review"' in refused.text
    assert "Sign out" in refused.text


# How long they are here


def test_a_page_that_looks_by_itself_keeps_no_session_from_ending(
    client: httpx.Client, engine: Engine, parts: Parts
) -> None:
    with transaction(engine) as session:
        rollout = models_world.under_way(session, parts)
    sign_in(client, engine, Role.ENGINEER)
    left = now() - timedelta(minutes=10)
    with transaction(engine) as session:
        session.connection().execute(update(StaffSession).values(last_seen_at=left))
    page = f"/console/models/rollouts/{rollout}"
    assert client.get(f"{page}/live?state=running").status_code == 200
    assert last_seen(engine) == left
    assert client.get(page).status_code == 200
    assert last_seen(engine) > left


def last_seen(engine: Engine) -> datetime:
    with transaction(engine) as session:
        return session.exec(select(StaffSession.last_seen_at)).one()


# What they are given


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/console/account", None),
        ("GET", "/console/service", None),
        ("GET", "/console/data/map.json", None),
        ("GET", "/console/nothing", None),
        ("POST", "/console/account/passkeys/challenge", None),
        ("POST", "/console/sign-in/passkey/challenge", None),
        ("POST", "/console/data/export", {"kind": "csv"}),
        ("POST", "/console/audit/export", {"kind": "jsonl"}),
    ],
)
def test_nothing_that_is_given_is_kept_on_the_way_or_taken_for_something_else(
    client: httpx.Client, engine: Engine, method: str, path: str, body: dict[str, str] | None
) -> None:
    secret = sign_in(client, engine, Role.ADMINISTRATOR)
    accept = {"Accept": "application/json"} if path == "/console/service" else {}
    answer = client.request(method, path, data=body, headers={safety.HEADER: secret} | accept)
    assert answer.status_code == (404 if path == "/console/nothing" else 200)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


# What is taken from them


@pytest.mark.parametrize("path", ["/console/models/runs", "/console/service/predict", "/console/people"])
def test_what_one_may_not_do_is_refused_before_the_form_is_read(
    client: httpx.Client, engine: Engine, path: str
) -> None:
    sign_in(client, engine, Role.REVIEWER)
    assert client.post(path, data={"name": "x"}, headers=AS_PROGRAM).json()["code"] == "role_needed"
