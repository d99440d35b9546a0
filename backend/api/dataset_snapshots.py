"""`/v1/dataset-snapshots`: freezing what may be trained on."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from backend import snapshots
from backend.api.dependencies import Transaction
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber
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


@router.post("", status_code=202)
def request(person: Engineer, session: Transaction) -> SnapshotAnswer:
    """Freeze all photos that have a gold label and may be trained on. A worker does it; watch `state`."""
    return answer(snapshots.request(session, person.name))


@router.get("")
def newest(_: Engineer, session: Transaction) -> SnapshotList:
    return SnapshotList(dataset_snapshots=[answer(row) for row in snapshots.newest(session)])


@router.get("/{snapshot_id}")
def one(snapshot_id: RowNumber, _: Engineer, session: Transaction) -> SnapshotAnswer:
    return answer(snapshots.find(session, snapshot_id))


def answer(row: DatasetSnapshotRow) -> SnapshotAnswer:
    return SnapshotAnswer.model_validate(row, from_attributes=True)
