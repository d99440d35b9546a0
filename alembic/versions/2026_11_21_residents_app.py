"""Why residents correct, and finding the photos of one phone in the order in which they came.

Revision ID: residents_app
Revises: current_conditions
"""

import sqlalchemy as sa
from alembic import op

revision = "residents_app"
down_revision = "current_conditions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.add_column("corrections", sa.Column("reason", sa.String(32), nullable=True))
    op.create_index("ix_photos_device_id_received_at_id", "photos", ["device_id", "received_at", "id"])
    op.drop_index(op.f("ix_photos_device_id"), "photos")


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.create_index(op.f("ix_photos_device_id"), "photos", ["device_id"])
    op.drop_index("ix_photos_device_id_received_at_id", "photos")
    with op.batch_alter_table("corrections") as table:
        table.drop_column("reason")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
