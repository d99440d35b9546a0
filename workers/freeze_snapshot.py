"""Freeze a dataset snapshot: collect what may be trained on, keep it under its digest, let waiting runs begin.

Guarantees: the document is in storage before a row names its digest, so a frozen snapshot can always be read. It waits
for imported photos that are still being inspected.
"""

from sqlmodel import Session, select

from backend import job_queue
from backend.datasets import snapshots
from backend.runs import training_runs
from backend.tables import DatasetSnapshotRow, DatasetSnapshotState, JobKind, TrainingRun, TrainingRunState
from workers import artefacts
from workers.claim import NotYet, Settle, Task, Work


def _freeze(work: Work) -> Settle:
    snapshot_id = int(work.subject)
    with work.place.transaction() as session:
        row = session.get(DatasetSnapshotRow, snapshot_id)
        if row is None or row.state != DatasetSnapshotState.REQUESTED:
            return _nothing_to_do
        if snapshots.awaits_inspection(session):
            raise NotYet
        collected = snapshots.collect(session, work.place.settings)
    artefacts.store_snapshot(work.place.storage, collected.document)

    def settle(session: Session) -> None:
        snapshots.settle_frozen(session, snapshot_id, collected)
        for run_id in _waiting_runs(session, snapshot_id):
            job_queue.enqueue(session, JobKind.RETRAIN, run_id)

    return settle


def _nothing_to_do(_: Session) -> None:
    """It was frozen before."""


def _waiting_runs(session: Session, snapshot_id: int) -> list[str]:
    statement = select(TrainingRun.id).where(
        TrainingRun.snapshot_id == snapshot_id, TrainingRun.state == TrainingRunState.REQUESTED
    )
    return list(session.exec(statement).all())


def _give_up(session: Session, subject: str, reason: str) -> None:
    snapshots.settle_failed(session, int(subject), reason)
    for run_id in _waiting_runs(session, int(subject)):
        training_runs.settle_failed(session, run_id, f"Its data set could not be frozen: {reason}")


FREEZE_SNAPSHOT = Task(act=_freeze, give_up=_give_up)
