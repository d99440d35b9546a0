"""What the review pages keep: the parts of a value, more verdicts, what was taken back or skipped, checks; the queue's
indexes.

Revision ID: review_console
Revises: staff_sign_in
"""

import sqlalchemy as sa
from alembic import op

revision = "review_console"
down_revision = "staff_sign_in"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
VERDICT = sa.String(32)
QUEUE = ("ix_photos_queue_half_decided", "ix_photos_queue_by_value", "ix_photos_queue_by_chance")
WAITS = "state = 'inspected' AND allow_review IS {true} AND gold_label IS NULL AND rejected_at IS NULL"


def upgrade() -> None:
    give_up_waiting_for_locks()
    _add_columns()
    _make_tables()
    _make_indexes()


def downgrade() -> None:
    """The version before knows no verdicts that were taken back: it would count them again, so they go."""
    give_up_waiting_for_locks()
    for name in (*QUEUE, "ix_photos_sure_gold"):
        op.drop_index(name, "photos")
    op.drop_table("gold_checks")
    op.drop_table("review_skips")
    op.execute("UPDATE reviews SET verdict = 'reject' WHERE verdict IN ('not_waste', 'bad_photo', 'several_things')")
    op.execute("UPDATE reviews SET verdict = 'second_opinion' WHERE verdict = 'unsure'")
    # Those that take back point to those that are taken back, and go first.
    op.execute("CREATE TEMPORARY TABLE taken_back AS SELECT takes_back AS id FROM reviews WHERE verdict = 'undo'")
    op.execute("DELETE FROM reviews WHERE verdict = 'undo'")
    op.execute("DELETE FROM reviews WHERE id IN (SELECT id FROM taken_back)")
    op.execute("DROP TABLE taken_back")
    op.drop_index("ix_reviews_staff_id_created_at", "reviews")
    with op.batch_alter_table("review_claims") as table:
        table.drop_column("is_check")
    with op.batch_alter_table("reviews") as table:
        table.drop_constraint(op.f("fk_reviews_takes_back_reviews"), type_="foreignkey")
        table.drop_constraint(op.f("uq_reviews_takes_back"), type_="unique")
        for name in ("takes_back", "decides_alone", "reason"):
            table.drop_column(name)
    with op.batch_alter_table("photos") as table:
        for name in ("rejected_as", "gold_is_sure", "review_parts", "novelty"):
            table.drop_column(name)


def _add_columns() -> None:
    op.add_column("photos", sa.Column("novelty", sa.Float(), nullable=True))
    op.add_column("photos", sa.Column("review_parts", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("photos", sa.Column("gold_is_sure", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("photos", sa.Column("rejected_as", VERDICT, nullable=True))
    photos = sa.table("photos", sa.column("source"), sa.column("gold_label"), sa.column("gold_is_sure", sa.Boolean))
    imported = sa.and_(photos.c.source == "import", photos.c.gold_label.is_not(None))
    op.execute(photos.update().where(imported).values(gold_is_sure=True))
    op.execute("UPDATE photos SET rejected_as = 'reject' WHERE rejected_at IS NOT NULL")
    op.add_column("review_claims", sa.Column("is_check", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("reviews") as table:
        table.add_column(sa.Column("reason", VERDICT, nullable=True))
        table.add_column(sa.Column("decides_alone", sa.Boolean(), server_default=sa.true(), nullable=False))
        table.add_column(sa.Column("takes_back", ROW_ID, nullable=True))
        table.create_unique_constraint(op.f("uq_reviews_takes_back"), ["takes_back"])
        table.create_foreign_key(op.f("fk_reviews_takes_back_reviews"), "reviews", ["takes_back"], ["id"])


def _make_tables() -> None:
    op.create_table(
        "review_skips",
        sa.Column("photo_id", sa.String(), nullable=False),
        sa.Column("staff_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("skipped_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_review_skips_photo_id_photos")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_review_skips_staff_id_staff")),
        sa.PrimaryKeyConstraint("photo_id", "staff_id", name=op.f("pk_review_skips")),
    )
    op.create_table(
        "gold_checks",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("photo_id", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("verdict", VERDICT, nullable=False),
        sa.Column("said", sa.String(), nullable=True),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_gold_checks_photo_id_photos")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_gold_checks_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_checks")),
    )
    op.create_index(op.f("ix_gold_checks_photo_id"), "gold_checks", ["photo_id"])
    op.create_index("ix_gold_checks_staff_id_said", "gold_checks", ["staff_id", "said"])


def _make_indexes() -> None:
    _make_partial(
        "ix_photos_queue_half_decided", ["state", "received_at", "id"], WAITS + " AND needs_second_opinion IS {true}"
    )
    _make_partial("ix_photos_queue_by_value", ["state", "review_value"], WAITS)
    _make_partial("ix_photos_queue_by_chance", ["state", "received_at", "id"], WAITS + " AND in_random_share IS {true}")
    _make_partial("ix_photos_sure_gold", ["id"], "gold_is_sure IS {true}")
    op.create_index("ix_reviews_staff_id_created_at", "reviews", ["staff_id", "created_at"])


def _make_partial(name: str, columns: list, where: str) -> None:
    op.create_index(
        name,
        "photos",
        columns,
        postgresql_where=sa.text(where.format(true="true")),
        sqlite_where=sa.text(where.format(true="1")),
    )


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
