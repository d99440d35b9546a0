"""The parts of a running Wastelens on one machine: server, worker and schedule, each a process with a log.

Guarantees: `running` stops every part it started, in order, whatever happens in between; a part that does not stop in
time is killed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 20


@dataclass(frozen=True)
class Part:
    """A process of the product; `name` is also the name of its log file."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class RunningPart:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def parts(data_dir: Path) -> tuple[Part, ...]:
    """Return the three parts of the embedded shape; they read their settings from the environment."""
    celery = (sys.executable, "-m", "celery", "--app", "workers.celery_app")
    queues = "inspect,train,publish"
    return (
        Part("server", (sys.executable, "-m", "backend.server")),
        Part("worker", (*celery, "worker", "--queues", queues, "--pool", "threads", "--concurrency", "4")),
        Part("schedule", (*celery, "beat", "--schedule", str(data_dir / "schedule.db"), "--pidfile", "")),
    )


@contextmanager
def running(
    data_dir: Path, environment: dict[str, str], keep_open: tuple[int, ...] = ()
) -> Iterator[list[RunningPart]]:
    """Start all parts with `environment` on top of ours; descriptors in `keep_open` are inherited."""
    logs = data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started: list[RunningPart] = []
    try:
        for part in parts(data_dir):
            process = _start(part, logs / f"{part.name}.log", os.environ | environment, keep_open)
            started += [process]  # One by one, so that a part that cannot start leaves none behind.
        yield started
    finally:
        _stop(started)


def _start(part: Part, log_path: Path, environment: dict[str, str], keep_open: tuple[int, ...]) -> RunningPart:
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            part.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us, and we stop the parts.
            pass_fds=keep_open,
        )
    return RunningPart(part.name, process, log_path)


def _stop(started: list[RunningPart]) -> None:
    for part in started:
        if not part.has_ended:
            part.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for part in started:
        try:
            part.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(part.process.pid, signal.SIGKILL)
            part.process.wait()
