"""`/console/service/info` and what changes it: what runs, and with what one retrains.

Guarantees: what is changed lies in a draft of the person's own until it is saved under a name; saving and restoring
are to be confirmed. What is refused is told on the same page.
"""

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages, safety
from backend.console.pages import _
from backend.console.problem_pages import wants_page
from backend.console.service import calls
from backend.console.service.arguments import Arguments, EngineerCalls, read
from backend.console.service.calls import SERVICE
from backend.console.visitor import Visitor
from backend.database import Text
from backend.errors import DomainError, Unavailable
from backend.runs import configurations, recipe_drafts
from backend.runs.recipe_drafts import DEFAULT, RECIPE, Draft
from mobile_models.manifest import ReleaseManifest

router = APIRouter(include_in_schema=False)
_FOR_PHONES = {"self_tests", "novelty"}
"""Of a manifest, what is long and of no use to people."""


class ChangeArguments(Arguments):
    param: Text = Field(min_length=1, max_length=100)
    value: Any


class ConfigurationArguments(Arguments):
    confirm: bool = False
    path: Text = Field(default=DEFAULT, min_length=1, max_length=configurations.LONGEST_NAME)
    """A name, never a path of the server."""


class Retraining(BaseModel):
    """What the next run of this person is made with."""

    base: str
    changes: dict[str, Any]
    recipe: dict[str, Any]
    mode: str
    weights: str
    every_days: int
    after_gold_labels: int
    minimum_per_class: int
    saved: list[str]


class Info(BaseModel):
    running_model: dict[str, Any] | None
    """The manifest of the release that this server answers with."""
    retraining: Retraining


@router.get(f"{SERVICE}/info")
def info(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    return _info(request, visitor, parts)


@router.post(f"{SERVICE}/change")
async def change(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    given = (await read(request)).parsed(ChangeArguments)
    value = given.value if isinstance(given.value, str) else json.dumps(given.value)

    def act() -> None:
        with transaction_of(parts) as session:
            recipe_drafts.change(session, parts.settings, visitor.person, given.param, value)

    said = _("Changed in your draft: %(name)s.")
    return await run_in_threadpool(_answered, request, visitor, parts, act, (said, given.param))


@router.post(f"{SERVICE}/save_config")
async def save_config(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    given = (await read(request)).parsed(ConfigurationArguments)

    def act() -> None:
        _check_confirmed(given, f"This saves your draft as the newest version of {given.path!r}")
        with transaction_of(parts) as session:
            recipe_drafts.save(session, parts.settings, visitor.person, given.path)

    return await run_in_threadpool(_answered, request, visitor, parts, act, (_("Saved as %(name)s."), given.path))


@router.post(f"{SERVICE}/restore_config")
async def restore_config(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    given = (await read(request)).parsed(ConfigurationArguments)

    def act() -> None:
        _check_confirmed(given, f"This replaces your draft with {given.path!r}")
        with transaction_of(parts) as session:
            recipe_drafts.restore(session, parts.settings, visitor.person, given.path)

    said = _("Your draft is what was saved as %(name)s.")
    return await run_in_threadpool(_answered, request, visitor, parts, act, (said, given.path))


def _answered(
    request: Request, visitor: Visitor, parts: Parts, act: Callable[[], object], said: tuple[str, str]
) -> Response:
    """Do it; answer with the draft as JSON, or lead to its page. What is refused is told on the same page."""
    try:
        act()
    except DomainError as refused:
        if not wants_page(request):
            raise
        return _info(request, visitor, parts, refused)
    if not wants_page(request):
        return _info(request, visitor, parts)
    text, name = said
    return pages.redirect(f"{SERVICE}/info", said=visitor.language.texts.gettext(text) % {"name": name})


def _check_confirmed(given: ConfigurationArguments, what: str) -> None:
    if not given.confirm:
        raise DomainError(f"{what}. Send confirm=true.", code="confirmation_needed")


def _info(request: Request, visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    found, draft = _found(visitor, parts)
    if not wants_page(request):
        return JSONResponse(found.model_dump(mode="json"), headers=safety.headers())
    fields = configurations.flat(draft.recipe)
    return pages.render(
        "service/info.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=calls.said(visitor, refused),
        info=found,
        fields={path: value for path, value in fields.items() if path != "name"},
        recipe_param=RECIPE,
        default=DEFAULT,
        names=calls.label_names_for(visitor, parts),
    )


def _found(visitor: Visitor, parts: Parts) -> tuple[Info, Draft]:
    settings, manifest = parts.settings, _running(parts)
    with transaction_of(parts) as session:
        draft = recipe_drafts.current(session, settings, visitor.person)
        saved = [row.name for row in configurations.newest(session)]
    retraining = Retraining(
        base=draft.base,
        changes=draft.changes,
        recipe=draft.recipe.model_dump(mode="json"),
        mode=settings.retrain_mode,
        weights=settings.weights,
        every_days=settings.retrain_every_days,
        after_gold_labels=settings.retrain_after_gold_labels,
        minimum_per_class=settings.retrain_minimum_per_class,
        saved=saved,
    )
    running = None if manifest is None else manifest.model_dump(mode="json", exclude=_FOR_PHONES)
    return Info(running_model=running, retraining=retraining), draft


def _running(parts: Parts) -> ReleaseManifest | None:
    try:
        return parts.current_model.classifier().manifest
    except Unavailable:
        return None
