"""Tables as CSV files that spreadsheets open.

Guarantees: no text is taken for a formula: a name may have been chosen to be one. A file is made while it is sent, row
by row.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def lines(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the heading, then a line for each row."""
    yield _line(columns)
    for row in rows:
        yield _line([_cell(row[name]) for name in columns])


def _cell(content: Any) -> Any:
    """A negative number is no formula."""
    return f"'{content}" if isinstance(content, str) and content.startswith(_FORMULAS) else content


def _line(cells: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
