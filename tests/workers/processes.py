"""Worker processes for tests: real ones, which can be stopped at an exact place and killed.

Guarantees: each process is ended by its id at the end of its block, with all that it started.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.settings import PREFIX, Settings
from tests.waiting import PATIENCE_SECONDS, wait_until
from training import child
from workers import retrain

STAND_IN_TRAINER = Path(__file__).with_name("stand_in_trainer.py")
_ARRANGED = Path(__file__).with_name("arranged_worker.py")
_DOOMED = Path(__file__).with_name("doomed_act.py")
_ROOT = Path(__file__).parents[2]
_CELERY = ("--pool", "threads", "--concurrency", "2", "--queues", "inspect,train,publish", "--without-mingle")


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a process reads these settings again."""
    given = settings.model_dump(mode="json", exclude_unset=True)
    path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **{PREFIX + name.upper(): str(value) for name, value in given.items()}}


@dataclass
class WorkerProcess:
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """kill -9 of the worker alone: what it started must notice by itself."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def poll(self) -> int | None:
        return self.process.poll()


@contextmanager
def worker(settings: Settings, name: str = "worker", **arranged: object) -> Iterator[WorkerProcess]:
    """The product's worker; what a test has `arranged` is an option of `arranged_worker.py`."""
    celery = (*_CELERY, "--hostname", f"{name}@localhost")
    command = [sys.executable, "-m", "celery", "--app", "workers.celery_app", "worker", *celery]
    if arranged:
        options = [part for key, value in arranged.items() for part in (f"--{key.replace('_', '-')}", str(value))]
        command = [sys.executable, str(_ARRANGED), *options, "--", *celery]
    with _running(command, settings) as run:
        yield run


@contextmanager
def beat(settings: Settings) -> Iterator[WorkerProcess]:
    command = [sys.executable, "-m", "celery", "--app", "workers.celery_app", "beat", "--pidfile", ""]
    with _running(command, settings) as run:
        yield run


@contextmanager
def worker_that_freezes_at(place: str, settings: Settings, **arranged: object) -> Iterator[WorkerProcess]:
    """A worker that stops for ever when it comes to `module:function`, and then makes `frozen_mark`."""
    with worker(settings, freeze_at=place, mark=frozen_mark(settings), **arranged) as run:
        yield run


def kill_while(act: str, place: str, settings: Settings) -> None:
    """Let a process `widen` or `publish` until it comes to `module:function`, and kill -9 it there."""
    mark = frozen_mark(settings)
    with _running([sys.executable, str(_DOOMED), act, place, str(mark)], settings) as run:
        wait_until(mark.exists, run)
        run.kill()


def frozen_mark(settings: Settings) -> Path:
    return settings.data_dir / "frozen"


@contextmanager
def _running(command: list[str], settings: Settings) -> Iterator[WorkerProcess]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = settings.data_dir / "worker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield WorkerProcess(process, log)
    except BaseException:
        print(log.read_text(errors="replace")[-8000:])  # noqa: T201  # pytest shows it with the failure.
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def use_stand_in_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: train with the stand-in, and look at it often."""
    monkeypatch.setattr(child, "PROGRAM", (sys.executable, str(STAND_IN_TRAINER)))
    monkeypatch.setattr(child, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(retrain, "WATCH_SECONDS", 0.05)
    monkeypatch.setenv("PYTHONPATH", environment(Settings())["PYTHONPATH"])
