"""Waiting for what others do: threads, processes, servers.

Guarantees: whoever waits here fails only where what is waited for does not come at all, or cannot come any more. A busy
machine gets several times what an idle one takes, and the end still lies before the one that pytest-timeout sets.
"""

import socket
import time
from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Engine, text

PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.05


class Needed(Protocol):
    """A process of which one may ask whether it has ended."""

    def poll(self) -> int | None: ...


def wait_until(
    happened: Callable[[], bool],
    *needed: Needed,
    seconds: float = PATIENCE_SECONDS,
    explain: Callable[[], str] = lambda: "",
) -> None:
    """Fail if it does not happen in time, or if a process that is needed for it ends before."""
    ends_at = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends_at, f"it did not happen within {seconds:.0f} seconds\n{explain()}"
        ended = [code for process in needed if (code := process.poll()) is not None]
        assert not ended, f"a process ended by itself, with {ended[0]}\n{explain()}"
        time.sleep(_LOOK_SECONDS)


def listens(port: int) -> bool:
    """Whether somebody takes connections on this port of this machine."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def somebody_waits(engine: Engine) -> bool:
    """Whether a transaction on this PostgreSQL waits for a lock that another one holds."""
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())
