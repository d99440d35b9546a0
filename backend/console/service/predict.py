"""`/console/service/predict`: what the running model says about photos that are sent or lie in a folder here.

Guarantees: nothing is kept of what is sent.
"""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from backend.api import uploads
from backend.api.dependencies import Parts, PartsOfServer
from backend.console import pages, safety
from backend.console.problem_pages import wants_page
from backend.console.service import calls
from backend.console.service.arguments import Arguments, Call, EngineerCalls, folder_of, read
from backend.console.service.calls import SERVICE
from backend.console.visitor import Visitor
from backend.database import Text
from backend.datasets import folder_answers, photo_folders
from backend.datasets.folder_answers import FolderAnswer
from backend.errors import DomainError
from mobile_models.label_set import UNSURE

router = APIRouter(include_in_schema=False)
PREDICT = f"{SERVICE}/predict"


class PredictArguments(Arguments):
    folder: Text = Field(default="", max_length=1000)
    """Below the configured one. What is sent comes as `files`: photos, a ZIP, or both."""


@router.get(PREDICT)
def form(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    if not wants_page(request):
        return JSONResponse({"folders": photo_folders.names(parts.settings)}, headers=safety.headers())
    return _page(visitor, parts)


@router.post(PREDICT)
async def predict(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    call = await read(request)
    given = call.parsed(PredictArguments)
    try:
        found = await uploads.work(parts, lambda: _classified(parts, given.folder, call))
    except DomainError as refused:
        if not wants_page(request):
            raise
        return await run_in_threadpool(_page, visitor, parts, refused=refused)
    if not wants_page(request):
        return JSONResponse(asdict(found), headers=safety.headers())
    return await run_in_threadpool(_page, visitor, parts, found)


def _classified(parts: Parts, folder: str, call: Call) -> FolderAnswer:
    with folder_of(parts, folder, call.files) as directory:
        return folder_answers.classify(parts.current_model.classifier(), parts.sandbox, directory)


def _page(
    visitor: Visitor, parts: Parts, found: FolderAnswer | None = None, refused: DomainError | None = None
) -> Response:
    return pages.render(
        "service/predict.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=calls.said(visitor, refused),
        folders=photo_folders.names(parts.settings),
        found=found,
        names=calls.label_names_for(visitor, parts) | {UNSURE: visitor.language.texts.gettext("Unsure")},
        most=folder_answers.MOST_PHOTOS,
        megabytes=parts.settings.max_folder_bytes >> 20,
    )
