"""Publishers that kill themselves at a write: started by `test_killed_publisher.py`, one process for each kill.

Reads lines of JSON (`Kill`) and answers each with how the process ended: minus 9, or the number of writes that it
made. It forks, since starting an interpreter takes longer than publishing; the store is opened in the child alone,
because its threads would not survive a fork.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore

from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository, retention
from mobile_models.updates.publishing.repository import DesiredState
from tests.updates import desired, files

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Act:
    state: DesiredState
    later: timedelta = timedelta(0)


ACTS = {
    "start": Act(desired(1, current=1)),
    "publish": Act(desired(1, 2, current=1, candidate=2)),
    "widen": Act(desired(1, 2, current=1, candidate=2, percent=50)),
    "complete": Act(desired(1, 2, current=2)),
    "re-sign": Act(desired(1, 2, current=1, candidate=2), timedelta(days=300)),
    "take up new keys": Act(desired(1, current=1)),
    "take up a new list": Act(desired(1, current=1)),
    "drop": Act(desired(2, current=2)),
    "prune": Act(desired(2, current=2), retention.GRACE + timedelta(days=1)),
}


@dataclass(frozen=True)
class Kill:
    """Do `act`, and die right before write number `write`, or right after it; -1: do not."""

    updates: str
    keys: str
    act: str
    write: int = -1
    after: bool = False


def do(updates: Path, keys: Path, act: str) -> repository.Outcome:
    store = LocalStore(updates, mkdir=True)
    wanted = ACTS[act]
    return repository.reconcile(store, signing_keys.load(keys), wanted.state, moment=NOW + wanted.later)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counting(write: Callable[..., Any], kill: Kill, count: list[int]) -> Callable[..., Any]:
    def counted(*arguments: object, **options: object) -> object:
        if count[0] == kill.write and not kill.after:
            _die()
        result = write(*arguments, **options)
        if count[0] == kill.write:
            _die()
        count[0] += 1
        return result

    return counted


def _child(kill: Kill) -> int:
    count = [0]
    obstore.put = _counting(obstore.put, kill, count)
    obstore.delete = _counting(obstore.delete, kill, count)
    do(Path(kill.updates), Path(kill.keys), kill.act)
    return count[0]


def _fork(kill: Kill) -> int:
    process = os.fork()
    if process == 0:
        status = 255
        try:
            status = _child(kill)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main() -> None:
    files(1), files(2)  # Their self-tests take longer than all the rest.
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(Kill(**json.loads(line)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
