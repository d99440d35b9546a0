"""Second factors, passkeys, single sign-on; sessions that say where they come from; a chain through the history.

Everybody signs in once more: sessions of before do not say how they were opened.

Revision ID: staff_sign_in
Revises: staff_areas
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "staff_sign_in"
down_revision = "staff_areas"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
AT_ONCE = 1000
EVENT_ROWS = sa.table(
    "audit_events",
    sa.column("id", sa.BigInteger),
    sa.column("at", MOMENT),
    sa.column("actor", sa.String),
    sa.column("action", sa.String),
    sa.column("subject", sa.String),
    sa.column("detail", sa.JSON),
)
LINK_ROWS = sa.table(
    "audit_links",
    sa.column("number", sa.BigInteger),
    sa.column("event_id", sa.BigInteger),
    sa.column("sha256", sa.String),
)


def upgrade() -> None:
    give_up_waiting_for_locks()
    with op.batch_alter_table("staff") as table:
        table.add_column(sa.Column("subject", sa.String(), nullable=True))
        table.create_unique_constraint(op.f("uq_staff_subject"), ["subject"])
    _make_sessions()
    _make_factors()
    _make_tickets()
    _make_chain()


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.drop_index(op.f("ix_audit_events_actor"), "audit_events")
    for name in ("audit_links", "staff_tickets", "staff_passkeys", "staff_backup_codes", "staff_codes"):
        op.drop_table(name)
    op.drop_table("staff_sessions")
    op.create_table(
        "staff_sessions",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_staff_sessions")),
    )
    op.create_index(op.f("ix_staff_sessions_staff_id"), "staff_sessions", ["staff_id"])
    with op.batch_alter_table("staff") as table:
        table.drop_constraint(op.f("uq_staff_subject"), type_="unique")
        table.drop_column("subject")


def _make_sessions() -> None:
    op.drop_table("staff_sessions")
    op.create_table(
        "staff_sessions",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_staff_sessions")),
    )
    op.create_index(op.f("ix_staff_sessions_staff_id"), "staff_sessions", ["staff_id"])


def _make_factors() -> None:
    op.create_table(
        "staff_codes",
        sa.Column("staff_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("sealed_secret", sa.String(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_codes_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_staff_codes")),
    )
    op.create_table(
        "staff_backup_codes",
        sa.Column("staff_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("code_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_backup_codes_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "code_sha256", name=op.f("pk_staff_backup_codes")),
    )
    op.create_table(
        "staff_passkeys",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_passkeys_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_staff_passkeys_credential_id")),
    )
    op.create_index(op.f("ix_staff_passkeys_staff_id"), "staff_passkeys", ["staff_id"])


def _make_tickets() -> None:
    op.create_table(
        "staff_tickets",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_tickets_staff_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_staff_tickets")),
    )
    op.create_index(op.f("ix_staff_tickets_staff_id"), "staff_tickets", ["staff_id"])
    op.create_index(op.f("ix_staff_tickets_expires_at"), "staff_tickets", ["expires_at"])


def _make_chain() -> None:
    op.create_index(op.f("ix_audit_events_actor"), "audit_events", ["actor"])
    op.create_table(
        "audit_links",
        sa.Column("number", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("event_id", ROW_ID, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["audit_events.id"], name=op.f("fk_audit_links_event_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_links")),
        sa.UniqueConstraint("event_id", name=op.f("uq_audit_links_event_id")),
    )
    _chain_what_is_there()
    _forbid_changes("audit_links")


def _chain_what_is_there() -> None:
    previous, number, after = "0" * 64, 0, 0
    while page := _events(after):
        links = []
        for row in page:
            number += 1
            previous = _link_of(previous, number, row)
            links.append({"number": number, "event_id": row["id"], "sha256": previous})
        op.bulk_insert(LINK_ROWS, links)
        after = page[-1]["id"]


def _events(after: int) -> list[dict[str, Any]]:
    page = sa.select(EVENT_ROWS).where(EVENT_ROWS.c.id > after).order_by(EVENT_ROWS.c.id).limit(AT_ONCE)
    return [dict(row) for row in op.get_bind().execute(page).mappings()]


def _link_of(previous: str, number: int, row: dict[str, Any]) -> str:
    content = row | {"at": _in_utc(row["at"]), "number": number, "previous": previous}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _in_utc(moment: datetime) -> str:
    """SQLite stores UTC without saying so."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="microseconds")


def _forbid_changes(table: str) -> None:
    """Append-only, as `audit_events` is since the revision `rollouts_and_channels`, which made the function."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is history and only ever grows'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_refuse_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history()"
    )


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
