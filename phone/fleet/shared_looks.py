"""Looking for updates for thousands of phones, without verifying the same bytes thousands of times.

Guarantees: each phone asks the server itself for everything that `updater.look` would ask, and believes what `look`
would have made of these very answers. That is possible because `look` is a pure function of what the phone remembers,
its clock, the answers in their order, and what the channel's pointers choose for it: where all of these are those of
an earlier look, its result is taken. Whatever has not been seen before, and every fault of the network, goes through
the real `look`; it gets the answers that have come already and asks for the rest itself.

All looks that were really made form a tree: a step is what is asked next, an edge the answer that came.
"""

import functools
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import httpx

from mobile_models.document import Sha256, sha256
from mobile_models.updates import update_channel
from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import Offer, UpdateRefused, UpdateSource
from mobile_models.updates.update_channel import ChannelPointer

_ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
_POINTERS, _REMEMBERED_POINTERS = "/targets/channels/", "documents/channels/"
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_OF_THE_WAY = frozenset({"content-encoding", "transfer-encoding", "connection"})
_TOLD = frozenset({"content-length", "content-range", "etag"})
"""The headers that may change what a look makes of an answer. `Date` only gives a refusal a hint in words."""


@dataclass(frozen=True)
class Memory:
    """What a phone remembers of the repository: the files of its update directory, by name. Shared by all alike."""

    files: tuple[tuple[str, bytes], ...] = ()

    @cached_property
    def digest(self) -> Sha256:
        return sha256(repr(self.files).encode())

    @property
    def pointer(self) -> ChannelPointer | None:
        """What was verified last of the phone's channel."""
        contents = (content for name, content in self.files if name.startswith(_REMEMBERED_POINTERS))
        return next((_pointer(content) for content in contents), None)

    @classmethod
    def read(cls, directory: Path) -> "Memory":
        found = (path for path in directory.rglob("*") if path.is_file())
        return cls(tuple(sorted((path.relative_to(directory).as_posix(), path.read_bytes()) for path in found)))

    def write(self, directory: Path) -> None:
        for name, content in self.files:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@dataclass(frozen=True)
class Looked:
    """What a look gave: an offer, None for the bundled release, or a refusal; and what is remembered from now on."""

    memory: Memory
    offer: Offer | None = None
    refused: UpdateRefused | None = None


@dataclass(frozen=True)
class Looker:
    """Whatever the result of a look depends on, beside the answers: what one phone remembers, is and has."""

    memory: Memory
    device_id: str
    clock: datetime
    models: tuple[Sha256, ...]


@dataclass(frozen=True)
class _Request:
    url: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes

    @cached_property
    def digest(self) -> Sha256:
        told = [header for header in self.headers if header[0] in _TOLD]
        return sha256(f"{self.status} {told} ".encode() + self.content)


@dataclass
class _Step:
    """What is asked next and where each answer led; or, at the end, the result."""

    request: _Request | None = None
    next: dict["_Edge", "_Step"] = field(default_factory=dict)
    looked: Looked | None = None


_Chosen = int | None
_Edge = tuple[Sha256, _Chosen]
_Key = tuple[Sha256, datetime, tuple[Sha256, ...], tuple[_Chosen, ...]]


class SharedLooks:
    """For any number of threads. `scratch` is used while a real look runs."""

    def __init__(self, url: str, trusted_root: bytes, channel: str, scratch: Path) -> None:
        self._url, self._trusted_root, self._channel, self._scratch = url, trusted_root, channel, scratch
        self._roots: dict[_Key, _Step] = {}
        self._pointers: dict[Sha256, ChannelPointer] = {}
        self._memories: dict[Sha256, Memory] = {}
        self._lock = threading.Lock()
        self.looks = self.verified = 0
        """How often phones have looked, and how often the real `look` had to run for it."""

    def look(self, way: httpx.BaseTransport, looker: Looker) -> Looked:
        """Look as `updater.look` does, over `way`."""
        answers: list[_Answer] = []
        step = self._roots.get(self._key(looker))
        while step is not None and step.request is not None:
            try:
                answers.append(_ask(way, step.request))
            except httpx.HTTPError as fault:
                return self.look_alone(_Played(way, answers, fault), looker)
            step = step.next.get(self._edge(step.request, answers[-1], looker))
        if step is not None and step.looked is not None:
            self._count(really=False)
            return step.looked
        played = _Played(way, answers)
        looked = self.look_alone(played, looker)
        if played.is_repeatable:
            self._keep(looker, played.exchanges, looked)
        return looked

    def look_alone(self, way: httpx.BaseTransport, looker: Looker) -> Looked:
        """Look without sharing anything: for phones that somebody plays tricks on."""
        self._count(really=True)
        with self._folder() as directory, _client(way) as http:
            looker.memory.write(directory)
            source = UpdateSource(self._url, self._trusted_root, directory, http, clock=lambda: looker.clock)
            try:
                offer = updater.look(source, self._channel, looker.device_id, looker.models)
            except UpdateRefused as refused:
                return Looked(self._remembered(directory), refused=refused)
            return Looked(self._remembered(directory), offer)

    def _remembered(self, directory: Path) -> Memory:
        memory = Memory.read(directory)
        self._learn_pointers(content for name, content in memory.files if name.startswith(_REMEMBERED_POINTERS))
        with self._lock:
            return self._memories.setdefault(memory.digest, memory)

    def _key(self, looker: Looker) -> _Key:
        """Every pointer that any phone remembers is known here; one that comes on the way is left to `_edge`."""
        pointers = tuple(self._pointers.values())
        chosen = tuple(update_channel.choose(pointer, looker.device_id) for pointer in pointers)
        return looker.memory.digest, looker.clock, looker.models, chosen

    def _edge(self, request: _Request, answer: _Answer, looker: Looker) -> _Edge:
        pointer = self._pointers.get(sha256(answer.content)) if _POINTERS in request.url else None
        return answer.digest, None if pointer is None else update_channel.choose(pointer, looker.device_id)

    def _keep(self, looker: Looker, exchanges: Sequence[tuple[_Request, _Answer]], looked: Looked) -> None:
        self._learn_pointers(answer.content for request, answer in exchanges if _POINTERS in request.url)
        with self._lock:
            step = self._roots.setdefault(self._key(looker), _Step())
            for request, answer in exchanges:
                step.request = request
                step = step.next.setdefault(self._edge(request, answer, looker), _Step())
            step.looked = looked

    def _learn_pointers(self, contents: Iterable[bytes]) -> None:
        with self._lock:
            for content in contents:
                self._pointers.setdefault(sha256(content), _pointer(content))

    def _count(self, *, really: bool) -> None:
        with self._lock:
            self.looks += 1
            self.verified += really

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        name = tempfile.mkdtemp(dir=self._scratch)
        try:
            yield Path(name)
        finally:
            shutil.rmtree(name)


class _Played(httpx.BaseTransport):
    """Gives a look the answers that have come already, then asks the server, and keeps all of it."""

    def __init__(
        self, way: httpx.BaseTransport, answers: Sequence[_Answer], fault: httpx.HTTPError | None = None
    ) -> None:
        self._way, self._answers, self._fault = way, answers, fault
        self.exchanges: list[tuple[_Request, _Answer]] = []
        self.is_repeatable = fault is None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = _Request(str(request.url), tuple(sorted(request.headers.items())))
        answer = self._next(asked)
        self.exchanges.append((asked, answer))
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def _next(self, asked: _Request) -> _Answer:
        if len(self.exchanges) < len(self._answers):
            return self._answers[len(self.exchanges)]
        if self._fault is not None:
            raise self._fault
        try:
            return _ask(self._way, asked)
        except httpx.HTTPError:
            self.is_repeatable = False
            raise


@functools.lru_cache
def _pointer(content: bytes) -> ChannelPointer:
    return ChannelPointer.model_validate_json(content)


def _client(way: httpx.BaseTransport) -> httpx.Client:
    """As patient as `_ask`, so that who looks alone finds what others do."""
    return httpx.Client(transport=_Kept(way), trust_env=False, timeout=_TIMEOUT)


class _Kept(httpx.BaseTransport):
    """A way that others go on using when the client that has used it is closed."""

    def __init__(self, way: httpx.BaseTransport) -> None:
        self._way = way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._way.handle_request(request)


@functools.lru_cache(maxsize=1024)
def _prepared(request: _Request) -> httpx.Request:
    """Thousands of phones ask the same; a transport reads a request and does not change it."""
    return httpx.Request("GET", request.url, headers=request.headers, extensions={"timeout": _TIMEOUT.as_dict()})


def _ask(way: httpx.BaseTransport, request: _Request) -> _Answer:
    """Raise `httpx.HTTPError` also for an answer longer than anything that a look reads."""
    answer = way.handle_request(_prepared(request))
    try:
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _ANSWER_LIMIT_BYTES:
                raise httpx.ReadError(f"{request.url} does not end")
    finally:
        answer.close()
    headers = tuple(header for header in answer.headers.items() if header[0] not in _OF_THE_WAY)
    return _Answer(answer.status_code, headers, bytes(content))
