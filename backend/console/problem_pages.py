"""Errors as pages, for people who look at the console with a browser.

Guarantees: outside of `/console`, and for whoever asks for JSON, errors stay the problem documents of
`backend.api.problems`; the status is the same in both.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from backend.api.dependencies import Parts
from backend.console import pages, refusals, safety
from backend.console.visitor import Reader, SignInNeeded, reader_of
from backend.errors import DomainError

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]
_SCRIPTED = "HX-Request"


def install(app: FastAPI) -> None:
    """Call it after `problems.install`, whose handlers are asked for everything that is no page."""
    for kind, document in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _page_of(document))  # type: ignore[arg-type]


def wants_page(request: Request) -> bool:
    inside = request.url.path == "/console" or request.url.path.startswith("/console/")
    return inside and "application/json" not in request.headers.get("accept", "")


def _page_of(document: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        if not wants_page(request):
            return await document(request, error)
        if isinstance(error, SignInNeeded):
            return _to_sign_in(request, error)
        answer = await document(request, error)
        return _page(request, answer.status_code, error, dict(answer.headers))

    return handler


def _to_sign_in(request: Request, needed: SignInNeeded) -> Response:
    if request.headers.get(_SCRIPTED):  # A redirect would put the whole sign-in page into a part of this one.
        return Response(status_code=401, headers={**safety.headers(), "HX-Redirect": needed.location})
    return RedirectResponse(needed.location, 303, headers=safety.headers())


def _page(request: Request, status: int, error: Exception, headers: dict[str, str]) -> Response:
    parts: Parts = request.app.state.parts
    reader: Reader = getattr(request.state, "visitor", None) or reader_of(request, parts.settings)
    page = pages.render(
        "problem.html", reader, parts.settings, status=status, code=status, detail=_detail(reader, error)
    )
    page.headers.update({name: value for name, value in headers.items() if name == "retry-after"})
    return page


def _detail(reader: Reader, error: Exception) -> str:
    if isinstance(error, DomainError):
        return refusals.said(reader.language, error)
    return error.detail if isinstance(error, HTTPException) else ""
