"""What the data pages keep: notes and their words, places as coordinates, what was predicted and corrected last,
what staff hid, devices that are blocked; the indexes by which photos are found and counted.

Revision ID: data_console
Revises: models_console
"""

import sqlalchemy as sa
from alembic import op

revision = "data_console"
down_revision = "models_console"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
COLUMNS = (
    ("latitude", sa.Float()),
    ("longitude", sa.Float()),
    ("location_precision", sa.String(32)),
    ("note", sa.String()),
    ("predicted_label", sa.String()),
    ("predicted_release", sa.Integer()),
    ("confidence", sa.Float()),
    ("corrected_label", sa.String()),
    ("hidden_at", MOMENT),
    ("hidden_reason", sa.String()),
)
SEARCHED = (
    "gold_label",
    "predicted_label",
    "predicted_release",
    "corrected_label",
    "place",
    "source",
    "split",
    "state",
)
COUNTED = (
    "received_at",
    "id",
    "state",
    "place",
    "gold_label",
    "corrected_label",
    "predicted_label",
    "latitude",
    "longitude",
)


def upgrade() -> None:
    give_up_waiting_for_locks()
    for name, kind in COLUMNS:
        op.add_column("photos", sa.Column(name, kind, nullable=True))
    _fill()
    _make_tables()
    for name in SEARCHED:
        op.create_index(f"ix_photos_found_by_{name}", "photos", [name, "received_at", "id"])
    op.create_index(op.f("ix_photos_confidence"), "photos", ["confidence"])
    op.create_index("ix_photos_counted", "photos", list(COUNTED))


def downgrade() -> None:
    """The version before knows no hidden photos: it would not know what to do with them, so it quarantines them."""
    give_up_waiting_for_locks()
    op.drop_index("ix_photos_counted", "photos")
    op.drop_index(op.f("ix_photos_confidence"), "photos")
    for name in SEARCHED:
        op.drop_index(f"ix_photos_found_by_{name}", "photos")
    op.execute("UPDATE photos SET state = 'quarantined', quarantine_reason = 'hidden by staff' WHERE state = 'hidden'")
    for table in ("device_blocks", "note_words", "photo_notes"):
        op.drop_table(table)
    with op.batch_alter_table("photos") as table:
        for name, _ in reversed(COLUMNS):
            table.drop_column(name)


def _fill() -> None:
    """The phone's opinion, else the server's; of each the newest. The best score is read from its JSON."""
    best = {
        "sqlite": "(SELECT MAX(value) FROM json_each(p.scores))",
        "postgresql": "(SELECT MAX(value::float) FROM json_each_text(p.scores))",
    }[op.get_bind().dialect.name]
    for column, wanted in (
        ("predicted_label", "p.label"),
        ("predicted_release", "p.release_version"),
        ("confidence", best),
    ):
        op.execute(
            f"UPDATE photos SET {column} = (SELECT {wanted} FROM predictions p WHERE p.photo_id = photos.id "  # noqa: S608  # All of it is written above.
            "ORDER BY CASE p.made_by WHEN 'phone' THEN 0 ELSE 1 END, p.id DESC LIMIT 1)"
        )
    op.execute(
        "UPDATE photos SET corrected_label = "
        "(SELECT c.label FROM corrections c WHERE c.photo_id = photos.id ORDER BY c.id DESC LIMIT 1)"
    )


def _make_tables() -> None:
    op.create_table(
        "photo_notes",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("photo_id", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_photo_notes_photo_id_photos")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_photo_notes_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_notes")),
    )
    op.create_index(op.f("ix_photo_notes_photo_id"), "photo_notes", ["photo_id"])
    op.create_table(
        "note_words",
        sa.Column("word", WORD, nullable=False),
        sa.Column("photo_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_note_words_photo_id_photos")),
        sa.PrimaryKeyConstraint("word", "photo_id", name=op.f("pk_note_words")),
    )
    op.create_index(op.f("ix_note_words_photo_id"), "note_words", ["photo_id"])
    op.create_table(
        "device_blocks",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("blocked_by", sa.String(), nullable=False),
        sa.Column("blocked_at", MOMENT, nullable=False),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_blocks_device_id_devices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_blocks")),
    )
    op.create_index(op.f("ix_device_blocks_device_id"), "device_blocks", ["device_id"])
    op.create_index(
        "uq_device_blocks_open_device",
        "device_blocks",
        ["device_id"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
        sqlite_where=sa.text("lifted_at IS NULL"),
    )


def give_up_waiting_for_locks() -> None:
    """A migration that queues for a lock queues everybody else behind it: fail after 5 seconds and try again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL lock_timeout = '5s'")
