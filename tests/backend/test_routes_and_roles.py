"""Every route, asked for by everybody: nobody, a phone, and each role of the staff. The table is `routes_table`."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import Engine, func
from sqlmodel import SQLModel, select

from backend.api.dependencies import Parts
from backend.app import create_app
from backend.console import safety
from backend.database import transaction
from backend.people import staff_sessions
from backend.people.permissions import Permission, may
from backend.people.staff_sessions import Origin
from backend.settings import Settings
from backend.tables import Role, SignInWay, Staff
from tests.backend.routes_table import ANYBODY, DEVICE, ROUTES, STAFF
from tests.backend.staff_world import person, photo
from tests.backend.world import register

SAMPLES = {"photo_id": "00000000-0000-0000-0000-000000000001", "run_id": "00000000-0000-0000-0000-000000000001",
           "name": "stable"}  # fmt: skip
"""What stands in a path; anything else is a number that nothing has."""
REFUSALS = {"not_signed_in", "role_needed", "stale_form"}
ASKED = [(method, path, who) for (method, path), who in ROUTES.items() if method != "MOUNT"]


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Who may do what is the same on every database."""
    return migrated_sqlite_url


@pytest.fixture
def sign_in(engine: Engine, settings: Settings) -> Callable[[Role], str]:
    """Open another session of the only person of a role: some routes end the one that they are asked with."""
    with transaction(engine) as session:
        ids = {role: person(session, f"the {role}", role).id for role in Role}

    def opened(role: Role) -> str:
        with transaction(engine) as session:
            row = session.get_one(Staff, ids[role])
            return staff_sessions.open_session(session, settings, row, SignInWay.PASSWORD, Origin()).token

    return opened


def routes_of(settings: Settings) -> Iterator[tuple[str, str]]:
    def walk(routes: list[object]) -> Iterator[tuple[str, str]]:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from walk(inner.routes)
                continue
            for method in getattr(route, "methods", None) or {"MOUNT"}:
                yield method, getattr(route, "path")  # noqa: B009  # Routes have no common type.

    yield from walk(create_app(settings).routes)  # type: ignore[arg-type]


def test_every_route_stands_in_the_table_and_nothing_else(settings: Settings) -> None:
    there = set(routes_of(settings))
    assert sorted(there - set(ROUTES)) == [], "add a line to routes_table.py for each"
    assert sorted(set(ROUTES) - there) == [], "no longer there"


def ask(client: httpx.Client, method: str, path: str, token: str, *, csrf: bool = True) -> str:
    """Return the code of the refusal, or nothing."""
    filled = re.sub(r"\{(\w+)(:path)?\}", lambda name: SAMPLES.get(name[1], "999"), path)
    headers = {"Accept": "application/json", **(credentials(path, token, csrf=csrf) if token else {})}
    answer = client.request(method, filled, headers=headers)
    client.cookies.clear()
    assert answer.status_code < 500 or answer.status_code == 503, f"{method} {path}: {answer.status_code}"
    if not answer.content or "problem+json" not in answer.headers.get("content-type", ""):
        return ""
    code = str(answer.json()["code"])
    return code if code in REFUSALS and answer.status_code in (401, 403) else ""


def credentials(path: str, token: str, *, csrf: bool = True) -> dict[str, str]:
    if not path.startswith("/console"):
        return {"Authorization": f"Bearer {token}"}
    return {"Cookie": f"wastelens={token}"} | ({safety.HEADER: safety.secret_of(token)} if csrf else {})


def test_who_has_not_signed_in_reaches_what_is_for_anybody(client: httpx.Client) -> None:
    for method, path, who in ASKED:
        if path == "/v1/staff/sign-out":  # Anybody may, and without a token there is nothing to end.
            continue
        expected = "" if who == ANYBODY else "not_signed_in"
        assert ask(client, method, path, "") == expected, f"{method} {path}"


def test_a_phone_reaches_what_is_for_phones(client: httpx.Client) -> None:
    token = register(client).token
    for method, path, who in ASKED:
        expected = "" if who in (ANYBODY, DEVICE) else "not_signed_in"
        assert ask(client, method, path, token) == expected, f"{method} {path}"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_what_it_may_and_nothing_else(
    client: httpx.Client, sign_in: Callable[[Role], str], role: Role
) -> None:
    for method, path, who in ASKED:
        expected = expected_refusal(role, who)
        assert ask(client, method, path, sign_in(role)) == expected, f"{role}: {method} {path}"


def expected_refusal(role: Role, who: str | Permission) -> str:
    if isinstance(who, Permission):
        return "" if may(role, who) else "role_needed"
    return "not_signed_in" if who == DEVICE else ""


def test_no_form_of_the_console_is_taken_without_the_secret_of_its_session(
    client: httpx.Client, sign_in: Callable[[Role], str]
) -> None:
    token = sign_in(Role.ADMINISTRATOR)
    forms = [(method, path) for method, path, who in ASKED if path.startswith("/console") and method != "GET"]
    for method, path in forms:
        if ROUTES[method, path] != ANYBODY:
            refused = ask(client, method, path, token, csrf=False)
            assert refused == "stale_form", path


def test_nothing_changes_by_get(client: httpx.Client, parts: Parts, sign_in: Callable[[Role], str]) -> None:
    def content() -> dict[str, int]:
        with transaction(parts.engine) as session:
            tables = SQLModel.metadata.tables.values()
            return {table.name: session.exec(select(func.count()).select_from(table)).one() for table in tables}

    token = sign_in(Role.ADMINISTRATOR)
    before = content()
    for method, path, who in ASKED:
        if method == "GET" and who not in (ANYBODY, DEVICE):
            ask(client, method, path, token)
            assert content() == before, path


def test_a_photo_of_elsewhere_is_answered_like_one_that_does_not_exist(
    client: httpx.Client, engine: Engine, settings: Settings
) -> None:
    """On each route that takes the id of a photo; with what a form could hold, so that it gets as far as the photo."""
    body = {"verdict": "reject", "reason": "not waste", "label": "glass", "count": 1}
    with transaction(engine) as session:
        far, nobodys = photo(session, place="Southside").id, SAMPLES["photo_id"]
        ada = session.get_one(Staff, person(session, "ada", Role.ENGINEER, ["Northside"]).id)
        token = staff_sessions.open_session(session, settings, ada, SignInWay.PASSWORD, Origin()).token
    of_photos = [(method, path) for method, path, who in ASKED if "{photo_id}" in path and who != DEVICE]
    assert len(of_photos) > 10
    for method, path in of_photos:
        answers = []
        for photo_id in (far, nobodys):
            headers = {"Accept": "application/json", **credentials(path, token)}
            form = {"data": body} if path.startswith("/console") else {"json": body}
            answer = client.request(method, path.replace("{photo_id}", photo_id), headers=headers, **form)  # type: ignore[arg-type]
            answers.append((answer.status_code, answer.content))
        assert answers[0] == answers[1], f"{method} {path}"
        assert answers[0][0] == 404 or method != "GET", f"{method} {path}: {answers[0]}"


def test_the_console_has_no_route_that_takes_another_method() -> None:
    assert {method for method, path in ROUTES if path.startswith("/console")} == {"GET", "POST", "MOUNT"}


def test_every_line_of_the_table_says_something_known() -> None:
    assert {who for who in ROUTES.values() if not isinstance(who, Permission)} == {ANYBODY, DEVICE, STAFF}
