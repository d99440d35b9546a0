"""A road to the city that can be blocked in the middle of an answer, as in a lift."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_AT_ONCE = 16 * 1024


@dataclass
class Road:
    """Passes TCP connections to `port` on; of an answer to a request for `blocked` come only `passing_bytes`."""

    port: int
    blocked: bytes = b""
    passing_bytes: int = 0
    asked: list[bytes] = field(default_factory=list)
    """The requests that were made, each with its headers."""
    passed: list[int] = field(default_factory=list)
    """How many bytes came to the phone, piece by piece."""
    is_blocked: threading.Event = field(default_factory=threading.Event)
    _blocked: set[threading.Thread] = field(default_factory=set)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):  # The listener was closed.
            while True:
                phone, _ = self.listener.accept()
                threading.Thread(target=self._carry, args=(phone,), daemon=True).start()

    def _carry(self, phone: socket.socket) -> None:
        with phone, socket.create_connection(("127.0.0.1", self.port)) as city, suppress(OSError):
            asking = threading.Thread(target=self._carry_requests, args=(phone, city), daemon=True)
            asking.start()
            left = -1
            while some := city.recv(_AT_ONCE):
                if left < 0 and asking in self._blocked:
                    left = self.passing_bytes
                passing = some if left < 0 else some[:left]
                phone.sendall(passing)
                self.passed.append(len(passing))
                if left >= 0:
                    left -= len(passing)
                    if left == 0:
                        self.is_blocked.set()
                        asking.join()  # The connection stays open, and nothing more comes.
            phone.shutdown(socket.SHUT_WR)

    def _carry_requests(self, phone: socket.socket, city: socket.socket) -> None:
        with suppress(OSError):
            while some := phone.recv(_AT_ONCE):
                self.asked.append(some)
                if self.blocked and self.blocked in some.partition(b"\r\n")[0]:
                    self._blocked.add(threading.current_thread())
                city.sendall(some)
            city.shutdown(socket.SHUT_WR)


@contextmanager
def to(port: int) -> Iterator[Road]:
    road = Road(port)
    threading.Thread(target=road.run, daemon=True).start()
    try:
        yield road
    finally:
        road.listener.close()
