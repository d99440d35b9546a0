"""The database: engines and transactions.

Guarantees: SQLite runs in WAL mode, begins every transaction as a writer (`BEGIN IMMEDIATE`, so that a read that is
followed by a write never fails as locked), keeps foreign keys and syncs each commit to disk. Doorbells that a
transaction asked for ring after its commit and never without one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

_AFTER_COMMIT, _BEFORE_COMMIT = "after_commit", "before_commit"


def _check_storable(text: str) -> str:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("contains characters that cannot be stored")
    return text


Text = Annotated[str, AfterValidator(_check_storable)]
"""Text from outside that every database keeps: PostgreSQL takes no NUL, and nobody can encode half a surrogate pair."""
RowNumber = Annotated[int, Field(ge=1, lt=2**63)]
"""A number from outside that a row may have."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database; SQLite forgets zones, so it is stored without and read with UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime; use database.now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


def connect(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL `url`; the folder of a SQLite file is made if need be."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _configure_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction: commit at the end, roll back on an error; then call what `after_commit` collected."""
    with Session(engine, expire_on_commit=False) as session:
        with session.begin():
            yield session
            for last_act in session.info.pop(_BEFORE_COMMIT, {}).values():
                last_act(session)
        for callback in session.info.pop(_AFTER_COMMIT, []):
            callback()


def before_commit(session: Session, name: str, act: Callable[[Session], None]) -> None:
    """Let `act` be the last thing that the transaction does: for locks that nobody may wait with. Once for a `name`."""
    session.info.setdefault(_BEFORE_COMMIT, {})[name] = act


def after_commit(session: Session, callback: Callable[[], None]) -> None:
    """Run `callback` once the transaction of `session` has been committed, and not at all if it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(callback)
