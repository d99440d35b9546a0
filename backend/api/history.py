"""`/v1/history`: the permanent history of releases, rollouts and channels, in pages and as a file."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from backend import spreadsheet
from backend.api.dependencies import Parts, PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Engineer
from backend.database import Text
from backend.releasing import release_history
from backend.tables import AuditEvent

router = APIRouter(prefix="/v1/history", tags=["history"])

_AT_ONCE = 500
_COLUMNS = ("id", "at", "actor", "action", "subject", "detail")

Subject = Annotated[Text | None, Query(max_length=100, description="for example release/3 or channel/stable")]


class HistoryEvent(BaseModel):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class HistoryPage(BaseModel):
    events: list[HistoryEvent]
    after: int | None
    """Ask for the next page with it; null: this is the newest one."""


@router.get("")
def page(
    _: Engineer,
    session: Transaction,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=_AT_ONCE)] = 100,
    subject: Subject = None,
) -> HistoryPage:
    """Oldest first, those behind number `after`."""
    found = [_event(row) for row in release_history.events(session, after, limit, subject)]
    return HistoryPage(events=found, after=found[-1].id if len(found) == limit else None)


@router.get("/export.csv", response_class=StreamingResponse)
def as_csv(_: Engineer, parts: PartsOfServer, subject: Subject = None) -> StreamingResponse:
    """Everything, one event a line; `detail` is JSON."""
    return StreamingResponse(_csv_lines(parts, subject), media_type="text/csv; charset=utf-8")


@router.get("/export.jsonl", response_class=StreamingResponse)
def as_json_lines(_: Engineer, parts: PartsOfServer, subject: Subject = None) -> StreamingResponse:
    """Everything, one JSON object a line."""
    lines = (event.model_dump_json() + "\n" for event in _all(parts, subject))
    return StreamingResponse(lines, media_type="application/jsonl")


def _all(parts: Parts, subject: str | None) -> Iterator[HistoryEvent]:
    """In short transactions of their own, since whoever reads may be slow."""
    after = 0
    while True:
        with transaction_of(parts) as session:
            found = [_event(row) for row in release_history.events(session, after, _AT_ONCE, subject)]
        yield from found
        if len(found) < _AT_ONCE:
            return
        after = found[-1].id


def _csv_lines(parts: Parts, subject: str | None) -> Iterator[str]:
    return spreadsheet.lines(_COLUMNS, map(_cells, _all(parts, subject)))


def _cells(event: HistoryEvent) -> dict[str, Any]:
    detail = json.dumps(event.detail, sort_keys=True, ensure_ascii=False)
    return event.model_dump(mode="json") | {"detail": detail}


def _event(row: AuditEvent) -> HistoryEvent:
    return HistoryEvent.model_validate(row, from_attributes=True)
