"""Waiting for what other processes do, with an end."""

import time
from collections.abc import Callable


def wait_for(ready: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not within {seconds} seconds\n{explain()}"
        time.sleep(0.3)
