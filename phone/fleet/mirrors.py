"""Malicious mirrors: proxies in our process that stand between some phones and the server.

Guarantees: each does one kind of mischief (`people.Mischief`) and passes everything else on unchanged, so that a phone
behind it lives as others do until the mischief strikes. They hold no key of the city: what they forge is what anybody
on the way could forge.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import httpx

from phone.fleet.people import Mischief

_ENDLESS_CHUNK: Final = b"\0" * 65_536
_MOST_ENDLESS_BYTES = 512 * 1024 * 1024
"""A phone that reads so much has no limit; the mirror then ends, and the phone is found guilty of having read it."""
_FAIR_DAYS = 2
"""A mirror behaves for so long, to have seen metadata that is old later on."""


class Mirror(httpx.BaseTransport):
    """Passes `way` on and keeps what it has seen. For any number of threads."""

    def __init__(self, way: httpx.BaseTransport) -> None:
        self.day = 0
        self._way = way
        self._lock = threading.Lock()

    @property
    def frozen(self) -> timedelta:
        """How old what it shows is, at most."""
        return timedelta(0)

    @property
    def is_fair_yet(self) -> bool:
        return self.day < _FAIR_DAYS

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._way.handle_request(request)

    def _whole(self, request: httpx.Request) -> httpx.Response:
        """Return the true answer, read."""
        answer = self._way.handle_request(request)
        answer.read()
        return answer

    def _read(self, request: httpx.Request) -> tuple[int, bytes]:
        answer = self._whole(request)
        return answer.status_code, answer.content


class TampersMetadata(Mirror):
    """Raises the first version number in signed metadata, as somebody would who cannot sign."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_fair_yet or "/updates/metadata/" not in request.url.path:
            return super().handle_request(request)
        status, content = self._read(request)
        return _answer(status, content.replace(b'"version":', b'"version":1', 1))


class TampersModels(Mirror):
    """Answers every download of a model or a patch with other bytes of the same length."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if not path.endswith(".model.tflite") and "/updates/targets/patches/" not in path:
            return super().handle_request(request)
        answer = self._whole(request)
        if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            return _answer(answer.status_code, answer.content)
        content = bytes(byte ^ 0xFF for byte in answer.content[:64]) + answer.content[64:]
        return _answer(answer.status_code, content, answer.headers.get("Content-Range"))


class Replays(Mirror):
    """Shows each phone the truth first, and from then on what the repository said in the beginning."""

    def __init__(self, way: httpx.BaseTransport) -> None:
        super().__init__(way)
        self._first: dict[str, tuple[int, bytes]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if "/updates/metadata/" not in path:
            return super().handle_request(request)
        with self._lock:
            old = self._first.get(path)
        if old is not None and not self.is_fair_yet and self.day % 2:
            return _answer(*old)
        seen = self._read(request)
        with self._lock:
            self._first.setdefault(path, seen)
        return _answer(*seen)


class Freezes(Mirror):
    """From the day `freezes_on` on it answers every metadata file that it knows as it was then."""

    freezes_on = 4

    def __init__(self, way: httpx.BaseTransport) -> None:
        super().__init__(way)
        self._kept: dict[str, tuple[int, bytes]] = {}

    @property
    def frozen(self) -> timedelta:
        return timedelta(days=max(0, self.day - self.freezes_on))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if "/updates/metadata/" not in path:
            return super().handle_request(request)
        with self._lock:
            kept = self._kept.get(path)
        if self.day >= self.freezes_on and kept is not None:
            return _answer(*kept)
        seen = self._read(request)
        with self._lock:
            self._kept[path] = seen
        return _answer(*seen)


class Endless(Mirror):
    """Never stops sending: metadata on even days, models on odd ones."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wanted = "/updates/metadata/" if self.day % 2 == 0 else ".model.tflite"
        if self.is_fair_yet or wanted not in request.url.path:
            return super().handle_request(request)
        return httpx.Response(httpx.codes.OK, stream=_EndlessStream())


class _EndlessStream(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        for _ in range(_MOST_ENDLESS_BYTES // len(_ENDLESS_CHUNK)):
            yield _ENDLESS_CHUNK


_MIRRORS: dict[Mischief, type[Mirror]] = {
    Mischief.TAMPERS_METADATA: TampersMetadata,
    Mischief.TAMPERS_MODELS: TampersModels,
    Mischief.REPLAYS: Replays,
    Mischief.FREEZES: Freezes,
    Mischief.ENDLESS: Endless,
}


def mirrors(way: httpx.BaseTransport) -> dict[Mischief, Mirror]:
    """Return one mirror of each kind in front of `way`."""
    return {mischief: kind(way) for mischief, kind in _MIRRORS.items()}


def _answer(status: int, content: bytes, content_range: str | None = None) -> httpx.Response:
    headers = {} if content_range is None else {"Content-Range": content_range}
    return httpx.Response(status, headers=headers, content=content)
