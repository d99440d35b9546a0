"""`/console/data/snapshots`: frozen data sets, what they are made of, and what changed between two of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from backend import known_labels
from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import label_names, pages
from backend.console.data.filters import SOURCES, SPLITS
from backend.console.data.photos import DATA
from backend.console.pages import _
from backend.console.visitor import DataReader, Engineer
from backend.database import RowNumber
from backend.datasets import snapshot_differences, snapshots
from backend.datasets.snapshot_differences import Change
from backend.tables import DatasetSnapshotState

router = APIRouter(include_in_schema=False)
SNAPSHOTS = f"{DATA}/snapshots"
STATES = {
    DatasetSnapshotState.REQUESTED: _("asked for"),
    DatasetSnapshotState.FROZEN: _("frozen"),
    DatasetSnapshotState.FAILED: _("failed"),
}
CHANGES = {
    Change.ADDED: _("added"),
    Change.REMOVED: _("removed"),
    Change.RELABELLED: _("relabelled"),
    Change.MOVED: _("moved to another side"),
}


@router.get(SNAPSHOTS)
def every(visitor: DataReader, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        rows = snapshots.newest(session)
        names = label_names.of(visitor.language, known_labels.label_set(session))
    frozen = [row for row in rows if row.state == DatasetSnapshotState.FROZEN]
    return pages.render(
        "data/snapshots.html",
        visitor,
        parts.settings,
        rows=rows,
        frozen=frozen,
        states=STATES,
        splits=SPLITS,
        names=names,
    )


@router.post(SNAPSHOTS)
def request(visitor: Engineer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        row = snapshots.request(session, visitor.person.name)
    said = visitor.language.texts.gettext("A worker freezes data set %(number)s.") % {"number": row.id}
    return pages.redirect(SNAPSHOTS, said=said)


@router.get(f"{SNAPSHOTS}/difference")
def difference(
    visitor: DataReader,
    parts: PartsOfServer,
    older: Annotated[RowNumber, Query()],
    newer: Annotated[RowNumber, Query()],
) -> Response:
    with transaction_of(parts) as session:
        pair = snapshots.find(session, older), snapshots.find(session, newer)
        found = snapshot_differences.between(session, visitor.person, older, newer)
        names = label_names.of(visitor.language, known_labels.label_set(session))
    return pages.render(
        "data/difference.html",
        visitor,
        parts.settings,
        older=pair[0],
        newer=pair[1],
        found=found,
        changes=CHANGES,
        splits=SPLITS,
        names=names,
    )


@router.get(f"{SNAPSHOTS}/{{snapshot_id}}")
def one(snapshot_id: RowNumber, visitor: DataReader, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        row = snapshots.find(session, snapshot_id)
        by_source = snapshot_differences.counts_by_source(session, snapshot_id)
        names = label_names.of(visitor.language, known_labels.label_set(session))
    labels = sorted({label for counts in (row.counts or {}).values() for label in counts})
    return pages.render(
        "data/snapshot.html",
        visitor,
        parts.settings,
        row=row,
        labels=labels,
        by_source=by_source,
        sources=SOURCES,
        states=STATES,
        splits=SPLITS,
        names=names,
    )
