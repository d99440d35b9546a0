"""`/updates`: the update repository as static files, from a folder or a bucket.

Guarantees: `timestamp.json` is always asked for anew (and answered 304 where it has not changed); no other file ever
changes under its name, and all may be cached for ever; that a file is missing may not be cached. Downloads can be
resumed. Web pages of any origin may read everything. Nothing outside the two folders is served.
"""

import functools
import re
from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from obstore.exceptions import PreconditionError

from backend.api import byte_ranges, etags, problems
from backend.api.dependencies import PartsOfServer
from backend.errors import NotFound, Unavailable
from backend.releasing.update_files import UpdateFile, UpdateFiles

if TYPE_CHECKING:  # It exists in obstore's stubs only.
    from obstore import GetResult

router = APIRouter(prefix="/updates", tags=["updates"])

CHUNK_BYTES = 256 * 1024
_ATTEMPTS = 5
_PATH = re.compile(r"(metadata|targets)(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_TIMESTAMP = "metadata/timestamp.json"
_FOR_EVER = "public, max-age=31536000, immutable"
_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, Date, ETag",
}
_UNCHANGED = ("ETag", "Cache-Control", *_ANY_ORIGIN)
"""What an answer 304 says (RFC 9110, 15.4.5); the rest the client has."""
_PREFLIGHT = _ANY_ORIGIN | {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Cache-Control, If-None-Match, If-Range, Range",
    "Access-Control-Max-Age": "86400",
}


@router.head("/{path:path}", response_class=Response, include_in_schema=False)
@router.get("/{path:path}", response_class=Response)
async def serve(path: str, request: Request, parts: PartsOfServer) -> Response:
    """A file of the update repository (TUF): `metadata/...` or `targets/...`."""
    if _PATH.fullmatch(path) is None:
        return _missing()
    for _ in range(_ATTEMPTS):
        file = await parts.update_files.find(path)
        if file is None:
            return _missing()
        try:
            return await _answer(path, file, request, parts.update_files)
        except (PreconditionError, FileNotFoundError):  # It was replaced or removed since we looked.
            continue
    raise Unavailable("This file is being replaced. Try again.")


@router.options("/{path:path}", response_class=Response, include_in_schema=False)
async def preflight(path: str) -> Response:
    """A page of another origin asks before it sends a range (Fetch standard, CORS-preflight request)."""
    return Response(status_code=204, headers=_PREFLIGHT)


def _missing() -> Response:
    """A client that reads no answer cannot tell a root that is not there yet from a network that is down."""
    headers = _ANY_ORIGIN | {"Cache-Control": "no-cache"}
    return problems.answer(404, NotFound.code, NotFound.title, "There is no such file.", headers=headers)


async def _answer(path: str, file: UpdateFile, request: Request, files: UpdateFiles) -> Response:
    headers = dict(_headers(path, file.tag, file.modified_at))
    if etags.names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers={name: headers[name] for name in _UNCHANGED})
    try:
        asked = byte_ranges.asked(request, headers["ETag"], file.size)
    except ValueError as error:
        return byte_ranges.unmet(file.size, error, _ANY_ORIGIN)
    start, end = asked or (0, file.size)
    headers["Content-Length"] = str(end - start)
    if asked is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if file.content is not None:
        return Response(file.content[start:end], status, headers)
    return StreamingResponse(_chunks(await files.open(path, file, start, end)), status, headers)


async def _chunks(found: "GetResult") -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
        yield bytes(chunk)


@functools.lru_cache(maxsize=512)
def _headers(path: str, tag: str, modified_at: datetime) -> dict[str, str]:
    return {
        "ETag": f'"{tag}"',
        "Last-Modified": format_datetime(modified_at, usegmt=True),
        "Cache-Control": "no-cache" if path == _TIMESTAMP else _FOR_EVER,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/json" if path.endswith(".json") else "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
    } | _ANY_ORIGIN
