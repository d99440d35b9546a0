"""The staff's side of the small world: people, photos that were inspected, runs that were blessed."""

import uuid
from typing import Any

from sqlmodel import Session

from backend.database import now
from backend.people import passwords
from backend.people.staff import Person
from backend.runs import training_runs
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotRow,
    DatasetSnapshotState,
    Device,
    Opinionated,
    Photo,
    PhotoId,
    PhotoSource,
    PhotoState,
    Prediction,
    Release,
    Role,
    Staff,
    TrainingMode,
    TrainingRun,
)
from mobile_models.evaluation import Blessing, Verdict
from mobile_models.manifest import ReleaseManifest
from tests import tiny_model
from training import recipe

PASSWORD = "a long enough password"


def person(session: Session, name: str = "ada", role: Role = Role.REVIEWER, areas: list[str] | None = None) -> Person:
    """Somebody whose password is `PASSWORD`."""
    row = Staff(name=name, role=role, password_hash=passwords.hashed(PASSWORD), areas=areas)
    session.add(row)
    session.flush()
    assert row.id is not None
    return Person(row.id, name, role, None if areas is None else tuple(areas))


def device(session: Session) -> str:
    row = Device(token_sha256=uuid.uuid4().hex)
    session.add(row)
    session.flush()
    return row.id


def photo(session: Session, phone: str | None = None, scores: dict[str, float] | None = None, **columns: Any) -> Photo:
    """A submission that was inspected and may be reviewed; by default its phone took it for metal."""
    photo_id = str(uuid.uuid4())
    values = {
        "source": PhotoSource.SUBMISSION,
        "state": PhotoState.INSPECTED,
        "fingerprint": photo_id,
        "sha256": uuid.uuid4().hex * 2,
        "origin_sha256": uuid.uuid4().hex * 2,
        "width": 96,
        "height": 128,
        "size_bytes": 1000,
        "group_id": photo_id,
        "allow_review": True,
        "allow_training": True,
    }
    row = Photo(id=photo_id, **(values | columns))
    session.add(row)
    session.flush()
    label = phone or "metal"
    session.add(
        Prediction(
            photo_id=photo_id,
            made_by=Opinionated.PHONE,
            release_version=1,
            label=label,
            scores=scores or {label: 0.7, "glass" if label != "glass" else "metal": 0.3},
        )
    )
    session.flush()
    return row


def gold(session: Session, label: str, **columns: Any) -> Photo:
    return photo(session, gold_label=label, gold_labelled_at=columns.pop("gold_labelled_at", now()), **columns)


def id_of(row: Photo) -> PhotoId:
    return PhotoId(row.id)


def frozen_snapshot(session: Session) -> int:
    row = DatasetSnapshotRow(state=DatasetSnapshotState.FROZEN, digest="d" * 64, requested_by="ada", frozen_at=now())
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id


def run(session: Session, settings: Settings, **changes: Any) -> TrainingRun:
    wanted = {
        "recipe": recipe.load("tiny"),
        "mode": TrainingMode.FROM_SCRATCH,
        "weights": "random",
        "seed": 1,
        "trigger": "hand",
        "who": "ada",
    } | changes
    snapshot_id = wanted.pop("snapshot_id", None) or frozen_snapshot(session)
    return training_runs.request(session, settings, snapshot_id=snapshot_id, **wanted)


def manifest(version: int) -> ReleaseManifest:
    return tiny_model.manifest(tiny_model.model_bytes(version), version)


def blessing(verdict: Verdict = Verdict.PASSED) -> Blessing:
    return Blessing(
        verdict=verdict, reasons=("as good as the champion",), challenger=None, champion=None, rubber_stamped=False
    )


def proposed(session: Session, settings: Settings) -> Release:
    """A release of a run that was blessed, against whatever is current."""
    asked = run(session, settings)
    training_runs.start(session, asked.id)
    training_runs.settle_blessed(session, asked.id, manifest(asked.release_version), blessing())
    session.flush()
    return session.get_one(Release, asked.release_version)
