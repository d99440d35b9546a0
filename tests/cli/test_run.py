"""`wastelens run` for real: it starts, answers, stops on Ctrl-C, and goes on with what it left."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.services import free_port
from tests.tiny_model import release_folder
from tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [str(Path(sys.executable).parent / "wastelens"), "run"]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return release_folder(tmp_path / "release")


def environment(release: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WASTELENS_")}
    return kept | {"WASTELENS_BUNDLED_RELEASE": str(release), "COLUMNS": "200", "NO_COLOR": "1"}


@contextmanager
def running(port: int, data: Path, release: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*COMMAND, "--port", str(port), "--data-dir", str(data)],
        env=environment(release),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: _is_ready(port), process, explain=lambda: _last_words(process))
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)


def stop(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C and return all that was printed."""
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, printed
    return printed


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def _last_words(process: "subprocess.Popen[str]") -> str:
    return process.stdout.read() if process.poll() is not None and process.stdout is not None else ""


def sign_in(port: int, password: str) -> httpx.Response:
    credentials = {"name": "administrator", "password": password}
    return httpx.post(f"http://127.0.0.1:{port}/v1/staff/sign-in", json=credentials, timeout=PATIENCE_SECONDS)


@pytest.mark.timeout(600)
def test_it_starts_stops_on_ctrl_c_and_goes_on_with_what_it_left(tmp_path: Path, release: Path) -> None:
    port, data = free_port(), tmp_path / "var"
    with running(port, data, release) as first:
        device = httpx.post(f"http://127.0.0.1:{port}/v1/devices", timeout=PATIENCE_SECONDS).json()
        printed = stop(first)
    assert f"http://127.0.0.1:{port}/docs" in printed
    assert printed.rstrip().endswith("Stopped.")
    shown = re.search(r"password +(\S+) +\(shown this once\)", printed)
    assert shown is not None, printed

    with running(port, data, release) as second:
        assert sign_in(port, shown[1]).is_success
        assert sign_in(port, "another password").status_code == 401
        headers = {"Authorization": f"Bearer {device['token']}"}
        own = httpx.get(f"http://127.0.0.1:{port}/v1/submissions", headers=headers, timeout=PATIENCE_SECONDS)
        assert own.is_success
        refused = subprocess.run(
            [*COMMAND, "--port", str(free_port()), "--data-dir", str(data)],
            env=environment(release),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        printed = stop(second)
    assert refused.returncode == 1
    assert "Another Wastelens runs on" in refused.stderr
    assert "shown this once" not in printed, "the password is told once"


def test_it_ends_and_says_why_when_a_part_ends_by_itself(tmp_path: Path, release: Path) -> None:
    port, data = free_port(), tmp_path / "var"
    with running(port, data, release) as process:
        server = _process_id_of_the_server(process.pid)
        os.kill(server, signal.SIGKILL)
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "The server ended by itself" in printed


def _process_id_of_the_server(parent: int) -> int:
    """Linux lists the children of a process; the server was started first."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return next(child for child, command in commands.items() if b"backend.server" in command)
