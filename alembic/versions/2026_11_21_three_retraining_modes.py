"""Runs from scratch on all photos are told from those on new photos alone.

Revision ID: three_retraining_modes
Revises: first_tables
"""

from alembic import op

revision = "three_retraining_modes"
down_revision = "first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now a run from scratch took all photos. The column holds plain text, so its type stays."""
    give_up_waiting_for_locks()
    op.execute("UPDATE training_runs SET mode = 'from_scratch_all' WHERE mode = 'from_scratch'")


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.execute("UPDATE training_runs SET mode = 'from_scratch' WHERE mode = 'from_scratch_all'")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
