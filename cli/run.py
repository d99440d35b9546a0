"""`wastelens run`: server, worker and schedule together, with embedded defaults.

Guarantees: one instance per data folder; Ctrl-C or a terminate signal stops everything cleanly; when one part ends by
itself, the others are stopped and the reason is shown. What it left is taken up again at the next start.
"""

import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer
from rich.console import Console

from backend.settings import PREFIX, Settings
from cli import processes

_console = Console(highlight=False)


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
    stopping = _listen_for_stop()
    with _only_instance(settings.data_dir) as lock:
        _prepare(settings)
        # The parts inherit the lock: the data folder counts as in use while any of them still runs.
        with processes.running(settings.data_dir, environment, keep_open=(lock.fileno(),)) as running:
            ended = _wait(running, stopping)
    if ended is not None:
        typer.echo(ended.tail(), err=True)
        _refuse(f"The {ended.name} ended by itself; its log is {ended.log}")
    _console.print("Stopped.")


def _listen_for_stop() -> list[int]:
    """Return a list that receives the number of each signal that asks us to stop."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: received.append(number))
    return received


def _wait(running: list[processes.RunningPart], stopping: list[int]) -> processes.RunningPart | None:
    """Return the part that ended by itself, or None once we are asked to stop."""
    while not stopping:
        for part in running:
            if part.has_ended:
                return part
        time.sleep(0.2)
    return None


def _prepare(settings: Settings) -> None:
    from cli import operate  # noqa: PLC0415  # --help must not wait for the database library.

    with _console.status("Preparing database, keys and the bundled release"):
        prepared = operate.first_start(settings)
    address = settings.resolved_public_url
    _console.print("[bold]Wastelens[/bold] is starting.")
    _console.print(f"  residents' app {address}/app/")
    _console.print(f"  console        {address}/console")
    _console.print(f"  API docs       {address}/docs")
    _console.print(f"  model updates  {address}/updates/metadata/timestamp.json")
    _console.print(f"  data and logs  {settings.data_dir}")
    if prepared.administrator_password is not None:
        _console.print(f"  sign in as     [bold]{settings.administrator}[/bold]")
        _console.print(f"  password       [bold]{prepared.administrator_password}[/bold]  (shown this once)")
    _console.print("Ctrl-C stops everything.")


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


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
