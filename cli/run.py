"""`wastelens run`: server, worker and schedule together, with embedded defaults.

Guarantees: one instance per data folder; Ctrl-C or a terminate signal stops everything cleanly; when one part ends by
itself, the others are stopped and the reason is shown. What it left is taken up again at the next start.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console

from backend.settings import PREFIX, Settings

STOP_SECONDS = 20
_console = Console(highlight=False)


@dataclass(frozen=True)
class Part:
    """A process of the product; `name` is also the name of its log file."""

    name: str
    command: tuple[str, ...]


def parts(data_dir: Path) -> tuple[Part, ...]:
    celery = (sys.executable, "-m", "celery", "--app", "workers.celery_app")
    queues = "inspect,train,publish"
    return (
        Part("server", (sys.executable, "-m", "backend.server")),
        Part("worker", (*celery, "worker", "--queues", queues, "--pool", "threads", "--concurrency", "4")),
        Part("schedule", (*celery, "beat", "--schedule", str(data_dir / "schedule.db"), "--pidfile", "")),
    )


def run(
    port: Annotated[int, typer.Option(help="Port of the server.", envvar="PORT")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data_dir: Annotated[Path, typer.Option(help="Folder for everything that is kept.")] = Path("var"),
) -> None:
    """Start server, worker and schedule together on this machine, without any other service.

    Example: wastelens run --port 8001
    """
    if not _is_free(host, port):
        _refuse(f"Port {port} is in use. Choose another one, for example: make run PORT={port + 1}")
    environment = {PREFIX + "HOST": host, PREFIX + "PORT": str(port), PREFIX + "DATA_DIR": str(data_dir.resolve())}
    os.environ.update(environment)
    settings = Settings()
    with _only_instance(settings.data_dir) as lock:
        _prepare(settings)
        _supervise(parts(settings.data_dir), settings.data_dir / "logs", lock.fileno())


def _prepare(settings: Settings) -> None:
    from backend import first_start  # noqa: PLC0415  # --help must not wait for the database library.

    with _console.status("Preparing database, keys and the bundled release"):
        prepared = first_start.prepare(settings)
    address = settings.resolved_public_url
    _console.print("[bold]Wastelens[/bold] is starting.")
    _console.print(f"  API docs       {address}/docs")
    _console.print(f"  model updates  {address}/updates/metadata/timestamp.json")
    _console.print(f"  data and logs  {settings.data_dir}")
    if prepared.administrator_password is not None:
        _console.print(f"  sign in as     [bold]{settings.administrator}[/bold]")
        _console.print(f"  password       [bold]{prepared.administrator_password}[/bold]  (shown this once)")
    _console.print("Ctrl-C stops everything.")


def _supervise(wanted: tuple[Part, ...], logs: Path, lock_descriptor: int) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed: str | None = None
    try:
        for part in wanted:
            running[part.name] = _start(part, logs, lock_descriptor)
        while not stopping and failed is None:
            time.sleep(0.2)
            failed = next((name for name, process in running.items() if process.poll() is not None), None)
    finally:
        _stop(running)
    if failed is not None and not stopping:
        _console.print(_tail(logs / f"{failed}.log"), markup=False)
        _refuse(f"The {failed} ended by itself; its log is {logs / failed}.log")
    _console.print("Stopped.")


def _start(part: Part, logs: Path, lock_descriptor: int) -> subprocess.Popen[bytes]:
    """The lock is inherited, so that the data folder counts as in use while any part still runs."""
    with (logs / f"{part.name}.log").open("ab") as log:
        return subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us, and we stop the parts in order.
            pass_fds=(lock_descriptor,),
        )


def _stop(running: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in running.values():
        with suppress(ProcessLookupError):
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for name, process in running.items():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _console.print(f"The {name} did not stop within {STOP_SECONDS} seconds and is killed.")
            process.kill()
            process.wait()


@contextmanager
def _only_instance(data_dir: Path) -> Iterator[IO[str]]:
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "running.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse(f"Another Wastelens runs on {data_dir}. Stop it, or choose another folder with --data-dir.")
        yield lock


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _refuse(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)
