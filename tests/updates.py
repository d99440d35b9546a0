"""A small world of updates: tiny releases, keys of a small city, and what should be published."""

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mobile_models.updates.keys import signing_keys
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing.repository import DesiredRelease, DesiredState
from mobile_models.updates.update_channel import Candidate, ChannelPointer
from tests import tiny_model

ANNA, BERT = "targets-1.pem", "targets-2.pem"
"""Two people of the city; each keeps one key of `targets`."""


@functools.cache
def files(version: int, padding_bytes: int = 0) -> tuple[bytes, bytes]:
    """Return manifest and model of a release."""
    model = tiny_model.model_bytes(version, padding_bytes=padding_bytes)
    return tiny_model.manifest(model, version).to_bytes(), model


def release(version: int, **changes: object) -> DesiredRelease:
    manifest, model = files(version)
    return replace(DesiredRelease(version, manifest, lambda: model), **changes)  # type: ignore[arg-type]


def desired(
    *versions: int, current: int | None = None, candidate: int | None = None, percent: float = 5
) -> DesiredState:
    chosen = None if candidate is None else Candidate(version=candidate, rollout_percent=percent, salt="salt")
    return DesiredState(
        tuple(release(version) for version in versions), {"stable": ChannelPointer(current=current, candidate=chosen)}
    )


def embedded_keys(folder: Path) -> KeyRing:
    """Keys as `wastelens run` makes them: all on one machine, one signature is enough."""
    signing_keys.init(folder)
    return signing_keys.load(folder)


def production_keys(folder: Path) -> KeyRing:
    """What the publisher of a city holds: the online keys alone; `targets` needs Anna and Bert."""
    signing_keys.init(folder, targets_keys=2, targets_threshold=2)
    return signing_keys.load(folder / "online")


class StaticServer(ThreadingHTTPServer):
    """Serves `<folder>/updates/...` with ranges, and registers phones; it can be made to misbehave."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.cut_after: int | None = None
        """Cut the connection after so many bytes of a model."""
        self.tamper: Callable[[str, bytes], bytes] = lambda _, content: content
        """What somebody on the way makes of a file."""
        self.cut: Callable[[str, bytes], bytes] = lambda _, content: content
        """What of a body arrives before the connection ends."""
        self.endless, self.dripping = "", ""
        """Endings of paths that are answered without end: as fast as possible, or byte by byte."""
        self.missing_status = 404
        self.post_status = 201
        self.posted: list[tuple[str, bytes]] = []
        self.bodies: list[tuple[str, int]] = []
        """Path and bytes sent of each answer."""
        self.ranges: list[str] = []
        self.ignores_ranges = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def moved(self, ending: str) -> int:
        return sum(size for path, size in self.bodies if path.endswith(ending))


class _Handler(BaseHTTPRequestHandler):
    server: StaticServer
    timeout = 10

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        for ending, chunk, pause in ((self.server.endless, bytes(65536), 0.0), (self.server.dripping, b" ", 0.02)):
            if ending and self.path.endswith(ending):
                return self._answer_for_ever(chunk, pause)
        if not path.is_file():
            # Roots that are not there yet are always answered 404: it is how a phone finds the newest one.
            return self._answer(404 if path.name.endswith(".root.json") else self.server.missing_status, b"", {})
        content, asked = self.server.tamper(self.path, path.read_bytes()), self.headers.get("Range")
        if asked is None or self.server.ignores_ranges:
            return self._answer(200, content, {})
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        place = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, content[start:], {"Content-Range": place})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.posted.append((self.path, content))
        said = {"counted": 1} if self.path == "/v1/field-reports" else {"device_id": "phone-1", "token": "secret"}
        self._answer(self.server.post_status, json.dumps(said).encode(), {})

    def _answer_for_ever(self, chunk: bytes, pause_seconds: float) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):  # Until the phone has had enough.
            while True:
                self.wfile.write(chunk)
                time.sleep(pause_seconds)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = content[: self.server.cut_after] if self.path.endswith(".tflite") else content
        sent = self.server.cut(self.path, sent)
        self.server.bodies.append((self.path, len(sent)))  # First: whoever has got it all may look at once.
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Tests read `bodies` instead."""


@contextmanager
def serving(folder: Path) -> Iterator[StaticServer]:
    with StaticServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
