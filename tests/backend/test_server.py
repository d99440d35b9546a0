"""The server process: lean, patient with honest phones, and not to be held up by others."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from backend.server import SlowClientProtocol
from backend.settings import Settings
from tests import pictures
from tests.backend.test_submissions import multipart, raw_request
from tests.backend.world import register, running
from tests.services import free_port
from tests.waiting import PATIENCE_SECONDS, listens, wait_until

MEGABYTES = 1024
BEGINNING = multipart(b"")[: -len(b"\r\n--b--\r\n")]
"""Of an upload, up to the first byte of the photo."""


@pytest.fixture
def process(settings: Settings, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m backend.server`, as production starts it."""
    port = free_port()
    # Only tests install boto3 (for moto), and securesystemslib loads it wherever it is.
    (tmp_path / "as_installed").mkdir()
    (tmp_path / "as_installed" / "boto3.py").write_text('raise ImportError("not installed in production")')
    environment = {
        **os.environ,
        "WASTELENS_DATA_DIR": str(settings.data_dir),
        "WASTELENS_PORT": str(port),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(tmp_path / "as_installed"), os.environ.get("PYTHONPATH")))),
    }
    with subprocess.Popen([sys.executable, "-m", "backend.server"], env=environment) as started:
        try:
            wait_until(lambda: listens(port), started)
            yield started, f"http://127.0.0.1:{port}"
        finally:
            started.kill()


def memory_kilobytes(pid: int, name: str = "VmRSS") -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_before_the_first_classification_the_server_takes_less_than_150_megabytes(
    process: tuple[subprocess.Popen[bytes], str],
) -> None:
    started, url = process
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        assert client.get("/docs").status_code == 200
        assert register(client).submit().status_code == 201
    assert memory_kilobytes(started.pid) < 150 * MEGABYTES


def test_uploads_do_not_add_up_in_memory(process: tuple[subprocess.Popen[bytes], str]) -> None:
    started, url = process
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        resident = register(client)
        resident.submit()
        before = memory_kilobytes(started.pid)
        for _ in range(6):
            answer = resident.submit(bytes(12 * 1024 * 1024))
            assert answer.json()["code"] == "unsupported_format"
            refused = resident.submit(bytes(60 * 1024 * 1024))
            assert refused.json()["code"] == "too_many_bytes"
    assert memory_kilobytes(started.pid, "VmHWM") - before < 90 * MEGABYTES
    assert memory_kilobytes(started.pid) - before < 40 * MEGABYTES


def test_what_is_half_uploaded_waits_on_disk_in_the_data_folder(
    process: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    started, url = process
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        resident = register(client)
        with raw_request(client, resident, BEGINNING + bytes(3 * 1024 * 1024), 10 * 1024 * 1024):
            wait_until(lambda: has_opened(started.pid, tmp_path / "uploads"), started)
            assert list((tmp_path / "uploads").iterdir()) == [], "it has no name, so nothing of it can be left behind"


def has_opened(pid: int, folder: Path) -> bool:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # It was closed while we looked.
            found.add(str(link.readlink()))
    return any(path.startswith(str(folder)) for path in found)


def test_sigterm_ends_it_although_somebody_holds_a_connection(process: tuple[subprocess.Popen[bytes], str]) -> None:
    started, url = process
    with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 0)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\n")
        started.send_signal(signal.SIGTERM)
        started.wait(PATIENCE_SECONDS)
    assert started.returncode in (0, -signal.SIGTERM)


def test_the_server_imports_neither_tensorflow_nor_a_decoder_nor_celery(tmp_path: Path) -> None:
    code = (
        "import sys; from backend.settings import Settings; from backend.server import configuration;"
        "configuration(Settings());"
        "heavy = {'tensorflow', 'keras', 'ai_edge_litert', 'celery', 'kombu', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    environment = {**os.environ, "WASTELENS_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=PATIENCE_SECONDS)


@pytest.fixture
def settings(migrated_sqlite: Path, tmp_path: Path) -> Settings:
    """On SQLite only: nothing here depends on the database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "wastelens.sqlite3")
    return Settings(data_dir=tmp_path)


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A server whose seconds are tenths; its limits leave room for an honest phone on a busy machine."""
    monkeypatch.setattr(SlowClientProtocol, "tick_seconds", 0.05)
    monkeypatch.setattr("backend.server.HEADER_SECONDS", 0.5)
    monkeypatch.setattr("backend.server.GRACE_SECONDS", 0.5)
    monkeypatch.setattr("backend.server.STALLED_SECONDS", 0.5)
    changes = {"slowest_bytes_per_second": 4_000, "request_deadline_seconds": 6.0}
    with running(settings.model_copy(update=changes)) as (client, _):
        yield client


def wait_until_closed(connection: socket.socket) -> None:
    """Send nothing more; raise `TimeoutError` if the other side keeps the connection all the same."""
    connection.settimeout(PATIENCE_SECONDS)
    with suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_headers_that_never_end_are_cut(impatient: httpx.Client, sent: bytes) -> None:
    with connect(impatient) as connection:
        with suppress(ConnectionError):  # On a busy machine it is cut before.
            connection.sendall(sent)
        wait_until_closed(connection)


def test_a_body_that_stops_is_cut(impatient: httpx.Client) -> None:
    with raw_request(impatient, register(impatient), b"--b\r\n", 100_000) as connection:
        wait_until_closed(connection)


def send_slowly(connection: socket.socket, body: bytes, bytes_per_second: int) -> bool:
    """Send `body` in pieces; return whether the other side took it all."""
    piece = bytes_per_second // 20
    try:
        for start in range(0, len(body), piece):
            connection.sendall(body[start : start + piece])
            time.sleep(0.05)
    except OSError:
        return False
    return True


def test_a_body_that_only_trickles_is_cut(impatient: httpx.Client) -> None:
    with raw_request(impatient, register(impatient), BEGINNING, 100_000) as connection:
        assert not send_slowly(connection, bytes(90_000), 1_000)


def test_a_body_that_takes_longer_than_any_may_is_cut(impatient: httpx.Client) -> None:
    with raw_request(impatient, register(impatient), BEGINNING, 1_000_000) as connection:
        assert not send_slowly(connection, bytes(900_000), 20_000)


def test_an_honest_phone_on_a_bad_network_gets_through(impatient: httpx.Client) -> None:
    body = multipart(pictures.jpeg("glass", size=(450, 330), quality=95))
    assert 20_000 < len(body) < 60_000
    with raw_request(impatient, register(impatient), b"", len(body)) as connection:
        assert send_slowly(connection, body, 20_000)
        connection.settimeout(PATIENCE_SECONDS)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")


def test_a_client_that_does_not_take_its_answer_is_cut(impatient: httpx.Client) -> None:
    with socket.socket() as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((impatient.base_url.host, impatient.base_url.port or 80))
        with suppress(ConnectionError):  # On a busy machine it is cut before it has asked for all.
            for _ in range(400):
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        assert is_cut(connection)


def is_cut(connection: socket.socket) -> bool:
    """Go on asking without taking an answer; return whether the other side ends it."""
    connection.setblocking(False)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        except BlockingIOError:
            pass
        except ConnectionError:
            return True
        time.sleep(0.05)
    return False


def test_slow_clients_do_not_keep_others_waiting(impatient: httpx.Client) -> None:
    slow = [connect(impatient) for _ in range(50)]
    for connection in slow:
        with suppress(ConnectionError):  # On a busy machine it is cut before.
            connection.sendall(b"PUT /v1/submissions/x HTTP/1.1\r\nContent-Length: 1000\r\n")
    assert impatient.get("/healthz").status_code == 200
    for connection in slow:
        connection.close()
