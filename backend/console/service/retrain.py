"""`/console/service/retrain`: a run in one of three modes, on what there is or on labelled photos that are added first.

Guarantees: the run is made with the recipe of this person's draft. Photos of a folder become gold before the run is
asked for, so what cannot be imported asks for nothing.
"""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from backend.api import training_runs as runs_api
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages, safety
from backend.console.pages import _
from backend.console.problem_pages import wants_page
from backend.console.service import calls
from backend.console.service.arguments import Arguments, Call, EngineerCalls, folder_of, read
from backend.console.service.calls import SERVICE
from backend.console.visitor import Visitor
from backend.database import RowNumber, Text
from backend.datasets import photo_folders, snapshots
from backend.errors import DomainError
from backend.intake.gold_import import Importer, ImportReport, Source
from backend.records import audit_log
from backend.runs import recipe_drafts, retraining
from backend.tables import TrainingMode, TrainingRun
from training.recipe import CHAMPION, IMAGENET, RANDOM, RANDOM_FROZEN

router = APIRouter(include_in_schema=False)
RETRAIN = f"{SERVICE}/retrain"
MODES = {
    TrainingMode.FINE_TUNE: _("Go on from the current model, with what is new to it"),
    TrainingMode.FROM_SCRATCH: _("From scratch, on what is new to the current model alone"),
    TrainingMode.FROM_SCRATCH_ALL: _("From scratch, on old and new photos"),
}
_SENT = "sent through the console"


class RetrainArguments(Arguments):
    folder: Text = Field(default="", max_length=1000)
    """Labelled photos below the configured folder, which become gold first; or they are sent as `files`."""
    snapshot_id: RowNumber | None = None
    """Without it a new data set is frozen, with the photos of the folder."""
    from_scratch: bool | None = None
    """False, as by default: the current model goes on learning. `mode` says it more exactly."""
    mode: TrainingMode | None = None
    weights: Text | None = Field(default=None, max_length=1000)
    """By default those of the settings."""
    licence: Text = Field(default=retraining.UNKNOWN_LICENCE, max_length=200)
    """Of the photos that are added, kept with each of them."""
    verbose: bool = False
    """Answer the whole run and all that was left out."""


@router.get(RETRAIN)
def form(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    if not wants_page(request):
        shown = {"folders": photo_folders.names(parts.settings), "modes": list(MODES)}
        return JSONResponse(shown, headers=safety.headers())
    return _page(visitor, parts)


@router.post(RETRAIN)
async def retrain(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    call = await read(request)
    given = call.parsed(RetrainArguments)
    try:
        answer = await run_in_threadpool(_retrained, visitor, parts, given, call)
    except DomainError as refused:
        if not wants_page(request):
            raise
        return await run_in_threadpool(_page, visitor, parts, refused=refused)
    if not wants_page(request):
        return JSONResponse(answer, 202, headers=safety.headers())
    return await run_in_threadpool(_page, visitor, parts, answer=answer)


def _retrained(visitor: Visitor, parts: Parts, given: RetrainArguments, call: Call) -> dict[str, Any]:
    mode = retraining.mode_of(given.mode, from_scratch=given.from_scratch)
    wanted = retraining.Wanted(mode, given.weights or parts.settings.weights, given.snapshot_id)
    imported = _imported(visitor, parts, given, call) if given.folder or call.files else None
    run = retraining.request(partial(transaction_of, parts), parts.settings, visitor.person, wanted)
    return _answer(run, imported, verbose=given.verbose)


def _imported(visitor: Visitor, parts: Parts, given: RetrainArguments, call: Call) -> ImportReport:
    if given.snapshot_id is not None:
        raise DomainError("A data set that is frozen takes no more photos: name it or a folder.", code="contradiction")
    importer = Importer(partial(transaction_of, parts), parts.storage, parts.sandbox)
    source = Source(given.folder or _SENT, given.licence)
    with folder_of(parts, given.folder, call.files) as directory:
        with transaction_of(parts) as session:
            audit_log.record(session, visitor.person.name, "photos.import_requested", "photos", **vars(source))
        return retraining.import_folder(importer, directory, source)


def _answer(run: TrainingRun, imported: ImportReport | None, *, verbose: bool) -> dict[str, Any]:
    whole = runs_api.answer(run).model_dump(mode="json")
    short = {name: whole[name] for name in ("id", "state", "mode", "snapshot_id", "release_version")}
    answer: dict[str, Any] = {
        "training_run": whole if verbose else short,
        "watch": f"/v1/training-runs/{run.id}",
        "imported": None,
    }
    if imported is not None:
        answer["imported"] = {
            "added": imported.added,
            "known": imported.known,
            "left_out": len(imported.problems),
        }
        if verbose:
            answer["imported"]["problems"] = [
                {"file": each.path.name, "reason": each.reason} for each in imported.problems
            ]
    return answer


def _page(
    visitor: Visitor, parts: Parts, answer: dict[str, Any] | None = None, refused: DomainError | None = None
) -> Response:
    with transaction_of(parts) as session:
        frozen = [row for row in snapshots.newest(session) if row.digest]
        draft = recipe_drafts.current(session, parts.settings, visitor.person)
    weights = dict.fromkeys((parts.settings.weights, IMAGENET, CHAMPION, RANDOM, RANDOM_FROZEN))
    return pages.render(
        "service/retrain.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=calls.said(visitor, refused),
        answer=answer,
        draft=draft,
        snapshots=frozen,
        folders=photo_folders.names(parts.settings),
        modes=[(mode.value, visitor.language.texts.gettext(text)) for mode, text in MODES.items()],
        weights=list(weights),
        most=retraining.MOST_PHOTOS,
    )
