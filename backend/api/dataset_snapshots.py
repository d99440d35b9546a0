"""`/v1/dataset-snapshots`: freezing what may be trained on."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from backend.api.dependencies import Transaction
from backend.api.staff_dependencies import DataReader, Engineer
from backend.database import RowNumber
from backend.datasets import snapshot_differences, snapshots
from backend.datasets.snapshot_differences import Change
from backend.tables import DatasetSnapshotRow, DatasetSnapshotState

router = APIRouter(prefix="/v1/dataset-snapshots", tags=["training"])


class SnapshotAnswer(BaseModel):
    id: int
    state: DatasetSnapshotState
    digest: str | None
    parent_digest: str | None
    counts: dict[str, dict[str, int]] | None
    """Split to label to number of photos."""
    requested_by: str
    created_at: datetime
    frozen_at: datetime | None
    error: str | None


class SnapshotList(BaseModel):
    dataset_snapshots: list[SnapshotAnswer]


class DifferenceAnswer(BaseModel):
    kept: int
    """In both, whatever changed of them."""
    totals: dict[Change, int]
    by_label: dict[str, dict[Change, int]]
    examples: dict[Change, list[str]]


@router.post("", status_code=202)
def request(person: Engineer, session: Transaction) -> SnapshotAnswer:
    """Freeze all photos that have a gold label and may be trained on. A worker does it; watch `state`."""
    return answer(snapshots.request(session, person.name))


@router.get("")
def newest(_: Engineer, session: Transaction) -> SnapshotList:
    return SnapshotList(dataset_snapshots=[answer(row) for row in snapshots.newest(session)])


@router.get("/{older}/difference/{newer}")
def difference(older: RowNumber, newer: RowNumber, person: DataReader, session: Transaction) -> DifferenceAnswer:
    """What changed from one frozen data set to another; `examples` are ids of photos in your areas."""
    for each in (older, newer):
        snapshots.find(session, each)
    found = snapshot_differences.between(session, person, older, newer)
    examples = {change: [each.photo_id for each in some] for change, some in found.examples.items()}
    return DifferenceAnswer(kept=found.kept, totals=found.totals, by_label=found.by_label, examples=examples)


@router.get("/{snapshot_id}")
def one(snapshot_id: RowNumber, _: Engineer, session: Transaction) -> SnapshotAnswer:
    return answer(snapshots.find(session, snapshot_id))


def answer(row: DatasetSnapshotRow) -> SnapshotAnswer:
    return SnapshotAnswer.model_validate(row, from_attributes=True)
