"""What the pages of models keep: points of training curves, and named configurations of recipes.

Revision ID: models_console
Revises: review_console
"""

import sqlalchemy as sa
from alembic import op

revision = "models_console"
down_revision = "review_console"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    give_up_waiting_for_locks()
    op.create_table(
        "training_points",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=op.f("fk_training_points_run_id_training_runs")),
        sa.PrimaryKeyConstraint("run_id", "epoch", name=op.f("pk_training_points")),
    )
    op.create_table(
        "recipe_configurations",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("saved_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe_configurations")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_recipe_configurations_name_version")),
    )
    op.create_index(op.f("ix_recipe_configurations_name"), "recipe_configurations", ["name"])


def downgrade() -> None:
    give_up_waiting_for_locks()
    op.drop_index(op.f("ix_recipe_configurations_name"), "recipe_configurations")
    op.drop_table("recipe_configurations")
    op.drop_table("training_points")


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
