"""`/console`: what waits for whom, at one look."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from backend.api.dependencies import PartsOfServer, Transaction
from backend.console import pages
from backend.console.visitor import AnyStaff
from backend.releasing.current_model import current_version
from backend.reviewing import review_queue

router = APIRouter(include_in_schema=False)


@router.get("/console/")
def without_slash() -> Response:
    return RedirectResponse("/console", 308)


@router.get("/console")
def home(visitor: AnyStaff, parts: PartsOfServer, session: Transaction) -> Response:
    return pages.render(
        "home.html",
        visitor,
        parts.settings,
        queue=review_queue.queue_counts(session, visitor.person),
        current=current_version(session),
    )
