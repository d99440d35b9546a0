"""The values that a column has, each once, in order.

Guarantees: each value costs one look into the column's index, however many rows have it: databases would read all of
them. The column needs an index that begins with it.
"""

from sqlalchemy import SQLColumnExpression, func, select
from sqlmodel import Session


def of(session: Session, column: SQLColumnExpression[str | None], limit: int) -> list[str]:
    """Return the first `limit` values; null is none of them."""
    walk = select(func.min(column).label("value")).cte("walk", recursive=True)
    following = select(func.min(column)).where(column > walk.c.value).scalar_subquery()
    walk = walk.union_all(select(following).where(walk.c.value.is_not(None)))
    found = select(walk.c.value).where(walk.c.value.is_not(None)).limit(limit)
    return [str(value) for value in session.connection().execute(found).scalars()]
