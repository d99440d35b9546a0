"""Counts that grow: adding to a row that may not be there yet.

Guarantees: whoever adds at the same time, every number is counted. Rows are taken in the order of their keys: of two
who add to the same rows one waits for the other, and never each for the other.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

_Insert = postgresql.Insert | sqlite.Insert


def add(session: Session, table: type[SQLModel], counts: Mapping[tuple[Any, ...], Mapping[str, int]]) -> None:
    """Add `counts` to the rows of `table`, each with the values of its primary key and a number for each column."""
    columns = _keys(table)
    rows = [{**dict(zip(columns, key, strict=True)), **counts[key]} for key in sorted(counts)]
    if rows:
        session.connection().execute(_adding(table, _dialect(session), frozenset(rows[0]).difference(columns)), rows)


def add_new(session: Session, table: type[SQLModel], rows: Iterable[Mapping[str, Any]], key: str) -> frozenset[Any]:
    """Insert those `rows` that are not there yet and return their values of `key`, the primary key."""
    found = sorted(rows, key=lambda row: str(row[key]))
    statement = _insert(table, _dialect(session)).values(found).on_conflict_do_nothing(index_elements=[key])
    return frozenset(session.scalars(statement.returning(_table(table).c[key])))


@cache
def _adding(table: type[SQLModel], dialect: str, summed: frozenset[str]) -> _Insert:
    statement = _insert(table, dialect)
    more = {name: _table(table).c[name] + statement.excluded[name] for name in sorted(summed)}
    return statement.on_conflict_do_update(index_elements=_keys(table), set_=more)


def _insert(table: type[SQLModel], dialect: str) -> _Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _keys(table: type[SQLModel]) -> list[str]:
    return [column.name for column in _table(table).primary_key.columns]


def _table(table: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(table.__tablename__)]
