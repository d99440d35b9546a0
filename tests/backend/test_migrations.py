"""The real migrations, on SQLite and PostgreSQL."""

import subprocess
import sys

import pytest
from sqlalchemy import inspect, text
from sqlmodel import SQLModel, select

from backend import migrations
from backend.database import connect, transaction
from backend.tables import Device, TrainingMode, TrainingRun
from tests.waiting import PATIENCE_SECONDS


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


def test_runs_from_scratch_of_before_stay_runs_on_all_photos(database_url: str) -> None:
    migrations.upgrade(database_url, "first_tables")
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dataset_snapshots (id, state, requested_by, created_at) "
                "VALUES (1, 'requested', 'ada', '2026-11-21 12:00:00+00:00')"
            )
        )
        for number, mode in enumerate(["from_scratch", "fine_tune"]):
            connection.execute(
                text(
                    "INSERT INTO training_runs (id, state, recipe, mode, weights, seed, snapshot_id, trigger, "
                    "requested_by, release_version, created_at) VALUES (:id, 'blessed', '{}', :mode, 'random', 1, 1, "
                    "'hand', 'ada', :number, '2026-11-21 12:00:00+00:00')"
                ),
                {"id": mode, "mode": mode, "number": number},
            )
    migrations.upgrade(database_url)
    with transaction(engine) as session:
        modes = {run.id: run.mode for run in session.exec(select(TrainingRun))}
    assert modes == {"from_scratch": TrainingMode.FROM_SCRATCH_ALL, "fine_tune": TrainingMode.FINE_TUNE}
    migrations.downgrade(database_url, "first_tables")
    with engine.begin() as connection:
        stored = connection.execute(text("SELECT id, mode FROM training_runs")).all()
    assert all(run_id == mode for run_id, mode in stored)
    engine.dispose()


def test_two_processes_that_upgrade_at_once_do_it_once(database_url: str) -> None:
    code = f"from backend import migrations; migrations.upgrade({database_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(PATIENCE_SECONDS) for process in processes] == [0, 0, 0]
    migrations.check(database_url)


def test_a_database_without_its_migrations_is_not_current(database_url: str) -> None:
    engine = connect(database_url)
    assert not migrations.is_current(engine)
    migrations.upgrade(database_url)
    assert migrations.is_current(engine)
    engine.dispose()
