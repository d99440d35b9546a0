"""The real migrations, on SQLite and PostgreSQL."""

import subprocess
import sys

import pytest
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from backend import migrations
from backend.database import connect, transaction
from backend.tables import Device


def tables(url: str) -> set[str]:
    engine = connect(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_program(database_url: str) -> None:
    migrations.upgrade(database_url)
    assert tables(database_url) == set(SQLModel.metadata.tables)
    migrations.check(database_url)


def test_a_table_that_was_changed_by_hand_is_noticed(database_url: str) -> None:
    migrations.upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE devices ADD COLUMN nickname VARCHAR"))
    engine.dispose()
    with pytest.raises(Exception, match="nickname"):
        migrations.check(database_url)


def test_migrations_go_down_and_up_again(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.downgrade(database_url, "base")
    assert tables(database_url) == set()
    migrations.upgrade(database_url)
    migrations.check(database_url)


def test_upgrading_twice_keeps_what_is_there(database_url: str) -> None:
    migrations.upgrade(database_url)
    engine = connect(database_url)
    with transaction(engine) as session:
        session.add(Device(id="kept", token_sha256="x"))
    migrations.upgrade(database_url)
    with transaction(engine) as session:
        assert session.get(Device, "kept") is not None
    engine.dispose()


def test_two_processes_that_upgrade_at_once_do_it_once(database_url: str) -> None:
    code = f"from backend import migrations; migrations.upgrade({database_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    migrations.check(database_url)


def test_a_database_without_its_migrations_is_not_current(database_url: str) -> None:
    engine = connect(database_url)
    assert not migrations.is_current(engine)
    migrations.upgrade(database_url)
    assert migrations.is_current(engine)
    engine.dispose()
