"""Files for others: lists of photos, and data sets with their photos.

Guarantees: whoever exports stands in the permanent history, with what was asked for. A file is made while it is sent,
a page of rows at a time.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Response
from fastapi.responses import StreamingResponse

from backend import spreadsheet
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import safety
from backend.console.data.filters import AskedFor
from backend.console.data.photos import DATA
from backend.console.data.snapshots import SNAPSHOTS
from backend.console.visitor import DataKeeper
from backend.database import RowNumber
from backend.datasets import dataset_archives, snapshots
from backend.datasets.dataset_archives import Layout
from backend.errors import Conflict
from backend.people.staff import Person
from backend.records import audit_log
from backend.searching import photo_exports
from backend.searching.photo_exports import COLUMNS, PUBLIC_COLUMNS, Row
from backend.searching.photo_search import Search
from backend.tables import DatasetSnapshotState

router = APIRouter(include_in_schema=False)


@router.post(f"{DATA}/export")
def photos(
    visitor: DataKeeper,
    parts: PartsOfServer,
    asked: AskedFor,
    kind: Annotated[Literal["csv", "geojson"], Form()],
    audience: Annotated[Literal["staff", "public"], Form()] = "staff",
) -> Response:
    wanted = asked.search(visitor)
    with transaction_of(parts) as session:
        audit_log.record(
            session, visitor.person.name, "photos.exported", "photos", kind=kind, audience=audience, **asked.query
        )
    rows = _rows(parts, visitor.person, wanted, audience == "public")
    columns = PUBLIC_COLUMNS if audience == "public" else COLUMNS
    if kind == "csv":
        return _file(spreadsheet.lines(columns, rows), "text/csv; charset=utf-8", f"wastelens-photos-{audience}.csv")
    return _file(_geojson(rows), "application/geo+json", f"wastelens-photos-{audience}.geojson")


@router.post(f"{SNAPSHOTS}/{{snapshot_id}}/archive")
def archive(
    snapshot_id: RowNumber, visitor: DataKeeper, parts: PartsOfServer, layout: Annotated[Layout, Form()]
) -> Response:
    with transaction_of(parts) as session:
        row = snapshots.find(session, snapshot_id)
        if row.state != DatasetSnapshotState.FROZEN:
            raise Conflict("This data set is not frozen yet.", code="not_frozen")
        audit_log.record(
            session, visitor.person.name, "dataset_snapshot.exported", f"dataset-snapshot/{snapshot_id}", layout=layout
        )
    content = dataset_archives.stream(lambda: transaction_of(parts), parts.storage, visitor.person, snapshot_id, layout)
    return _file(content, "application/zip", f"wastelens-data-set-{snapshot_id}.zip")


def _file(content: Iterator[str] | Iterator[bytes], media_type: str, name: str) -> Response:
    headers = safety.headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=media_type, headers=headers)


def _rows(parts: Parts, person: Person, wanted: Search, public: bool) -> Iterator[Row]:
    with transaction_of(parts) as session:
        allowed = (
            photo_exports.allowed(session, person, wanted, parts.settings.smallest_cell_phones) if public else None
        )
    after = None
    while True:
        with transaction_of(parts) as session:
            rows, after = photo_exports.some(session, person, wanted, after)
        yield from rows if allowed is None else (photo_exports.public(row, allowed) for row in rows)
        if after is None:
            return


def _geojson(rows: Iterator[Row]) -> Iterator[str]:
    yield '{"type": "FeatureCollection", "features": ['
    before = "\n"
    for row in rows:
        yield before + json.dumps(photo_exports.feature(row), ensure_ascii=False)
        before = ",\n"
    yield "\n]}\n"
