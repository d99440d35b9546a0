"""Guides of cities, in versions.

Revision ID: guides
Revises: recipe_drafts
"""

import sqlalchemy as sa
from alembic import op

revision = "guides"
down_revision = "recipe_drafts"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.create_table(
        "guide_cities",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("published_number", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("city", name=op.f("pk_guide_cities")),
    )
    op.create_table(
        "guide_versions",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("number", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("came_from", sa.Integer(), nullable=True),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.Column("published_by", sa.String(), nullable=True),
        sa.Column("publish_reason", sa.String(), nullable=False),
        sa.Column("reached_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["city"], ["guide_cities.city"], name=op.f("fk_guide_versions_city_guide_cities")),
        sa.PrimaryKeyConstraint("city", "number", name=op.f("pk_guide_versions")),
    )


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.drop_table("guide_versions")
    op.drop_table("guide_cities")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
