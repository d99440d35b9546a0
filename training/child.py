"""The process that trains: started, watched, and ended with us.

Guarantees: it never outlives who started it (its standard input closes, and it ends), it is ended when whoever watches
it gives up, and its output is kept in the run directory. It resumes by itself when it is started on the same run
directory again.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from training.data.rehearsal import LearnFrom
from training.recipe import IMAGENET
from training.run_directory import ExitCode, Progress, RunDirectory, RunLocked, RunResult

PROGRAM = (sys.executable, "-m", "training.run")
OUTPUT = "output.log"
TICK_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""How long it may take to end, once it is asked to. What it has learned lies in its checkpoint already."""


class TrainerFailed(Exception):
    """The process ended without a result; it may go on from its checkpoint."""


class Stopped(Exception):
    """The run was to end before it was done."""


@dataclass(frozen=True)
class TrainingCommand:
    """What the trainer is told."""

    snapshot: Path
    run: Path
    recipe: Path
    seed: int = 0
    version: int = 1
    weights: str = IMAGENET
    champion: Path | None = None
    teacher: Path | None = None
    threads: int = 0
    loaders: int | None = None
    lineage_run_id: str = "by-hand"
    outside: Path | None = None
    outside_labels: str | None = None
    fit_only: bool = False
    learn_from: LearnFrom = LearnFrom.ALL
    features: Path | None = None
    features_gigabytes: float | None = None

    @property
    def arguments(self) -> list[str]:
        given = {
            "snapshot": self.snapshot,
            "run": self.run,
            "recipe": self.recipe,
            "seed": self.seed,
            "version": self.version,
            "weights": self.weights,
            "champion": self.champion,
            "teacher": self.teacher,
            "loaders": self.loaders,
            "threads": self.threads or None,
            "lineage-run-id": self.lineage_run_id,
            "outside": self.outside,
            "outside-labels": self.outside_labels,
            "learn-from": self.learn_from,
            "features": self.features,
            "features-gigabytes": self.features_gigabytes,
        }
        options = [part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))]
        flags = ["--fit-only"] if self.fit_only else []
        return [*PROGRAM, *options, *flags, "--exit-with-parent"]


def train(command: TrainingCommand, each_tick: Callable[[], None]) -> int:
    """Run it to its end and return the exit code. Whatever `each_tick` raises ends the process, and is raised."""
    with _running(command) as process:
        while (code := process.poll()) is None:
            each_tick()
            with suppress(subprocess.TimeoutExpired):
                process.wait(TICK_SECONDS)
        return code


def follow(
    command: TrainingCommand, watch: Callable[[Progress], None], stop: threading.Event | None = None
) -> RunResult:
    """Run it to its end, or until `stop` is set, show `watch` each new progress, and return the result.

    Raise `RunLocked` if another process trains there, `TrainerFailed` if it ended without a result, and `Stopped`.
    Whatever `watch` raises ends the process, and is raised.
    """
    directory = RunDirectory(command.run)
    seen = directory.read_progress()

    def look() -> None:
        nonlocal seen
        if stop is not None and stop.is_set():
            raise Stopped
        progress = directory.read_progress()
        if progress is not None and progress != seen:
            seen = progress
            watch(progress)

    code = train(command, look)
    look()
    result = directory.read_result()
    if code == ExitCode.LOCKED:
        raise RunLocked(f"another process trains in {command.run}")
    if result is None or code not in {ExitCode.DONE, ExitCode.BAD_INPUT}:
        raise TrainerFailed(_failure(command.run, code))
    return result


def _failure(run: Path, code: int) -> str:
    killed = " (killed: perhaps the memory was full)" if code == -signal.SIGKILL else ""
    return (
        f"Training in {run} ended with exit status {code}{killed}. What it said last is in {run / OUTPUT}; "
        f"the same again goes on from its checkpoint.\n{last_words(run)}"
    )


@contextmanager
def _running(command: TrainingCommand) -> Iterator[subprocess.Popen[bytes]]:
    command.run.mkdir(parents=True, exist_ok=True)
    with (command.run / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            command.arguments,
            stdin=subprocess.PIPE,  # Nothing is ever written: it closes when its parent dies, however it dies.
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def last_words(run: Path, lines: int = 12) -> str:
    """The end of what it printed, for people who look for the reason of a failure."""
    output = run / OUTPUT
    return "\n".join(output.read_text(errors="replace").splitlines()[-lines:]) if output.exists() else ""
