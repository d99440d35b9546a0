"""Channels, rollouts and a history that nobody can change take over from the columns of releases.

Revision ID: rollouts_and_channels
Revises: three_retraining_modes
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "rollouts_and_channels"
down_revision = "three_retraining_modes"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CHANNELS = ("stable", "beta")
APPEND_ONLY = ("audit_events", "published_pointers")
UNDER_WAY = ("approved", "awaiting_signatures", "published")
IS_OPEN = sa.text("state IN ('running', 'paused')")
RELEASE_ROWS = sa.table(
    "releases",
    sa.column("version", sa.Integer),
    sa.column("state", sa.String),
    sa.column("training_run_id", sa.String),
    sa.column("rollout_percent", sa.Float),
    sa.column("salt", sa.String),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("published_at", sa.DateTime(timezone=True)),
)
CHANNEL_ROWS = sa.table(
    "release_channels",
    sa.column("name", sa.String),
    sa.column("current_version", sa.Integer),
    sa.column("return_to_bundled", sa.Boolean),
)
ROLLOUT_ROWS = sa.table(
    "rollouts",
    sa.column("id", sa.Integer),
    sa.column("channel", sa.String),
    sa.column("version", sa.Integer),
    sa.column("state", sa.String),
    sa.column("rollout_percent", sa.Float),
    sa.column("plan", sa.JSON),
    sa.column("salt", sa.String),
    sa.column("conditions", sa.JSON),
    sa.column("came_from", sa.Integer),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("started_at", sa.DateTime(timezone=True)),
    sa.column("stage_started_at", sa.DateTime(timezone=True)),
    sa.column("ended_at", sa.DateTime(timezone=True)),
    sa.column("reason", sa.String),
    sa.column("judgement", sa.String),
)


def upgrade() -> None:
    give_up_waiting_for_locks()
    _make_tables()
    with op.batch_alter_table("release_approvals") as table:
        table.add_column(sa.Column("reason", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("release_approvals") as table:
        table.alter_column("reason", server_default=None, existing_type=sa.String())
    op.add_column("releases", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    _bring_over()
    with op.batch_alter_table("releases") as table:
        table.drop_column("rollout_percent")
        table.drop_column("salt")
    for name in APPEND_ONLY:
        _forbid_changes(name)


def downgrade() -> None:
    give_up_waiting_for_locks()
    for name in APPEND_ONLY:
        _allow_changes(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_to_change_history()")
    with op.batch_alter_table("releases") as table:
        table.add_column(sa.Column("rollout_percent", sa.Float(), nullable=False, server_default="0"))
        table.add_column(sa.Column("salt", sa.String(), nullable=False, server_default=""))
        table.drop_column("retired_at")
    _bring_back()
    with op.batch_alter_table("releases") as table:
        table.alter_column("rollout_percent", server_default=None, existing_type=sa.Float())
        table.alter_column("salt", server_default=None, existing_type=sa.String())
    with op.batch_alter_table("release_approvals") as table:
        table.drop_column("reason")
    for name in ("published_pointers", "rollouts", "release_channels"):
        op.drop_table(name)


def _make_tables() -> None:
    op.create_table(
        "release_channels",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=True),
        sa.Column("return_to_bundled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_release_channels")),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("version", ROW_ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("rollout_percent", sa.Float(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("came_from", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("judgement", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["release_channels.name"], name=op.f("fk_rollouts_channel")),
        sa.ForeignKeyConstraint(["version"], ["releases.version"], name=op.f("fk_rollouts_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    op.create_index(op.f("ix_rollouts_state"), "rollouts", ["state"])
    op.create_index(op.f("ix_rollouts_version"), "rollouts", ["version"])
    op.create_index(
        "uq_rollouts_open_channel",
        "rollouts",
        ["channel"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_table(
        "published_pointers",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("pointer", sa.JSON(), nullable=False),
        sa.Column("metadata_versions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["release_channels.name"], name=op.f("fk_published_pointers_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_pointers")),
    )
    op.create_index(op.f("ix_published_pointers_channel"), "published_pointers", ["channel"])


def _bring_over() -> None:
    """Say with rows what followed from the columns: everybody runs the newest release that is at 100 %."""
    rows = _releases()
    whole = [row for row in rows if row["state"] == "published" and row["rollout_percent"] >= 100]
    current = whole[-1]["version"] if whole else None
    under_way = [row for row in rows if row["state"] in UNDER_WAY and row["version"] > (current or 0)]
    candidate = under_way[-1]["version"] if under_way else None
    taken_back = any(row["published_at"] is not None and row["state"] not in UNDER_WAY for row in rows)
    bundled = bool(whole) and whole[-1]["training_run_id"] is None
    op.bulk_insert(
        CHANNEL_ROWS,
        [
            # After a release was taken back, phones were told to go back to what they carry.
            {"name": name, "current_version": None if bundled and taken_back else current, "return_to_bundled": False}
            for name in CHANNELS
        ],
    )
    for row in rows:
        state = _rollout_state(row, candidate)
        if state is not None and row["training_run_id"] is not None:
            before = [each["version"] for each in whole if each["version"] < row["version"]]
            op.bulk_insert(ROLLOUT_ROWS, [_rollout(row, state, before[-1] if before else None)])
    op.execute("UPDATE releases SET state = 'published' WHERE state = 'halted'")


def _rollout_state(row: dict[str, Any], candidate: int | None) -> str | None:
    if row["version"] == candidate:
        return "running"
    if row["state"] == "published" and row["rollout_percent"] >= 100:
        return "completed"
    if row["state"] in UNDER_WAY or row["state"] == "halted":
        return "halted"
    return "withdrawn" if row["state"] == "withdrawn" and row["rollout_percent"] > 0 else None


def _rollout(row: dict[str, Any], state: str, came_from: int | None) -> dict[str, Any]:
    """A rollout of before has no plan: people go on widening it."""
    return {
        "channel": "stable",
        "version": row["version"],
        "state": state,
        "rollout_percent": row["rollout_percent"],
        "plan": [{"percent": row["rollout_percent"], "hours": 0.0}],
        "salt": row["salt"],
        "conditions": {},
        "came_from": came_from,
        "created_at": row["created_at"],
        "started_at": row["published_at"],
        "stage_started_at": row["published_at"],
        "ended_at": None if state == "running" else row["published_at"],
        "reason": "",
        "judgement": "",
    }


def _bring_back() -> None:
    """What only rollouts can say is lost: beta, plans, and all but the newest rollout of a release."""
    op.execute(RELEASE_ROWS.update().where(RELEASE_ROWS.c.training_run_id.is_(None)).values(rollout_percent=100.0))
    stable = sa.select(ROLLOUT_ROWS).where(ROLLOUT_ROWS.c.channel == "stable").order_by(ROLLOUT_ROWS.c.id)
    for row in op.get_bind().execute(stable).mappings().all():
        release = RELEASE_ROWS.update().where(RELEASE_ROWS.c.version == row["version"])
        op.execute(release.values(rollout_percent=row["rollout_percent"], salt=row["salt"]))
        if row["state"] == "halted":
            op.execute(release.where(RELEASE_ROWS.c.state == "published").values(state="halted"))


def _releases() -> list[dict[str, Any]]:
    rows = op.get_bind().execute(sa.select(RELEASE_ROWS).order_by(RELEASE_ROWS.c.version)).mappings()
    return [dict(row) for row in rows]


def _forbid_changes(table: str) -> None:
    """Append-only, whoever asks: not even this program can change or delete a row of history."""
    if _is_sqlite():
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is history and only ever grows'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is history and only ever grows', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuse_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history()"
    )


def _allow_changes(table: str) -> None:
    if _is_sqlite():
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_refuse_{act}")
    else:
        op.execute(f"DROP TRIGGER {table}_refuse_changes ON {table}")


def _is_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
