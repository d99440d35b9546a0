"""What forms and addresses bring: texts and days that every database keeps, and days of the city."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import Engine

from backend.app import create_app
from backend.console import days, safety
from backend.console.language import language
from backend.database import transaction
from backend.settings import Settings
from backend.tables import Role
from tests.backend import staff_world

UNKEPT = "nul \0"


def test_no_route_takes_text_that_no_database_keeps(settings: Settings) -> None:
    """PostgreSQL keeps no NUL: what is not refused here is a 500 there."""
    taken = [
        f"{route.path}: {name}"
        for route in routes(create_app(settings).routes)
        if route.path.startswith("/console")
        for name, field in fields(route.dependant)
        if not field.validate(UNKEPT, {}, loc=())[1]
    ]
    assert taken == []


def routes(among: list[Any]) -> Iterator[APIRoute]:
    for route in among:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        elif isinstance(route, APIRoute):
            yield route


def fields(of: Dependant) -> Iterator[tuple[str, Any]]:
    for field in (*of.path_params, *of.query_params, *of.body_params):
        yield field.name, field
    for inner in of.dependencies:
        yield from fields(inner)


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.ENGINEER, "/console/models/recipes/edit"),
        (Role.GUIDE_EDITOR, "/console/guidance/example_city/edit/bins"),
    ],
)
def test_forms_of_any_shape_take_none_either(client: httpx.Client, engine: Engine, role: Role, path: str) -> None:
    with transaction(engine) as session:
        staff_world.person(session, "ada", role)
    client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD})
    secret = safety.secret_of(client.cookies["wastelens"])
    answer = client.post(path, data={"csrf": secret, "reason": UNKEPT}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_text")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_today_is_that_of_the_city(zone: str) -> None:
    """The two are 26 hours apart: at any time one of them has another date than UTC."""
    assert days.today(language("en", ZoneInfo(zone))) == datetime.now(ZoneInfo(zone)).date()
