"""The straight way to the server, for thousands of phones of one process.

Guarantees: an httpx transport like any other, over the standard library's HTTP/1.1, at a fraction of what httpx's own
costs, which is most of what a light phone costs. Connections are kept open, one for each thread, and are closed where
an answer was not read to its end. An error is one that httpx raises for it.
"""

import http.client
import threading
from collections.abc import Iterator

import httpx

_TIMEOUT_SECONDS = 60.0
_CHUNK_BYTES = 65_536


class StraightWay(httpx.BaseTransport):
    """To one `host` and `port` over plain HTTP. For any number of threads."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._own = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask once more where a kept connection is closed by now; no request of a phone does harm twice."""
        connection = self._connection()
        was_open = connection.sock is not None
        try:
            answer = _ask(connection, request)
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            if not was_open:
                raise httpx.ConnectError(str(error), request=request) from error
            answer = self._ask_again(connection, request)
        return httpx.Response(answer.status, headers=answer.getheaders(), stream=_Stream(connection, answer))

    def close(self) -> None:
        with self._lock:
            for connection in self._opened:
                connection.close()

    def _ask_again(self, connection: http.client.HTTPConnection, request: httpx.Request) -> http.client.HTTPResponse:
        try:
            return _ask(connection, request)
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            raise httpx.ConnectError(str(error), request=request) from error

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
            self._own.connection = connection
            with self._lock:
                self._opened.append(connection)
        return connection


class _Stream(httpx.SyncByteStream):
    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._connection, self._answer = connection, answer

    def __iter__(self) -> Iterator[bytes]:
        try:
            while chunk := self._answer.read(_CHUNK_BYTES):
                yield chunk
        except (http.client.HTTPException, OSError) as error:
            raise httpx.ReadError(str(error)) from error
        if self._answer.length:
            raise httpx.RemoteProtocolError(f"{self._answer.length} bytes are missing")

    def close(self) -> None:
        if not self._answer.isclosed():
            self._answer.close()
            self._connection.close()


def _ask(connection: http.client.HTTPConnection, request: httpx.Request) -> http.client.HTTPResponse:
    connection.request(
        request.method, request.url.raw_path.decode("ascii"), body=request.read() or None, headers=dict(request.headers)
    )
    return connection.getresponse()
