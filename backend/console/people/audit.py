"""`/console/audit`: the permanent history, searched, exported and proven.

Guarantees: whoever exports is in the history, too. An export is read piece by piece: neither memory nor anybody's
transaction waits for a slow reader.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import StreamingResponse

from backend import spreadsheet
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import days, pages, safety
from backend.console.days import Day
from backend.console.visitor import Auditor, Visitor
from backend.database import RowNumber, Text
from backend.records import audit_chain, audit_log
from backend.records.audit_log import Search
from backend.tables import AuditEvent

router = APIRouter(include_in_schema=False)
AUDIT = "/console/audit"
_PAGE = 50
_PROVEN_AT_ONCE = 20_000
"""Links that are walked along while somebody waits: some seconds."""
_COLUMNS = ("id", "at", "actor", "action", "subject", "detail")
_Words = Annotated[Text, Query(max_length=200)]
_AskedDay = Annotated[Day, Query()]


class Asked:
    """What a form asks for; dates are those of the city."""

    def __init__(
        self,
        actor: _Words = "",
        action: _Words = "",
        subject: _Words = "",
        since: _AskedDay = "",
        until: _AskedDay = "",
    ) -> None:
        self.actor, self.action, self.subject = actor.strip(), action.strip(), subject.strip()
        self.since, self.until = since, until

    def search(self, visitor: Visitor) -> Search:
        since, until = days.beginning(visitor.language, self.since), days.end(visitor.language, self.until)
        return Search(self.actor, self.action, self.subject, since, until)

    @property
    def query(self) -> dict[str, str]:
        return {name: str(value) for name, value in vars(self).items() if value}


AskedFor = Annotated[Asked, Depends()]


@router.get(AUDIT)
def events(visitor: Auditor, parts: PartsOfServer, asked: AskedFor, before: RowNumber | None = None) -> Response:
    with transaction_of(parts) as session:
        found = audit_log.search(session, asked.search(visitor), before=before, limit=_PAGE + 1)
        links, _ = audit_chain.end(session)
    older = f"{AUDIT}?{urlencode(asked.query | {'before': str(found[_PAGE - 1].id)})}" if len(found) > _PAGE else ""
    return pages.render(
        "people/audit.html",
        visitor,
        parts.settings,
        events=found[:_PAGE],
        asked=asked,
        older=older,
        links=links,
    )


@router.get(f"{AUDIT}/chain")
def chain(visitor: Auditor, parts: PartsOfServer, after: Annotated[RowNumber | None, Query()] = None) -> Response:
    """Walk along the chain now, from a link that was proven onwards: the rest waits for the next look."""
    found = audit_chain.verify(lambda: transaction_of(parts), after=after or 0, most=_PROVEN_AT_ONCE)
    return pages.render("people/audit_chain.html", visitor, parts.settings, found=found, after=after or 0)


@router.post(f"{AUDIT}/export")
def export(
    visitor: Auditor, parts: PartsOfServer, asked: AskedFor, kind: Annotated[Literal["csv", "jsonl"], Form()]
) -> Response:
    wanted = asked.search(visitor)
    with transaction_of(parts) as session:
        audit_log.record(
            session, visitor.person.name, "audit.exported", "audit", kind=kind, search=urlencode(asked.query)
        )
        last, _ = audit_chain.end(session)
    found = _everything(parts, wanted)
    lines, media_type = (_csv(found), "text/csv") if kind == "csv" else (_json_lines(found), "application/jsonl")
    headers = safety.headers() | {
        "Content-Disposition": f'attachment; filename="wastelens-history-{last}.{kind}"',
    }
    return StreamingResponse(lines, media_type=f"{media_type}; charset=utf-8", headers=headers)


def _everything(parts: Parts, wanted: Search) -> Iterator[AuditEvent]:
    last = 0
    while True:
        with transaction_of(parts) as session:
            page = audit_log.after(session, wanted, last)
        if not page:
            return
        yield from page
        last = page[-1].id or 0


def _json_lines(found: Iterator[AuditEvent]) -> Iterator[str]:
    for event in found:
        yield json.dumps(_plain(event), ensure_ascii=False) + "\n"


def _csv(found: Iterator[AuditEvent]) -> Iterator[str]:
    rows = (_plain(event) | {"detail": json.dumps(event.detail, ensure_ascii=False)} for event in found)
    return spreadsheet.lines(_COLUMNS, rows)


def _plain(event: AuditEvent) -> dict[str, Any]:
    return event.model_dump() | {"at": event.at.isoformat()}
