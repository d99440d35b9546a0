"""Field reports are counted, and staff are told.

Revision ID: field_reports
Revises: rollouts_and_channels
"""

import sqlalchemy as sa
from alembic import op

revision = "field_reports"
down_revision = "rollouts_and_channels"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.create_table(
        "field_receipts",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_field_receipts")),
    )
    op.create_index(op.f("ix_field_receipts_day"), "field_receipts", ["day"])
    op.create_table(
        "field_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("version", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "channel", "version", "arm", "name", name=op.f("pk_field_days")),
    )
    op.create_table(
        "field_weeks",
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("version", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("phone_model", sa.String(), nullable=False),
        sa.Column("app_version", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("week", "version", "phone_model", "app_version", "name", name=op.f("pk_field_weeks")),
    )
    op.create_index("ix_field_weeks_version", "field_weeks", ["version"])
    op.create_index("ix_field_weeks_week_phone_model", "field_weeks", ["week", "phone_model"])
    op.create_index("ix_field_weeks_week_app_version", "field_weeks", ["week", "app_version"])
    op.create_table(
        "field_blocks",
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("version", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("phones", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("received_at", "day", "channel", "version", "arm", name=op.f("pk_field_blocks")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("addressed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_created_at"), "notices", ["created_at"])
    op.create_index(op.f("ix_notices_addressed_at"), "notices", ["addressed_at"])
    op.create_table(
        "notice_deliveries",
        sa.Column("notice_id", sa.String(), nullable=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name=op.f("fk_notice_deliveries_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "way", name=op.f("pk_notice_deliveries")),
    )
    op.create_index("ix_notice_deliveries_state_available_at", "notice_deliveries", ["state", "available_at"])


def downgrade() -> None:
    give_up_waiting_for_locks()
    for name in ("notice_deliveries", "notices", "field_blocks", "field_weeks", "field_days", "field_receipts"):
        op.drop_table(name)


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
