"""Errors as RFC 9457 problem documents.

Guarantees: every answer from 400 on is `application/problem+json` with `type`, `title`, `status`, `detail` and a
stable `code`; nothing of the inside (paths, statements, traces) is told to anybody outside.
"""

import http
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError as StorageError
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from backend.errors import DomainError, NotSignedIn, Unavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 422: "invalid"}
_RETRY_AFTER_SECONDS = {429: "60", 503: "10"}


def answer(
    status: int, code: str, title: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return the problem document; `more` are extension members."""
    content = {"type": f"urn:wastelens:problem:{code}", "title": title, "status": status, "detail": detail}
    known = {"Retry-After": _RETRY_AFTER_SECONDS[status]} if status in _RETRY_AFTER_SECONDS else {}
    return JSONResponse(
        {**content, "code": code, **more}, status, headers={**known, **(headers or {})}, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    for kind in (OperationalError, InterfaceError, PoolTimeout, StorageError):
        app.add_exception_handler(kind, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


async def _domain(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)  # noqa: S101  # Starlette calls it for this type only.
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, NotSignedIn) else {}
    return answer(error.status, error.code, error.title, error.detail, headers=headers)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # Starlette calls it for this type only.
    title = http.HTTPStatus(error.status_code).phrase
    code = _CODES.get(error.status_code, "http_error")
    return answer(error.status_code, code, title, str(error.detail), headers=dict(error.headers or {}))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # Starlette calls it for this type only.
    return _answer_invalid([{"field": _field(each["loc"]), "message": str(each["msg"])} for each in error.errors()])


def invalid_fields(part: str, error: ValidationError) -> JSONResponse:
    """The answer to a document in a multipart body that is not valid."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return _answer_invalid([{"field": _field((part, *each["loc"])), "message": each["msg"]} for each in found])


def _answer_invalid(errors: list[dict[str, str]]) -> JSONResponse:
    """`errors` say which field is wrong and why, without repeating what was sent."""
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return answer(422, "invalid", "The request is not as documented", detail, errors=errors)


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))


async def _disconnected(_: Request, __: Exception) -> JSONResponse:
    """The sender is gone, so nobody reads this; it only ends the request."""
    return answer(400, "disconnected", "The connection was cut", "Send the request again.")


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    detail = "Database or storage cannot be reached. Try again later."
    return answer(503, Unavailable.code, Unavailable.title, detail)


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    """Starlette raises the error once more afterwards, so that the server logs it with its trace and hangs up."""
    detail = "It is not your fault, and it has been logged."
    return answer(500, "internal", "Something went wrong here", detail, headers={"Connection": "close"})
