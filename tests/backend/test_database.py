"""Transactions, times and the start of the embedded database, on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import StatementError
from sqlmodel import Session, SQLModel, select

from backend.database import after_commit, connect, transaction
from backend.tables import Device, Schedule


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_a_transaction_that_fails_leaves_nothing_and_rings_no_bell(engine: Engine) -> None:
    rung: list[str] = []
    with pytest.raises(RuntimeError, match="late failure"), transaction(engine) as session:
        session.add(Device(token_sha256="a"))
        after_commit(session, lambda: rung.append("bell"))
        raise RuntimeError("late failure")
    assert rung == []
    with transaction(engine) as session:
        assert session.exec(select(Device)).all() == []


def test_a_bell_rings_only_once_the_row_can_be_seen_by_others(engine: Engine) -> None:
    seen: list[int] = []

    def look() -> None:
        with Session(engine) as other:
            seen.append(len(other.exec(select(Device)).all()))

    with transaction(engine) as session:
        session.add(Device(token_sha256="a"))
        after_commit(session, look)
        assert seen == []
    assert seen == [1]


def test_times_come_back_in_utc_whatever_zone_they_were_written_in(engine: Engine) -> None:
    in_tokyo = datetime(2026, 5, 1, 9, 30, tzinfo=timezone(timedelta(hours=9)))
    with transaction(engine) as session:
        session.add(Schedule(name="x", due_at=in_tokyo))
    with transaction(engine) as session:
        found = session.get_one(Schedule, "x").due_at
    assert found == in_tokyo
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="naive datetime"), transaction(engine) as session:
        session.add(Schedule(name="x", due_at=datetime(2026, 5, 1)))
        session.flush()


def test_writers_who_read_first_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(Schedule(name="0", due_at=datetime(2026, 1, 1, tzinfo=UTC)))

    def add_one_hour_ten_times() -> None:
        for _ in range(10):
            with transaction(engine) as session:
                row = session.exec(select(Schedule).with_for_update()).one()
                row.due_at += timedelta(hours=1)

    threads = [threading.Thread(target=add_one_hour_ten_times) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction(engine) as session:
        assert session.get_one(Schedule, "0").due_at == datetime(2026, 1, 3, 12, tzinfo=UTC)


def test_sqlite_runs_in_wal_mode_with_foreign_keys_and_full_sync(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new' / 'folder' / 'db.sqlite3'}")
    with engine.connect() as connection:
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
        assert found == ["wal", 1]
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    engine.dispose()
