"""What somebody has changed about the recipe of the next run and not saved yet.

Revision ID: recipe_drafts
Revises: data_console
"""

import sqlalchemy as sa
from alembic import op

revision = "recipe_drafts"
down_revision = "data_console"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.create_table(
        "recipe_drafts",
        sa.Column("staff_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recipe_drafts_staff_id_staff")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_recipe_drafts")),
    )


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.drop_table("recipe_drafts")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
