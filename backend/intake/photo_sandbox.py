"""Decoding in a child process: whatever an image does to the decoder, this process lives on.

Guarantees: each photo is decoded in a process of its own that may take 1 GiB of address space, 20 seconds of CPU and
30 seconds of time, holds no secret of the environment, and is gone afterwards. A child that dies is a typed refusal.
At most `processes` photos are decoded at once; more callers wait.

A helper process (`photo_child`) has the decoder imported and forks for each photo, which takes about 10 ms.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import DomainError, PhotoRefused, TooLarge, Unavailable, UnsupportedPhoto
from mobile_models.input_spec import InputSpec
from mobile_models.photo import PhotoErrorCode, PhotoLimits

Region = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the stored photo; right and bottom are just outside."""

MOST_ANSWER_BYTES = 32 * 1024 * 1024
"""Several times what the largest stored photo or model input has: a decoder gone mad fills no memory here."""
_PATIENCE_SECONDS = 5
_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")
_REFUSALS: dict[PhotoErrorCode, type[DomainError]] = {
    PhotoErrorCode.UNSUPPORTED_FORMAT: UnsupportedPhoto,
    PhotoErrorCode.HEIC_UNAVAILABLE: UnsupportedPhoto,
    PhotoErrorCode.TOO_MANY_BYTES: TooLarge,
    PhotoErrorCode.TOO_MANY_PIXELS: TooLarge,
}


@dataclass(frozen=True)
class CleanPhoto:
    """A photo as it may be stored: upright, re-encoded, without metadata."""

    content: bytes
    width: int
    height: int


@dataclass(frozen=True)
class ChildLimits:
    """What the decoding of one photo may take."""

    seconds: int = 30
    cpu_seconds: int = 20
    address_space_bytes: int = 1 << 30


class PhotoSandbox:
    def __init__(
        self,
        limits: PhotoLimits,
        longest_edge: int,
        processes: int | None = None,
        child_limits: ChildLimits | None = None,
    ) -> None:
        self._limits, self._longest_edge = limits, longest_edge
        self._child_limits = child_limits or ChildLimits()
        self.processes = processes or os.cpu_count() or 1
        self._free = threading.BoundedSemaphore(self.processes)
        self._lock = threading.Lock()
        self._helper: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def clean(self, content: bytes) -> CleanPhoto:
        """Raise `PhotoRefused`, `UnsupportedPhoto` or `TooLarge` with a `PhotoErrorCode` as code."""
        header, body = self._ask({"longest_edge": self._longest_edge}, content)
        return CleanPhoto(body, header["width"], header["height"])

    def cover(self, content: bytes, regions: Sequence[Region]) -> CleanPhoto:
        """Return a stored photo in which nothing of these regions is left; raises as `clean`."""
        task = {"longest_edge": self._longest_edge, "cover": [list(each) for each in regions]}
        header, body = self._ask(task, content)
        return CleanPhoto(body, header["width"], header["height"])

    def prepare(self, content: bytes, spec: InputSpec) -> NDArray[np.uint8]:
        """Return what a phone would feed to its model, uint8 [1, height, width, 3]; raises as `clean`."""
        _, body = self._ask({"input_spec": spec.model_dump(mode="json")}, content)
        return np.frombuffer(body, dtype=np.uint8).reshape(1, spec.height, spec.width, 3)

    def close(self) -> None:
        with self._lock:
            if self._helper is not None:
                process, control = self._helper
                control.close()  # The helper ends when it reads the end of this.
                process.wait()
                self._helper = None

    def _ask(self, task: dict[str, object], content: bytes) -> tuple[dict[str, int], bytes]:
        if len(content) > self._limits.max_bytes:
            detail = f"The photo has {len(content)} bytes; send at most {self._limits.max_bytes}."
            raise TooLarge(detail, code=PhotoErrorCode.TOO_MANY_BYTES)
        request = json.dumps({**task, "limits": vars(self._limits), "bytes": len(content)}).encode() + b"\n"
        with self._free, self._connect() as child:
            answer = _exchange(child, request + content)
        line, found, body = answer.partition(b"\n")
        if not found:
            detail = "Reading the photo takes too much time or memory. Save it again, smaller, and send that."
            raise PhotoRefused(detail, code=PhotoErrorCode.TOO_COSTLY)
        header = json.loads(line)
        if "code" in header:
            code = PhotoErrorCode(header["code"])
            raise _REFUSALS.get(code, PhotoRefused)(header["message"], code=code)
        return header, body

    def _connect(self) -> socket.socket:
        """Hand one end of a new connection to the helper; start the helper if there is none, or if it has died."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            for _ in range(2):
                self._helper = self._helper or _start_helper(self._child_limits)
                try:
                    socket.send_fds(self._helper[1], [b"p"], [theirs.fileno()])
                except OSError:
                    self._helper[1].close()
                    self._helper[0].kill()
                    self._helper[0].wait()
                    self._helper = None
                else:
                    ours.settimeout(self._child_limits.seconds + _PATIENCE_SECONDS)
                    return ours
        ours.close()
        raise Unavailable("Photos cannot be read at the moment. Try again later.")


def _start_helper(limits: ChildLimits) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Threads of a numeric library would each reserve address space, of which a child has little."""
    ours, theirs = socket.socketpair()
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.intake.photo_child", json.dumps(vars(limits))],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
            start_new_session=True,
        )
    return process, ours


def _exchange(child: socket.socket, request: bytes) -> bytes:
    """Return all that the child answers; nothing if it died, was too slow, or answers without end."""
    answer = bytearray()
    try:
        child.sendall(request)
        while len(answer) <= MOST_ANSWER_BYTES and (chunk := child.recv(1 << 20)):
            answer += chunk
    except OSError:  # It died while reading or writing, or took longer than it may.
        return b""
    return bytes(answer) if len(answer) <= MOST_ANSWER_BYTES else b""
