"""`/console/static`: style, scripts and pictures of the pages.

Guarantees: the address that a page gives a file changes with its content, and what it names may be kept for ever. By
any other address, as scripts load each other, a file is asked for anew and answered 304 while it is the same. No
browser takes a file for something else than it is.
"""

import os
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from mobile_models.document import sha256

FOLDER = Path(__file__).parent / "static"
PREFIX = "/console/static"
_FOR_EVER, _EACH_TIME = "public, max-age=31536000, immutable", "no-cache"


@cache
def address(name: str) -> str:
    """Return the address of a file in `static/`, which changes with its content."""
    return f"{PREFIX}/{name}?{_digest(FOLDER / name)}"


class ConsoleFiles(StaticFiles):
    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        digest = _digest(Path(full_path))
        is_named_by_content = scope["query_string"].decode("latin-1") == digest
        headers = {
            "Cache-Control": _FOR_EVER if is_named_by_content else _EACH_TIME,
            "Cross-Origin-Resource-Policy": "same-origin",
            "ETag": f'"{digest}"',
            "X-Content-Type-Options": "nosniff",
        }
        answer = FileResponse(full_path, status_code, headers, stat_result=stat_result)
        return (
            NotModifiedResponse(answer.headers)
            if self.is_not_modified(answer.headers, Headers(scope=scope))
            else answer
        )


@cache
def _digest(file: Path) -> str:
    return sha256(file.read_bytes())[:12]
