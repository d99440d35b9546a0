"""The tag under which the newest verified timestamp was sent, so that an unchanged one is not sent again.

Guarantees: a server that answers "unchanged" (RFC 9110, 15.4.5) brings back the very bytes that this phone has verified
and kept, which expire like any others. Where the tag is missing, damaged, or of other bytes, everything is asked for.
"""

from contextlib import suppress
from pathlib import Path

import httpx
from pydantic import ValidationError

from mobile_models.document import Document, Sha256, sha256

NAME = "timestamp.json"


class _Seen(Document):
    """`timestamp.tag`"""

    etag: str
    timestamp: Sha256


class SeenTimestamp:
    """Of the folder `metadata`, where python-tuf's client keeps what it has verified."""

    def __init__(self, metadata: Path) -> None:
        self._file, self._tag_file = metadata / NAME, metadata / "timestamp.tag"
        self.content = b""
        self._seen: _Seen | None = None
        self._answered: str | None = None
        with suppress(FileNotFoundError, ValidationError):
            content, seen = self._file.read_bytes(), _Seen.read(self._tag_file)
            if sha256(content) == seen.timestamp:
                self.content, self._seen = content, seen

    @property
    def condition(self) -> dict[str, str]:
        """Headers that ask for a timestamp only if it is another one."""
        return {} if self._seen is None else {"If-None-Match": self._seen.etag}

    def is_unchanged(self, answer: httpx.Response) -> bool:
        """Whether `answer` says to take `content`; otherwise its own tag is noted for `keep`."""
        self._answered = answer.headers.get("ETag")
        return self._seen is not None and answer.status_code == httpx.codes.NOT_MODIFIED

    def keep(self) -> None:
        """Remember the tag of the timestamp that was verified just now."""
        if self._answered is None:
            return
        seen = _Seen(etag=self._answered, timestamp=sha256(self._file.read_bytes()))
        if seen != self._seen:
            seen.write(self._tag_file)
