"""Counts that grow: adding to a row that may not be there yet.

Guarantees: whoever adds at the same time, every number is counted, in one statement for all rows. Rows are taken in the
order of their keys, so that two who add to the same rows wait for each other and never for each other at once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Insert = postgresql.Insert | sqlite.Insert
_ROWS_AT_ONCE = 500


def add(session: Session, table: type[SQLModel], counts: Mapping[tuple[Any, ...], Mapping[str, int]]) -> None:
    """Add `counts` to the rows of `table`, each with the values of its primary key and a number for each column."""
    columns = [column.name for column in table_of(table).primary_key.columns]
    rows = [{**dict(zip(columns, key, strict=True)), **counts[key]} for key in sorted(counts)]
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[begin : begin + _ROWS_AT_ONCE]
        statement = insert(session, table).values(some)
        summed = [name for name in some[0] if name not in columns]
        more = {name: table_of(table).c[name] + statement.excluded[name] for name in summed}
        session.execute(statement.on_conflict_do_update(index_elements=columns, set_=more))


def add_new(session: Session, table: type[SQLModel], rows: Iterable[Mapping[str, Any]], key: str) -> frozenset[Any]:
    """Insert those `rows` that are not there yet and return their values of `key`, the primary key."""
    found = sorted(rows, key=lambda row: str(row[key]))
    statement = insert(session, table).values(found).on_conflict_do_nothing(index_elements=[key])
    return frozenset(session.scalars(statement.returning(table_of(table).c[key])))


def insert(session: Session, table: type[SQLModel]) -> Insert:
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def table_of(table: type[SQLModel]) -> Table:
    found: Table = SQLModel.metadata.tables[str(table.__tablename__)]
    return found
