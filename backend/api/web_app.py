"""`/app/`: the residents' web app, and what it must know of this installation before it has any signed update.

Guarantees: a file whose name holds its digest may be kept for ever, everything else is asked for anew and answered 304
while it is the same. Downloads can be resumed. Where the app was never built, `/app/` says so, and the rest of the
server works. What every answer says to browsers besides stands in `web_app_headers`.
"""

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict

from backend import installation, web_files
from backend.api import byte_ranges, etags
from backend.api.dependencies import CurrentSettings, PartsOfServer, Transaction
from backend.api.web_app_headers import APP
from backend.errors import NotFound, Unavailable
from mobile_models.document import sha256

router = APIRouter()

_FOR_EVER, _EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
_CHUNK_BYTES = 256 * 1024
_UPDATES = "/updates"
_FIRST_ROOT = "metadata/1.root.json"
_ALWAYS_WHOLE = ConfigDict(json_schema_serialization_defaults_required=True)
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Wastelens</title>
<h1>The residents' app is not built</h1>
<p>Run <code>make web</code> in the folder of the program (it needs Node 20.19 or later), then load this page again.</p>
<p>Everything else of this server works.</p>
"""


class BundledRelease(BaseModel):
    """The release that comes with the app, byte for byte."""

    model_config = _ALWAYS_WHOLE
    version: int
    manifest_sha256: str
    manifest_bytes: int
    model_sha256: str
    model_bytes: int
    manifest: str = f"{APP}/bundled/manifest.json"
    model: str = f"{APP}/bundled/model.tflite"


class Installation(BaseModel):
    model_config = _ALWAYS_WHOLE
    name: str
    city: str | None
    """Whose guide is followed (`guides/<city>.json`); null: none."""
    channel: str
    updates_url: str
    """The folder of the update repository: an address, or a path of this server."""
    root: str = f"{APP}/trusted/root.json"
    """The first root of the update repository (TUF), which all trust begins with."""
    bundled: BundledRelease


@router.get("/", include_in_schema=False)
@router.get(APP, include_in_schema=False)
async def lead_to_app() -> Response:
    return RedirectResponse(f"{APP}/")


@router.get(f"{APP}/installation.json", response_model=Installation, tags=["phones"])
def tell_installation(request: Request, settings: CurrentSettings, session: Transaction) -> Response:
    """Whose app this is, which channel it follows, and the release that comes with it."""
    told = Installation(
        name=installation.name(session, settings),
        city=settings.city or None,
        channel=settings.web_channel,
        updates_url=settings.web_updates_url or _UPDATES,
        bundled=BundledRelease.model_validate(installation.bundled_release(settings), from_attributes=True),
    )
    return _document(request, told.model_dump_json().encode())


@router.get(f"{APP}/trusted/root.json", include_in_schema=False)
async def tell_first_root(request: Request, parts: PartsOfServer) -> Response:
    root = await parts.update_files.find(_FIRST_ROOT)
    if root is None or root.content is None:
        raise Unavailable("There is no update repository yet. `wastelens prepare`, or `make run`, makes it.")
    return _document(request, root.content)


@router.head(f"{APP}/bundled/manifest.json", include_in_schema=False)
@router.get(f"{APP}/bundled/manifest.json", include_in_schema=False)
def send_manifest(request: Request, settings: CurrentSettings) -> Response:
    release = installation.bundled_release(settings)
    return _file(request, release.manifest_path, release.manifest_sha256, media_type="application/json")


@router.head(f"{APP}/bundled/model.tflite", include_in_schema=False)
@router.get(f"{APP}/bundled/model.tflite", include_in_schema=False)
def send_model(request: Request, settings: CurrentSettings) -> Response:
    release = installation.bundled_release(settings)
    return _file(request, release.model_path, release.model_sha256)


@router.head(f"{APP}/{{path:path}}", include_in_schema=False)
@router.get(f"{APP}/{{path:path}}", include_in_schema=False)
def send_file(path: str, request: Request, settings: CurrentSettings) -> Response:
    """A file of the app; the app itself for its own addresses, which have no file extension."""
    folder = settings.web_app_dir
    if not web_files.is_built(folder):
        return HTMLResponse(_NOT_BUILT, status_code=503, headers={"Retry-After": "60"})
    file = web_files.find(folder, path, request.headers.get("accept-encoding", ""))
    if file is None:
        raise NotFound("There is no such file.")
    headers = {"Vary": "Accept-Encoding", "Cache-Control": _FOR_EVER if file.never_changes else _EACH_TIME}
    if file.coding is not None:
        headers["Content-Encoding"] = file.coding
    return _file(request, file.path, file.tag, media_type=file.media_type, headers=headers)


def _document(request: Request, content: bytes) -> Response:
    headers = {"ETag": f'"{sha256(content)}"', "Cache-Control": _EACH_TIME}
    if etags.names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def _file(
    request: Request,
    path: Path,
    tag: str,
    *,
    media_type: str = "application/octet-stream",
    headers: dict[str, str] | None = None,
) -> Response:
    known = {"Cache-Control": _EACH_TIME, "ETag": f'"{tag}"'} | (headers or {})
    if etags.names(request.headers.get("if-none-match"), known["ETag"]):
        unchanged = {name: value for name, value in known.items() if name != "Content-Encoding"}
        return Response(status_code=304, headers=unchanged)
    return _part(request, path, media_type, known)


def _part(request: Request, path: Path, media_type: str, known: dict[str, str]) -> Response:
    size = path.stat().st_size
    try:
        asked = byte_ranges.asked(request, known["ETag"], size)
    except ValueError as error:
        return byte_ranges.unmet(size, error, {})
    start, end = asked or (0, size)
    known |= {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    if asked is not None:
        known["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=known, media_type=media_type)
    return StreamingResponse(_chunks(path, start, end), status, known, media_type)


def _chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
            start += len(chunk)
            yield chunk
