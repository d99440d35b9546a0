"""The files of the update repository, as the server gives them to phones.

Guarantees: small documents are read once and given from memory while they are the same. From a folder nothing old is
ever given: the file's tag is compared each time, which costs microseconds. In a bucket that is a round trip, so an
answer may be `LIFETIME_SECONDS` old there, and within that time the bucket is asked once, however many phones ask, also
for what is missing: every phone asks for the next root, which nearly never exists. Memory is bounded by `MOST_FILES`
times `SMALL_BYTES`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import obstore
from obstore.store import LocalStore, ObjectStore

if TYPE_CHECKING:  # These exist in obstore's stubs only.
    from obstore import GetResult, ObjectMeta

LIFETIME_SECONDS = 1.0
SMALL_BYTES = 64 * 1024
MOST_FILES = 512


@dataclass(frozen=True)
class UpdateFile:
    size: int
    tag: str
    """Without quotes. It changes whenever the content does."""
    store_tag: str | None
    """As the store knows it."""
    modified_at: datetime
    content: bytes | None
    """None where the file is too large to be kept: ask `UpdateFiles.open`."""


@dataclass(frozen=True)
class _Look:
    found: "asyncio.Task[UpdateFile | None]"
    good_until: float


class UpdateFiles:
    """For the requests of one event loop."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    async def find(self, path: str) -> UpdateFile | None:
        """Return the file, None if there is none."""
        look = self._looks.get(path)
        if look is None or not self._is_good(path, look):
            look = self._begin(path)
        return await asyncio.shield(look.found)  # Whoever hangs up spoils nobody else's answer.

    async def open(self, path: str, file: UpdateFile, start: int, end: int) -> "GetResult":
        """Open [start, end) of the very `file` that was found; it is looked up anew after any failure.

        Raise `FileNotFoundError`, or obstore's `PreconditionError` if it has been replaced since.
        """
        try:
            return await obstore.get_async(
                self._store, path, options={"if_match": file.store_tag, "range": (start, end)}
            )
        except BaseException:
            self._looks.pop(path, None)
            raise

    def _is_good(self, path: str, look: _Look) -> bool:
        if not isinstance(self._store, LocalStore):
            return self._clock() < look.good_until
        if not look.found.done():  # It may have read what has been replaced before this was asked.
            return False
        file = look.found.result()
        return (None if file is None else file.store_tag) == _tag(self._store, path)

    def _begin(self, path: str) -> _Look:
        self._looks.pop(path, None)  # So that it comes last again.
        look = _Look(asyncio.create_task(self._look(path)), self._clock() + LIFETIME_SECONDS)
        self._looks[path] = look
        while len(self._looks) > MOST_FILES:
            del self._looks[next(iter(self._looks))]
        return look

    async def _look(self, path: str) -> UpdateFile | None:
        try:
            return await self._read(path)
        except FileNotFoundError:
            return None
        except BaseException:
            self._looks.pop(path, None)
            raise

    async def _read(self, path: str) -> UpdateFile:
        if not path.endswith(".json"):  # Models and patches, of which only the size is wanted here.
            return _file(await obstore.head_async(self._store, path), None)
        opened = await obstore.get_async(self._store, path)
        content = bytes(await opened.bytes_async()) if opened.meta["size"] <= SMALL_BYTES else None
        return _file(opened.meta, content)


def _tag(store: LocalStore, path: str) -> str | None:
    try:
        return obstore.head(store, path)["e_tag"]
    except FileNotFoundError:
        return None


def _file(meta: "ObjectMeta", content: bytes | None) -> UpdateFile:
    tag = (meta["e_tag"] or meta["last_modified"].isoformat()).strip('"')
    return UpdateFile(meta["size"], tag, meta["e_tag"], meta["last_modified"], content)
