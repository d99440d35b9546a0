"""The way between a phone and the server: slow, lossy, cut, and counted.

Guarantees: what arrives is what was sent, or an error that httpx raises for a real network too. Nobody sleeps: the
seconds that a real network would have taken are counted in `Traffic`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from phone.fleet.people import Network

_LONG_BYTES = 4096
"""Shorter answers come in a few packets and are lost whole, not cut."""


@dataclass
class Traffic:
    """What one phone moved."""

    requests: int = 0
    received_bytes: int = 0
    waited_seconds: float = 0.0
    lost: int = 0
    cut: int = 0


class BadLine(httpx.BaseTransport):
    """A phone's network in front of `way`, which it shares with other phones and does not close."""

    def __init__(self, way: httpx.BaseTransport, network: Network, dice: random.Random, traffic: Traffic) -> None:
        self._way, self._network, self._dice, self._traffic = way, network, dice, traffic

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._traffic.requests += 1
        self._traffic.waited_seconds += self._network.round_trip_seconds * self._dice.uniform(0.5, 2)
        if self._dice.random() < self._network.loss_fraction:
            self._traffic.lost += 1
            raise httpx.ConnectTimeout("the network lost it", request=request)
        answer = self._way.handle_request(request)
        length = int(answer.headers.get("Content-Length", "0"))
        cut_at = self._cut_at(length)
        if not isinstance(answer.stream, httpx.SyncByteStream):
            raise TypeError("an answer of a synchronous transport is read synchronously")
        stream = _CountedStream(answer.stream, self._traffic, cut_at)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)

    def _cut_at(self, length: int) -> int | None:
        if length <= _LONG_BYTES or self._dice.random() >= self._network.cut_fraction:
            return None
        return self._dice.randrange(length)


class _CountedStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, traffic: Traffic, cut_at: int | None) -> None:
        self._stream, self._traffic, self._cut_at = stream, traffic, cut_at

    def __iter__(self) -> Iterator[bytes]:
        passed = 0
        for chunk in self._stream:
            allowed = chunk if self._cut_at is None else chunk[: max(0, self._cut_at - passed)]
            passed += len(allowed)
            self._traffic.received_bytes += len(allowed)
            yield allowed
            if len(allowed) < len(chunk):
                self._traffic.cut += 1
                raise httpx.ReadError("the network was cut")

    def close(self) -> None:
        self._stream.close()
