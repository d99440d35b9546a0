"""A limit on how often somebody may ask, kept in the memory of one server process.

Guarantees: at most `limit` times in any `window_seconds` per key, in memory bounded by `MOST_KEYS`. With n server
processes the limit is n times as high; it protects against floods and counts nothing that must be exact.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from backend.errors import TooMany

MOST_KEYS = 10_000


class RateLimit:
    def __init__(self, limit: int, window_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._window_seconds, self._clock = limit, window_seconds, clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: str) -> None:
        """Count one more for `key`, or raise `TooMany`. Beyond `MOST_KEYS` the one longest unseen is forgotten."""
        moment = self._clock()
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
