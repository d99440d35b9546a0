"""The residents' web app as it was built: static files, some with compressed copies beside them.

Guarantees: nothing outside the folder is found, nor anything hidden in it. A tag names content, not a date: two builds
that differ have different tags, also where whoever packed them has set all dates alike.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mobile_models.document import file_sha256

INDEX = "index.html"
NAMED_BY_CONTENT = "assets/"
"""The build puts a digest into the name of each file below it, so that such a name never means anything else."""
_PATH = re.compile(r"(?:[A-Za-z0-9_@-][A-Za-z0-9._@-]*/)*[A-Za-z0-9_@-][A-Za-z0-9._@-]*")
_COPIES: Final = {"br": ".br", "gzip": ".gz"}
"""Content coding to what its copy's name ends with; the smallest first."""
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class WebFile:
    path: Path
    media_type: str
    coding: str | None
    """Content coding of what lies at `path`."""
    tag: str
    never_changes: bool


def is_built(folder: Path) -> bool:
    return (folder / INDEX).is_file()


def find(folder: Path, path: str, accept_encoding: str = "") -> WebFile | None:
    """Return what `path` names, in the smallest coding that is accepted.

    The app itself (`INDEX`) answers for every path without a file extension, since it has its own addresses.
    """
    name = path if "." in path.rpartition("/")[2] else INDEX
    if _PATH.fullmatch(name) is None:
        return None
    plain = folder / name
    if not plain.is_file() or not plain.resolve().is_relative_to(folder.resolve()):
        return None
    chosen, coding = _smallest(plain, accept_encoding)
    state = chosen.stat()
    return WebFile(
        path=chosen,
        media_type=_TYPES.get(plain.suffix, "application/octet-stream"),
        coding=coding,
        tag=_tag(chosen, state.st_mtime_ns, state.st_size),
        never_changes=name.startswith(NAMED_BY_CONTENT),
    )


def _smallest(plain: Path, accept_encoding: str) -> tuple[Path, str | None]:
    for coding, ending in _COPIES.items():
        copy = plain.with_name(plain.name + ending)
        if _accepts(accept_encoding, coding) and copy.is_file():
            return copy, coding
    return plain, None


def _accepts(accept_encoding: str, coding: str) -> bool:
    """Whether a coding is named and not refused (RFC 9110, 12.5.3). `*` names none: identity always is accepted."""
    for each in accept_encoding.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == coding:
            return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight) is None
    return False


@functools.lru_cache(maxsize=1024)
def _tag(path: Path, _modified_ns: int, _size: int) -> str:
    return file_sha256(path)[:32]
