"""Migrations of the database, run by the program itself before it starts.

Guarantees: `upgrade` brings an empty or older database to this version in one transaction, any number of processes
may call it at once (in each, one thread: Alembic is global), and calling it again changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from alembic import command
from backend.database import connect

_CONFIGURATION = Path(__file__).resolve().parent.parent / "alembic.ini"


def upgrade(database_url: str, revision: str = "head") -> None:
    with connection(database_url) as given:
        command.upgrade(_configuration(given), revision)


def downgrade(database_url: str, revision: str) -> None:
    with connection(database_url) as given:
        command.downgrade(_configuration(given), revision)


def check(database_url: str) -> None:
    """Raise `alembic.util.CommandError` if the tables in `backend.tables` differ from the migrated database."""
    with connection(database_url) as given:
        command.check(_configuration(given))


def is_current(engine: Engine) -> bool:
    """Whether the database has exactly the migrations that this version of the program knows."""
    heads = set(ScriptDirectory.from_config(Config(_CONFIGURATION)).get_heads())
    with engine.connect() as given:
        return set(MigrationContext.configure(given).get_current_heads()) == heads


@contextmanager
def connection(database_url: str) -> Iterator[Connection]:
    """A connection for migrations. SQLite changes a table by building it anew, which foreign keys would forbid."""
    engine = connect(database_url)
    try:
        with engine.connect() as given:
            if engine.dialect.name == "sqlite":
                given.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            yield given
    finally:
        engine.dispose()


def _configuration(given: Connection) -> Config:
    configuration = Config(_CONFIGURATION)
    configuration.attributes["connection"] = given
    return configuration
