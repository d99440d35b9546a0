"""What columns of releases said before is said by channels and rollouts after, and back again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text
from sqlmodel import select

from backend import migrations
from backend.database import connect, transaction
from backend.releasing import channels
from backend.tables import Release, Rollout
from mobile_models.updates.update_channel import ChannelPointer

BEFORE = "three_retraining_modes"
AFTER = "rollouts_and_channels"
THEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def old(database_url: str) -> Iterator[Engine]:
    migrations.upgrade(database_url, BEFORE)
    engine = connect(database_url)
    yield engine
    engine.dispose()


def add(connection: Connection, version: int, state: str, percent: float) -> None:
    """A release as it was written before; all but the first were made by a run."""
    if version == 1:
        connection.execute(
            text(
                "INSERT INTO dataset_snapshots (id, state, requested_by, created_at) VALUES (1, 'frozen', 'ada', :then)"
            ),
            {"then": THEN},
        )
    run = None if version == 1 else f"run-{version}"
    if run is not None:
        connection.execute(
            text(
                "INSERT INTO training_runs (id, state, recipe, mode, weights, seed, snapshot_id, trigger, "
                "requested_by, release_version, created_at) VALUES (:run, 'blessed', '{}', 'fine_tune', 'random', 1, "
                "1, 'hand', 'ada', :version, :then)"
            ),
            {"run": run, "version": version, "then": THEN},
        )
    published = None if state in ("proposed", "approved", "awaiting_signatures") else THEN
    connection.execute(
        text(
            "INSERT INTO releases (version, state, training_run_id, manifest, blessing, rollout_percent, salt, "
            "created_at, published_at) VALUES (:version, :state, :run, '{}', '{}', :percent, :salt, :then, :published)"
        ),
        {
            "version": version, "state": state, "run": run, "percent": percent, "salt": f"salt-{version}",
            "then": THEN, "published": published,
        },
    )  # fmt: skip


def upgraded(old: Engine, url: str, *rows: tuple[int, str, float]) -> dict[int, Rollout]:
    with old.begin() as connection:
        for row in rows:
            add(connection, *row)
    migrations.upgrade(url)
    with transaction(old) as session:
        return {row.version: row for row in session.exec(select(Rollout))}


def told(engine: Engine) -> ChannelPointer:
    with transaction(engine) as session:
        return channels.pointers(session)["stable"]


def test_a_city_in_the_middle_of_a_rollout_goes_on_with_it(old: Engine, database_url: str) -> None:
    rows = [(1, "published", 100), (2, "published", 100), (3, "halted", 20), (4, "published", 25), (5, "proposed", 0)]
    rollouts = upgraded(old, database_url, *rows)
    assert {version: row.state for version, row in rollouts.items()} == {2: "completed", 3: "halted", 4: "running"}
    pointer = told(old)
    assert pointer.candidate is not None
    assert (pointer.current, pointer.candidate.version, pointer.candidate.rollout_percent) == (2, 4, 25)
    assert pointer.candidate.salt == "salt-4", "nobody leaves the cohort"
    assert (rollouts[2].came_from, rollouts[4].came_from, rollouts[4].started_at) == (1, 2, THEN)
    with transaction(old) as session:
        states = {row.version: row.state for row in session.exec(select(Release))}
    assert states == {1: "published", 2: "published", 3: "published", 4: "published", 5: "proposed"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ChannelPointer(return_to_bundled=True)),
        ([(1, "published", 100)], ChannelPointer(current=1)),
        ([(1, "published", 100), (2, "withdrawn", 100)], ChannelPointer(return_to_bundled=True)),
        ([(1, "published", 100), (2, "approved", 100)], ChannelPointer(current=2)),
        ([(1, "published", 100), (2, "withdrawn", 5), (3, "published", 100)], ChannelPointer(current=3)),
    ],
)
def test_phones_are_told_the_same_after_it(
    old: Engine, database_url: str, rows: list[tuple[int, str, float]], expected: ChannelPointer
) -> None:
    upgraded(old, database_url, *rows)
    assert told(old) == expected


def test_the_columns_come_back_with_what_rollouts_say(old: Engine, database_url: str) -> None:
    upgraded(old, database_url, (1, "published", 100), (2, "published", 100), (3, "halted", 20), (4, "published", 25))
    migrations.downgrade(database_url, BEFORE)
    with old.connect() as connection:
        found = connection.execute(
            text("SELECT version, state, rollout_percent, salt FROM releases WHERE version > 1 ORDER BY version")
        ).all()
    assert [tuple(row) for row in found] == [
        (2, "published", 100, "salt-2"), (3, "halted", 20, "salt-3"), (4, "published", 25, "salt-4"),
    ]  # fmt: skip
    migrations.upgrade(database_url)
    assert told(old).versions == {2, 4}


def test_approvals_of_before_are_kept(old: Engine, database_url: str) -> None:
    with old.begin() as connection:
        add(connection, 1, "published", 100)
        statement = (
            "INSERT INTO staff (id, name, password_hash, role, created_at) VALUES (1, 'ada', '!', 'engineer', :t)"
        )
        connection.execute(text(statement), {"t": THEN})
        connection.execute(
            text("INSERT INTO release_approvals (version, staff_id, created_at) VALUES (1, 1, :t)"), {"t": THEN}
        )
        detail = json.dumps({"reason": "better"})
        connection.execute(
            text(
                "INSERT INTO audit_events (at, actor, action, subject, detail) "
                "VALUES (:t, 'ada', 'release.approved', 'release/1', :detail)"
            ),
            {"t": THEN, "detail": detail},
        )
    migrations.upgrade(database_url, AFTER)
    with old.connect() as connection:
        assert connection.execute(text("SELECT version, reason FROM release_approvals")).all() == [(1, "")]
        assert len(connection.execute(text("SELECT id FROM audit_events")).all()) == 1
