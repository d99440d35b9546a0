"""When phones may download the current release of a channel.

Revision ID: current_conditions
Revises: guides
"""

import sqlalchemy as sa
from alembic import op

revision = "current_conditions"
down_revision = "guides"
branch_labels = None
depends_on = None


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.add_column("release_channels", sa.Column("conditions", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.drop_column("release_channels", "conditions")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
