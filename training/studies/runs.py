"""Several training runs of one undertaking, side by side in processes of their own.

Guarantees: a run that is finished is not run again; one that was stopped goes on; at most so many train at a time, and
share the cores. Whatever ends the undertaking ends its processes. No Keras here.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from training import child
from training.order import Order
from training.run_directory import Outcome, Progress, RunDirectory, RunResult

Watch = Callable[[str, Progress], None]
"""Takes the name of a run and how far it is."""


@dataclass(frozen=True)
class PlannedRun:
    name: str
    order: Order
    run: Path
    snapshot: Path
    fit_only: bool = False

    def finished(self) -> RunResult | None:
        """The result, if this very run is done."""
        result = RunDirectory(self.run).read_result()
        if result is None or result.outcome is Outcome.REFUSED or not self.order.is_of(self.run):
            return None
        return result if self.fit_only or result.outcome is not Outcome.FITTED else None


def carry_out(
    planned: PlannedRun, threads: int, watch: Callable[[Progress], None], stop: threading.Event | None = None
) -> RunResult:
    """Run it, or go on with it, to its end. Raise as `child.follow` does, and `DataError` for another run's folder."""
    finished = planned.finished()
    if finished is not None:
        return finished
    if stop is not None and stop.is_set():
        raise child.Stopped
    planned.order.place(planned.run)
    command = replace(planned.order.command(planned.run, planned.snapshot, threads), fit_only=planned.fit_only)
    return child.follow(command, watch, stop)


def carry_out_all(planned: Sequence[PlannedRun], parallel: int, threads: int, watch: Watch) -> list[RunResult]:
    """Carry out all, `parallel` at a time, each on `threads` cores (0: its share), and return the results in order.

    The first that fails ends the others, begins no other, and is raised.
    """
    each = share(threads, parallel)
    stop = threading.Event()

    def one(run: PlannedRun) -> RunResult:
        try:
            return carry_out(run, each, _named(watch, run.name), stop)
        except BaseException:
            stop.set()  # Before this thread takes up the next run.
            raise

    with ThreadPoolExecutor(parallel) as pool:
        jobs = [pool.submit(one, run) for run in planned]
        try:
            wait(jobs, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    ended = [job.exception() for job in jobs if not job.cancelled()]
    failures = [error for error in ended if error is not None and not isinstance(error, child.Stopped)]
    if failures:
        raise failures[0]
    return [job.result() for job in jobs]


def share(threads: int, parallel: int) -> int:
    """Cores for each of `parallel` runs; 0, which is all of them, for one alone."""
    return threads or (max(1, (os.cpu_count() or 1) // parallel) if parallel > 1 else 0)


def _named(watch: Watch, name: str) -> Callable[[Progress], None]:
    return lambda progress: watch(name, progress)
