"""People may be limited to areas; there are more roles, whose column holds plain text already.

Revision ID: staff_areas
Revises: patches
"""

import sqlalchemy as sa
from alembic import op

revision = "staff_areas"
down_revision = "patches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.add_column("staff", sa.Column("areas", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Roles that the version before does not know become the one that may do least there, and sign in no more."""
    give_up_waiting_for_locks()
    op.execute(
        "UPDATE staff SET role = 'reviewer', disabled_at = COALESCE(disabled_at, CURRENT_TIMESTAMP) "
        "WHERE role IN ('guide_editor', 'auditor')"
    )
    with op.batch_alter_table("staff") as table:
        table.drop_column("areas")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
