"""A limit on how often somebody may ask, kept in the memory of one server process.

Guarantees: at most `limit` times in any `window_seconds` per key, in memory bounded by `MOST_KEYS`. With n server
processes the limit is n times as high; it protects against floods and counts nothing that must be exact.
"""

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from backend.errors import TooMany

MOST_KEYS = 10_000
_SMALLEST_NETWORK_BITS = 64
"""Of IPv6: what one customer has at least (RFC 6177), and may take a new address from for each question."""


def customer(address: str) -> str:
    """Return the key under which requests from `address` count: of IPv6 the network that it is in, else itself."""
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    host_bits = found.max_prefixlen - _SMALLEST_NETWORK_BITS
    return str(ipaddress.IPv6Address(int(found) >> host_bits << host_bits))


class RateLimit:
    def __init__(
        self,
        limit: int,
        window_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        key_of: Callable[[str], str] = str,
    ) -> None:
        """`key_of` says who of those that ask are one: `customer` where they are known by their address alone."""
        self._limit, self._window_seconds, self._clock, self._key_of = limit, window_seconds, clock, key_of
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, asker: str) -> None:
        """Count one more for `asker`, or raise `TooMany`. Beyond `MOST_KEYS` the one longest unseen is forgotten."""
        key, moment = self._key_of(asker), self._clock()
        with self._lock:
            times = self._times.setdefault(key, deque())
            self._times.move_to_end(key)
            while times and times[0] <= moment - self._window_seconds:
                times.popleft()
            if len(times) >= self._limit:
                raise TooMany(f"At most {self._limit} in {self._window_seconds:g} seconds. Try again later.")
            times.append(moment)
            if len(self._times) > MOST_KEYS:
                self._times.popitem(last=False)
