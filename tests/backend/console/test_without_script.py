"""Every page without script, and without htmx: forms that go somewhere, links that lead somewhere."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from backend.api.dependencies import Parts
from backend.console import safety
from backend.tables import Role
from tests.backend.console import walk
from tests.backend.console.conftest import Visit
from tests.backend.console.walk import Form, Page
from tests.backend.routes_table import ANYBODY, ROUTES

AT_LEAST = {
    "/console", "/console/account", "/console/people", "/console/people/{staff_id}", "/console/audit",
    "/console/review", "/console/data", "/console/data/map", "/console/data/photos/{photo_id}",
    "/console/data/snapshots", "/console/guidance", "/console/guidance/{city}", "/console/models",
    "/console/models/runs/new", "/console/models/runs/{run_id}",
}  # fmt: skip
"""A walk that misses one of these has not walked."""


def test_every_page_works_without_script(sign_in: Callable[..., Visit], parts: Parts) -> None:
    walk.fill_city(parts)
    visitor = sign_in("ada", Role.ADMINISTRATOR, java_script_enabled=False)
    check_walk(visitor)


def test_every_page_works_where_htmx_does_not_load(sign_in: Callable[..., Visit], parts: Parts) -> None:
    walk.fill_city(parts)
    visitor = sign_in("ada", Role.ADMINISTRATOR)
    blocked: list[str] = []

    def block(route: Route) -> None:
        blocked.append(route.request.url)
        route.abort()

    visitor.context.route("**/htmx*.js*", block)
    check_walk(visitor)
    assert blocked, "a page that loads no htmx proves nothing"


def check_walk(visitor: Visit) -> None:
    secret = safety.secret_of(next(each["value"] for each in visitor.context.cookies() if each["name"] == "wastelens"))
    walked = list(walk.pages(visitor))
    problems = [problem for page in walked for problem in problems_of(page, secret)]
    assert problems == []
    missing = AT_LEAST - {walk.route("GET", page.path) for page in walked}
    assert missing == set(), "no link leads there"


def problems_of(page: Page, secret: str) -> list[str]:
    found = [f"{page.path}: {problem}: {form.html}" for form in page.forms if (problem := problem_of(form, secret))]
    for each in page.asked:
        if walk.route(each["method"], each["path"]) is None:
            found.append(f"{page.path}: htmx asks for {each['path']}, which is no route")
        if not each["works_without"]:
            found.append(f"{page.path}: {each['path']} is reached by htmx alone")
    return found


def problem_of(form: Form, secret: str) -> str:
    if form.method not in ("get", "post"):
        return "a form without a method"
    if walk.route(form.method.upper(), form.target) is None:
        return "a form whose action is no route"
    if not form.submits:
        return "a form without a button"
    is_for_anybody = ROUTES.get(("POST", walk.route("POST", form.target) or "")) == ANYBODY
    if form.method == "post" and form.secret != secret and not is_for_anybody:
        return "a form without the secret of its session"
    if form.method == "get" and form.secret is not None:
        return "a form that puts the secret into the address"
    return ""


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"method": None}, "a form without a method"),
        ({"action": "/console/nowhere"}, "a form whose action is no route"),
        ({"action": None}, "a form whose action is no route"),  # Then it goes to its own page, which takes no POST.
        ({"submits": False}, "a form without a button"),
        ({"fields": ()}, "a form without the secret of its session"),
        ({"method": "get", "action": "/console/data"}, "a form that puts the secret into the address"),
        ({}, ""),
    ],
)
def test_the_check_itself_finds_what_is_wrong(changed: dict[str, object], problem: str) -> None:
    field = {"name": "csrf", "value": "s"}
    sound = {"page": "http://here/console", "method": "post", "action": "/console/people", "html": "", "submits": True}
    assert problem_of(Form(**({**sound, "fields": (field,)} | changed)), "s") == problem  # type: ignore[arg-type]
