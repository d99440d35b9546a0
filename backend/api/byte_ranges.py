"""Parts of files, so that a download goes on where it was cut."""

import re

from fastapi import Request, Response

from backend.api import problems

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def asked(request: Request, tag: str, size: int) -> tuple[int, int] | None:
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


def unmet(size: int, error: ValueError, headers: dict[str, str]) -> Response:
    """The answer where `asked` has raised."""
    known = headers | {"Content-Range": f"bytes */{size}"}
    return problems.answer(416, "range_not_satisfiable", "There are no such bytes", str(error), headers=known)
