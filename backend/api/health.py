"""`GET /healthz`: the process answers. `GET /readyz`: it can do its work, or what is missing."""

import logging
from collections.abc import Callable, Iterator

import obstore
from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlmodel import Session

from backend import installation, migrations, publisher
from backend.api import problems
from backend.api.dependencies import Parts, PartsOfServer
from backend.database import now, transaction
from backend.records import notices
from backend.releasing.current_model import current_version
from backend.releasing.release_files import MODEL, release_key

log = logging.getLogger(__name__)
router = APIRouter(tags=["operation"])


class Health(BaseModel):
    status: str = "ok"
    warnings: list[str] | None = None
    """What people should mend before it does harm, for example keys that will expire."""


@router.get("/healthz", response_model_exclude_none=True)
async def alive() -> Health:
    """Answers as long as the process does."""
    return Health()


@router.get(
    "/readyz",
    response_model=Health,
    response_model_exclude_none=True,
    responses={503: {"description": "what is missing, in `missing`"}},
)
def ready(parts: PartsOfServer) -> Health | Response:
    """Look at database, storage and model; 503 with what is missing. `warnings` are what people should mend."""
    checks: dict[str, Callable[[Parts], str | None]] = {"database": _database, "storage": _storage, "model": _model}
    missing = {name: problem for name, check in checks.items() if (problem := _try(check, parts)) is not None}
    if not missing:
        with transaction(parts.engine) as session:
            return Health(warnings=list(_warnings(parts, session)) or None)
    detail = "; ".join(f"{name}: {problem}" for name, problem in missing.items())
    return problems.answer(503, "not_ready", "Not ready to serve", detail, missing=missing)


def _warnings(parts: Parts, session: Session) -> Iterator[str]:
    yield from publisher.current_problems(session)
    yield from notices.problems(session, now())
    if (problem := installation.problem(session, parts.settings)) is not None:
        yield problem


def _try(check: Callable[[Parts], str | None], parts: Parts) -> str | None:
    try:
        return check(parts)
    except Exception:  # Whatever is wrong with a dependency is the answer here, and the log says the rest.
        log.exception("Readiness check failed")
        return "cannot be reached"


def _database(parts: Parts) -> str | None:
    return None if migrations.is_current(parts.engine) else "its migrations are not those of this version"


def _storage(parts: Parts) -> str | None:
    for store in (parts.storage, parts.updates):
        obstore.list_with_delimiter(store)
    return None


def _model(parts: Parts) -> str | None:
    with transaction(parts.engine) as session:
        version = current_version(session)
    if version is None:
        return "no release is published to everybody"
    try:
        obstore.head(parts.storage, release_key(version, MODEL))
    except FileNotFoundError:
        return f"the files of release {version} are not in storage"
    return None
