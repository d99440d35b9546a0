"""How migrations run: on the connection that `backend.migrations` gives, or on that of the settings.

Guarantees: all migrations of one upgrade are one transaction, also on SQLite, and two processes never migrate at once.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

from alembic import context
from backend import migrations, tables
from backend.database import UtcDateTime
from backend.settings import Settings

_ADVISORY_LOCK = 0x57415354  # "WAST"; held until the end of the transaction.


def run(connection: Connection) -> None:
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        context.configure(
            connection=connection,
            target_metadata=tables.SQLModel.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            render_item=_render,
            compare_type=True,
        )
        context.run_migrations()


def _render(kind: str, item: Any, _: object) -> str | bool:
    """Write migrations in plain SQLAlchemy types, so that they never change with our own classes."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, sa.Enum):
        return f"sa.String({item.length})"
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with migrations.connection(Settings().resolved_database_url) as own:
        run(own)
