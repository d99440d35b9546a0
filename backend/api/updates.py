"""`/updates`: the update repository as static files, from a folder or a bucket.

Guarantees: metadata is always asked for anew (and answered 304 where it has not changed), target files carry their
digest in their name and may be cached for ever; downloads can be resumed. Nothing outside the two folders is served.
"""

import re
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import TYPE_CHECKING

import obstore
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from obstore.exceptions import PreconditionError
from obstore.store import ObjectStore

from backend.api import problems
from backend.api.dependencies import PartsOfServer
from backend.errors import NotFound, Unavailable

if TYPE_CHECKING:  # These exist in obstore's stubs only.
    from obstore import GetResult, ObjectMeta

router = APIRouter(prefix="/updates", tags=["updates"])

CHUNK_BYTES = 256 * 1024
_ATTEMPTS = 5
_PATH = re.compile(r"(metadata|targets)(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CACHE = {"metadata": "no-cache", "targets": "public, max-age=31536000, immutable"}


@router.head("/{path:path}", response_class=Response, include_in_schema=False)
@router.get("/{path:path}", response_class=Response)
async def serve(path: str, request: Request, parts: PartsOfServer) -> Response:
    """A file of the update repository (TUF): `metadata/...` or `targets/...`."""
    if _PATH.fullmatch(path) is None:
        raise NotFound("There is no such file.")
    for _ in range(_ATTEMPTS):
        try:
            return await _answer(path, request, parts.updates)
        except FileNotFoundError:
            raise NotFound("There is no such file.") from None
        except PreconditionError:  # It was replaced between our look at it and our opening it.
            continue
    raise Unavailable("This file is being replaced. Try again.")


async def _answer(path: str, request: Request, store: ObjectStore) -> Response:
    meta = await obstore.head_async(store, path)
    headers = _headers(path, meta)
    if _names(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    size = meta["size"]
    try:
        asked = _asked_range(request, headers["ETag"], size)
    except ValueError as error:
        unmet = {"Content-Range": f"bytes */{size}"}
        return problems.answer(416, "range_not_satisfiable", "There are no such bytes", str(error), headers=unmet)
    start, end = asked or (0, size)
    headers["Content-Length"] = str(end - start)
    if asked is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD" or size == 0:
        return Response(status_code=status, headers=headers)
    found = await obstore.get_async(store, path, options={"if_match": meta["e_tag"], "range": (start, end)})
    return StreamingResponse(_chunks(found), status, headers)


async def _chunks(found: "GetResult") -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
        yield bytes(chunk)


def _headers(path: str, meta: "ObjectMeta") -> dict[str, str]:
    tag = (meta["e_tag"] or meta["last_modified"].isoformat()).strip('"')
    return {
        "ETag": f'"{tag}"',
        "Last-Modified": format_datetime(meta["last_modified"], usegmt=True),
        "Cache-Control": _CACHE[path.partition("/")[0]],
        "Accept-Ranges": "bytes",
        "Content-Type": "application/json" if path.endswith(".json") else "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
    }


def _names(header: str, tag: str) -> bool:
    """Whether an `If-None-Match` names `tag`, by weak comparison (RFC 9110, 13.1.2)."""
    given = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in given or tag in given


def _asked_range(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """Return [start, end) of a single `Range`, None where the whole file is to be sent (RFC 9110, 14.2).

    Raise `ValueError` where no byte of it exists. Several ranges at once, or an `If-Range` that names another
    version of the file, give the whole file.
    """
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or found[0] == "bytes=-" or request.headers.get("if-range", tag) != tag:
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= min(end, size):
        raise ValueError(f"The file has {size} bytes.")
    return start, end
