"""What the console's pages cost with 200,000 photos in PostgreSQL, and that none of them reads a whole table.

    python benchmarks/console_at_scale.py [--photos 200000] [--rounds 100] [--clients 2] [--no-comparison]

It starts PostgreSQL (from the package that tests use, without any set-up), makes photos with predictions, corrections,
reviews and notes as a city would have after three years, and asks a real server (`python -m backend.server`, one
process) over HTTP. It ends with 1 where the 95th percentile of a question is 200 ms or more, or where EXPLAIN shows a
sequential scan of a table with more than `BIG` rows for any statement that a question runs. Then every index that is
no key is dropped, and the same is asked again, for the ratio. Pictures themselves are not asked for.

Clients, server and database share the cores of this machine with whatever else runs here. Where that is much, the
times on the wall tell little; so `computing` says how long server and database themselves computed for one answer.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import event

from backend import migrations
from backend.console import safety
from backend.database import connect, transaction
from backend.people import staff_sessions
from backend.people.staff_sessions import Origin
from backend.settings import Settings
from backend.tables import Role, SignInWay, Staff
from tests.backend import staff_world
from tests.backend.world import running
from tests.services import Postgres, free_port, run_postgres

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).with_suffix(".sql")
MOST_MILLISECONDS = 200
BIG = 5_000
SMALL_ROUNDS = 2
"""Without indexes everything is slow: fewer rounds tell it."""
LONGEST_STATEMENT_SECONDS = 3
"""Without indexes some would go on for minutes: they are cut, and the ratio is at least what is printed."""


@dataclass
class Desk:
    """Somebody of the staff before the server."""

    client: httpx.Client
    token: str
    held: list[str] = field(default_factory=list)

    def page(self, path: str, form: dict[str, str] | None = None) -> httpx.Response:
        headers = {"Cookie": f"wastelens={self.token}", safety.HEADER: safety.secret_of(self.token)}
        method = "GET" if form is None else "POST"
        return _checked(self.client.request(method, path, data=form, headers=headers))

    def api(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        method = "GET" if body is None else "POST"
        return _checked(self.client.request(method, path, json=body, headers=headers))

    def claim(self) -> httpx.Response:
        answer = self.api("/v1/review/claims", {"count": 1})
        self.held = [each["photo_id"] for each in answer.json()["items"]]
        return answer

    def say(self) -> httpx.Response:
        return self.api(f"/v1/review/photos/{self.held[0]}/verdict", {"verdict": "relabel", "label": "glass"})


class Failed(Exception):
    """The server answered with an error."""


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 400:
        raise Failed(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}")
    return answer


def _page(path: str) -> Callable[[Desk], httpx.Response]:
    return lambda desk: desk.page(path)


def _days_ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


_DATA = "/console/data"
ASKS: dict[str, Callable[[Desk], httpx.Response]] = {
    "first page": _page("/console"),
    "queue, page": _page("/console/review"),
    "queue, JSON": lambda desk: desk.api("/v1/review/queue"),
    "claim one": Desk.claim,
    "verdict": Desk.say,
    "claim six, with their page": lambda desk: desk.page("/console/review/batch", {"count": "6"}),
    "search: all": _page(_DATA),
    "search: label": _page(f"{_DATA}?gold=metal"),
    "search: label and place": _page(f"{_DATA}?predicted=glass&place=district-07"),
    "search: corrected, half a year": _page(f"{_DATA}?corrected=paper&since={_days_ago(300)}&until={_days_ago(120)}"),
    "search: disagrees": _page(f"{_DATA}?disagrees=yes"),
    "search: release and confidence": _page(f"{_DATA}?release=4&least=40&most=50"),
    "search: hidden, of a split": _page(f"{_DATA}?state=inspected&split=holdout&source=submission"),
    "search: word of a note": _page(f"{_DATA}?text=bottle"),
    "search: rare word": _page(f"{_DATA}?text=chandelier"),
    "search: nothing fits": _page(f"{_DATA}?gold=metal&corrected=glass&place=nowhere"),
    "map and curves: 90 days": _page(f"{_DATA}/map"),
    "map and curves: a label": _page(f"{_DATA}/map?gold=metal&step=day"),
    "map and curves: a district, 1 year": _page(f"{_DATA}/map?place=district-07&since={_days_ago(365)}"),
    "map and curves: 1 year": _page(f"{_DATA}/map?since={_days_ago(365)}"),
    "map for the script": _page(f"{_DATA}/map.json"),
    "samples": _page("/console/service/refresh"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--no-comparison", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_postgres() as postgres:
        city = City(postgres, Path(folder))
        city.fill(given.photos)
        tokens = city.hire(given.rounds + SMALL_ROUNDS + 1)
        print(f"{os.cpu_count()} cores for all, load before: {os.getloadavg()[0]:.1f}, {given.clients} clients at once")
        scans = city.scans(tokens[-1])
        with city.server() as server:
            times = measured(server, tokens[: given.rounds], given.clients)
            bad = print_table(times, scans)
        if not given.no_comparison:
            print(f"\n{len(city.drop_indexes())} indexes dropped; what is left keeps keys unique")
            with city.server(LONGEST_STATEMENT_SECONDS) as server:
                print_comparison(times, measured(server, tokens[given.rounds : -1], given.clients))
        sys.exit(int(bad))


@dataclass(frozen=True)
class City:
    postgres: Postgres
    folder: Path
    name: str = "city"

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.folder / "var", database_url=self.postgres.url(self.name))

    def fill(self, photos: int) -> None:
        self._execute(f"CREATE DATABASE {self.name} TEMPLATE template0", database="postgres")
        migrations.upgrade(self.settings.database_url)
        started = time.monotonic()
        indexes = self.drop_indexes()  # Filling whole tables first is quicker.
        self._execute(ROWS.read_text().replace(":photos", str(photos)))
        for made in indexes:
            self._execute(made)
        self._execute("VACUUM ANALYZE")
        print(f"{photos:,} photos made in {time.monotonic() - started:.0f} s, {self._size()}")

    def hire(self, number: int) -> list[str]:
        """Let so many engineers, who may all of this, sign in."""
        engine = connect(self.settings.database_url)
        with transaction(engine) as session:
            people = [staff_world.person(session, f"desk {each}", Role.ENGINEER) for each in range(number)]
            tokens = [
                staff_sessions.open_session(
                    session, self.settings, session.get_one(Staff, each.id), SignInWay.PASSWORD, Origin()
                ).token
                for each in people
            ]
        engine.dispose()
        return tokens

    def scans(self, token: str) -> dict[str, list[str]]:
        """Return what each question reads whole, by EXPLAIN of every statement that it runs."""
        with running(self.settings) as (client, parts), self._connect() as database:
            seen: list[tuple[str, Any]] = []
            event.listen(parts.engine, "before_cursor_execute", lambda *given: seen.append((given[2], given[3])))
            desk, found = Desk(client, token), {}
            for name, ask in ASKS.items():
                seen.clear()
                ask(desk)
                found[name] = [
                    each for statement, values in list(seen) for each in self._whole(database, statement, values)
                ]
        return found

    @contextmanager
    def server(self, longest_statement_seconds: int = 0) -> Iterator["Server"]:
        port = free_port()
        environment = {
            **os.environ,
            "WASTELENS_DATA_DIR": str(self.folder / "var"),
            "WASTELENS_DATABASE_URL": self.settings.database_url,
            "WASTELENS_PORT": str(port),
            "PGOPTIONS": f"-c statement_timeout={longest_statement_seconds}s",
        }
        with (self.folder / "server.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "backend.server"], env=environment, cwd=ROOT, stderr=log)
            try:
                database = int((self.postgres.socket_dir / "data" / "postmaster.pid").read_text().split()[0])
                yield Server(_ready(f"http://127.0.0.1:{port}", process), (process.pid, database))
            except RuntimeError:
                print((self.folder / "server.log").read_text()[-6000:], file=sys.stderr)
                raise
            finally:
                process.terminate()
                process.wait(30)

    def drop_indexes(self) -> list[str]:
        """All but those that keep keys unique; return how each was made."""
        found = (
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
            "JOIN pg_class ON oid = indrelid WHERE relnamespace = 'public'::regnamespace AND NOT indisunique"
        )
        with self._connect() as database:
            indexes = database.execute(found).fetchall()
            for name, _ in indexes:
                database.execute(f"DROP INDEX {name}")
        return [made for _, made in indexes]

    def _whole(self, database: "psycopg.Connection[Any]", statement: str, values: Any) -> list[str]:
        if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            return []
        with psycopg.ClientCursor(database) as cursor:
            plan = cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()
        assert plan is not None
        big = {row[0] for row in database.execute(f"SELECT relname FROM pg_class WHERE reltuples > {BIG}")}  # noqa: S608
        return [
            f"{table}: {' '.join(statement.split())[:400]}" for table in _scanned(plan[0][0]["Plan"]) if table in big
        ]

    def _size(self) -> str:
        with self._connect() as database:
            row = database.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
        assert row is not None
        return str(row[0])

    def _execute(self, statement: str, database: str | None = None) -> None:
        with self._connect(database) as connection:
            connection.execute(statement)

    def _connect(self, database: str | None = None) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=str(self.postgres.socket_dir), user="postgres", dbname=database or self.name, autocommit=True
        )


@dataclass(frozen=True)
class Server:
    address: str
    process_ids: tuple[int, ...]
    """Its own, and that of the database."""

    def computed_seconds(self) -> float:
        """Of all of them and of their children, those that have ended too (proc_pid_stat(5), fields 14 to 17)."""
        ticks = 0
        for process in self.process_ids:
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
            ticks += sum(_ticks(process, 4))
            for child in children:
                with suppress(FileNotFoundError):  # It has ended a moment ago, and counts with the ended ones.
                    ticks += sum(_ticks(int(child), 2))
        return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int, fields: int) -> list[int]:
    found = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [int(each) for each in found[11 : 11 + fields]]


def _scanned(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for each in node.get("Plans", ()):
        yield from _scanned(each)


def _ready(address: str, process: "subprocess.Popen[bytes]") -> str:
    while process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/healthz").raise_for_status()
            return address
        time.sleep(0.1)
    raise RuntimeError(f"the server ended with {process.returncode}")


@dataclass(frozen=True)
class Measured:
    """Milliseconds of each answer on the wall, and of computing for one on average."""

    wall: list[float]
    computing: float

    @property
    def median(self) -> float:
        return statistics.median(self.wall)

    @property
    def percentile_95(self) -> float:
        return statistics.quantiles(self.wall, n=20, method="inclusive")[-1]


def _milliseconds(ask: Callable[[Desk], httpx.Response], desk: Desk) -> float:
    """Return nothing less than infinity for a statement that was cut, and what cannot be asked because of it."""
    try:
        return 1000 * ask(desk).elapsed.total_seconds()
    except (Failed, IndexError):
        return math.inf


def measured(server: Server, tokens: list[str], clients: int) -> dict[str, Measured]:
    """Ask each question once with each token."""
    found: dict[str, Measured] = {}
    with httpx.Client(base_url=server.address, timeout=120) as client, ThreadPoolExecutor(clients) as pool:
        desks = [Desk(client, token) for token in tokens]
        for ask in ASKS.values():  # The first time templates are compiled and statements prepared.
            _milliseconds(ask, desks[0])
        for name, ask in ASKS.items():
            before = server.computed_seconds()
            wall = list(pool.map(lambda desk, ask=ask: _milliseconds(ask, desk), desks))
            found[name] = Measured(wall, 1000 * (server.computed_seconds() - before) / len(desks))
    return found


def print_table(times: dict[str, Measured], scans: dict[str, list[str]]) -> bool:
    """Return whether anything is too slow or reads a whole table."""
    print(f"\n{'milliseconds':<36}{'median':>9}{'95 %':>9}{'computing':>11}  whole tables")
    slow = {name for name, each in times.items() if each.percentile_95 >= MOST_MILLISECONDS}
    for name, each in times.items():
        verdict = f"{len(scans[name]) or 'none'}" + "  TOO SLOW" * (name in slow)
        print(f"{name:<36}{each.median:>9.1f}{each.percentile_95:>9.1f}{each.computing:>11.1f}  {verdict}")
    for name, found in scans.items():
        for each in found:
            print(f"\nREADS A WHOLE TABLE: {name}: {each}")
    return bool(slow) or any(scans.values())


def print_comparison(times: dict[str, Measured], slower: dict[str, Measured]) -> None:
    print(f"\n{'milliseconds of computing':<36}{'with':>9}{'without':>11}{'ratio':>9}")
    for name, each in times.items():
        other = slower[name].computing
        more = ">" if math.inf in slower[name].wall else " "
        print(f"{name:<36}{each.computing:>9.1f}{more:>3}{other:>8.1f}{other / each.computing:>9.1f}")


if __name__ == "__main__":
    main()
