"""Patches between releases get a row each.

Revision ID: patches
Revises: field_reports
"""

import sqlalchemy as sa
from alembic import op

revision = "patches"
down_revision = "field_reports"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.create_table(
        "patches",
        sa.Column("from_version", ROW_ID, nullable=False),
        sa.Column("to_version", ROW_ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["from_version"], ["releases.version"], name=op.f("fk_patches_from_version")),
        sa.ForeignKeyConstraint(["to_version"], ["releases.version"], name=op.f("fk_patches_to_version")),
        sa.PrimaryKeyConstraint("from_version", "to_version", name=op.f("pk_patches")),
    )
    op.create_index(op.f("ix_patches_state"), "patches", ["state"])


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.execute("DELETE FROM jobs WHERE kind = 'patch'")
    op.drop_index(op.f("ix_patches_state"), "patches")
    op.drop_table("patches")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
