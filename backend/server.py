"""The web server process: `python -m backend.server`.

Guarantees: no client can hold a connection by being slow (`SlowClientProtocol`), and SIGTERM ends the process within
`GRACEFUL_SECONDS`. The word of `trusted_proxies`
on the address of a client is taken, and nobody else's.
"""

import asyncio
import logging
import tempfile
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.settings import Settings

GRACEFUL_SECONDS = 25
HEADER_SECONDS = 20.0
GRACE_SECONDS = 30.0
"""A body may pause this long, on the whole, before its average speed counts."""
LINGER_SECONDS = 5.0
STALLED_SECONDS = 60.0
"""A client that reads nothing at all of its answer for this long is cut."""


class SlowClientProtocol(H11Protocol):
    """HTTP/1.1 with deadlines, which uvicorn does not have.

    The headers must be there within `HEADER_SECONDS`. A body must arrive at `slowest_bytes_per_second` on average
    (after `GRACE_SECONDS`) and within `request_deadline_seconds`; time in which the application does not read is not
    the client's. An answer must be taken, be it slowly. Whoever misses a deadline is disconnected.
    """

    slowest_bytes_per_second: float
    request_deadline_seconds: float
    tick_seconds = 1.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn has it.
        super().connection_made(transport)
        self._expect_request()
        self._unread_bytes, self._unread_since = 0, self.loop.time()
        self._timer = self.loop.call_later(self.tick_seconds, self._tick)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._expect_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._waiting_seconds, self._received_bytes = 0.0, 0

    def _tick(self) -> None:
        if self._is_late_to_send() or self._is_late_to_read():
            self.logger.warning("Cut a slow connection from %s", self.client)
            self.transport.abort()
            return
        self._timer = self.loop.call_later(self.tick_seconds, self._tick)

    def _is_late_to_send(self) -> bool:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY) or self.flow.read_paused:
            return False
        self._waiting_seconds += self.tick_seconds
        if self.conn.their_state is h11.IDLE:
            return self._waiting_seconds > HEADER_SECONDS
        if self.cycle.response_complete:  # It was answered early; what still comes is thrown away for a moment.
            return self._waiting_seconds > LINGER_SECONDS
        enough_bytes = (self._waiting_seconds - GRACE_SECONDS) * self.slowest_bytes_per_second
        return self._received_bytes < enough_bytes or self._waiting_seconds > self.request_deadline_seconds

    def _is_late_to_read(self) -> bool:
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes == 0 or unread_bytes != self._unread_bytes:
            self._unread_bytes, self._unread_since = unread_bytes, self.loop.time()
        return self.loop.time() - self._unread_since > STALLED_SECONDS


def configuration(settings: Settings, **changes: Any) -> uvicorn.Config:
    """`changes` are further options of uvicorn, or other ones."""
    from backend.app import create_app  # noqa: PLC0415  # Whoever only asks for the settings does not pay for it.

    protocol = type(
        "ConfiguredProtocol",
        (SlowClientProtocol,),
        {
            "slowest_bytes_per_second": settings.slowest_bytes_per_second,
            "request_deadline_seconds": settings.request_deadline_seconds,
        },
    )
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": protocol,
        "ws": "none",
        "forwarded_allow_ips": settings.trusted_proxies,
        "timeout_graceful_shutdown": GRACEFUL_SECONDS,
        "server_header": False,
        "log_config": None,
    }
    return uvicorn.Config(create_app(settings), **(options | changes))


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uploads = settings.data_dir.resolve() / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(uploads)  # What is half uploaded waits on disk; /tmp of a container is memory.
    uvicorn.Server(configuration(settings)).run()


if __name__ == "__main__":
    serve(Settings())
