"""Small worlds for workers: photos that came in, releases that are out, and a doorbell that remembers."""

import json
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from sqlmodel import Session, col, select, update

from backend.database import now
from backend.datasets import snapshots
from backend.intake import photo_store
from backend.releasing import channels, release_files, rollouts
from backend.runs import training_runs
from backend.tables import (
    DatasetSnapshotRow,
    DatasetSnapshotState,
    Device,
    Job,
    JobKind,
    JobState,
    Opinionated,
    Photo,
    PhotoId,
    PhotoSource,
    PhotoState,
    Prediction,
    Release,
    ReleaseState,
    Rollout,
    TrainingMode,
    TrainingRun,
    TrainingRunState,
)
from mobile_models import photo as photos
from mobile_models.document import sha256
from tests.backend.world import make_current
from tests.pictures import COLOURS, draw
from tests.tiny_model import release_folder
from training import recipe
from workers.workplace import Workplace


@dataclass
class Bell:
    """A doorbell that only remembers."""

    rung: list[tuple[JobKind, int]] = field(default_factory=list)

    def __call__(self, kind: JobKind, job_id: int) -> None:
        self.rung.append((kind, job_id))


def publish_release(place: Workplace, version: int = 1) -> None:
    """A release that everybody has, as far as the database and the storage are concerned."""
    add_release(place, version, ReleaseState.PUBLISHED, rollout_percent=100)


def add_release(
    place: Workplace,
    version: int,
    state: ReleaseState,
    rollout_percent: float,
    *,
    by_run: bool = False,
    channel: str = "stable",
    folder: Path | None = None,
    **of_rollout: object,
) -> None:
    """A row with its files in storage: current if published to everybody, else with a rollout under way.

    Only one that was made `by_run` can be taken back; the others are as good as bundled. The files are those of
    `folder`, else of a tiny release.
    """
    with tempfile.TemporaryDirectory() as made:
        files = folder or release_folder(Path(made), version)
        release_files.store(place.storage, version, files)
        manifest, blessing = (json.loads((files / f"{name}.json").read_bytes()) for name in ("manifest", "blessing"))
    with place.transaction() as session:
        run_id = _ended_run(session, version) if by_run else None
        session.add(Release(version=version, state=state, manifest=manifest, blessing=blessing, training_run_id=run_id))
        session.flush()
        if state == ReleaseState.PUBLISHED and rollout_percent == 100:
            make_current(session, version)
        else:
            add_rollout(session, version, rollout_percent, channel=channel, **of_rollout)


def _ended_run(session: Session, version: int) -> str:
    snapshot = DatasetSnapshotRow(requested_by="ada", state=DatasetSnapshotState.FROZEN)
    session.add(snapshot)
    session.flush()
    assert snapshot.id is not None
    run = TrainingRun(
        recipe={}, mode=TrainingMode.FINE_TUNE, weights="random", seed=1, snapshot_id=snapshot.id, trigger="hand",
        requested_by="ada", release_version=version, state=TrainingRunState.BLESSED,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run.id


def add_rollout(session: Session, version: int, percent: float, **columns: object) -> Rollout:
    """One that is under way on `stable`, by hand."""
    came_from = channels.find(session, "stable").current_version
    plan = [{"percent": percent, "hours": 0.0}]
    values = {"channel": "stable", "rollout_percent": percent, "plan": plan, "came_from": came_from}
    rollout = Rollout(version=version, **(values | columns))
    session.add(rollout)
    session.flush()
    return rollout


def find_rollout(place: Workplace, version: int) -> Rollout:
    with place.transaction() as session:
        return rollouts.of_release(session, version)[0]


def receive(place: Workplace, picture: Image.Image, predicted: str | None = None, **columns: object) -> PhotoId:
    """A resident's photo that has just come in, with the opinion of the phone."""
    photo_id, content = PhotoId(str(uuid.uuid4())), photos.encode(picture)
    photo_store.put(place.storage, photo_id, content)
    values = {
        "source": PhotoSource.SUBMISSION,
        "fingerprint": photo_id,
        "sha256": sha256(content),
        "origin_sha256": photo_id,
        "width": picture.width,
        "height": picture.height,
        "size_bytes": len(content),
        "group_id": photo_id,
        "allow_review": True,
        "allow_training": True,
    }
    with place.transaction() as session:
        device = Device(token_sha256=photo_id)
        session.add(device)
        session.flush()
        session.add(Photo(id=photo_id, **{"device_id": device.id, **values, **columns}))
        session.flush()
        if predicted is not None:
            session.add(
                Prediction(
                    photo_id=photo_id,
                    made_by=Opinionated.PHONE,
                    release_version=1,
                    label=predicted,
                    scores={predicted: 0.9},
                )
            )
    return photo_id


def add_gold(place: Workplace, per_label: int = 2) -> list[PhotoId]:
    """Photos of every label that reviewers have agreed on."""
    gold = {"state": PhotoState.INSPECTED, "gold_labelled_at": now()}
    return [
        receive(place, draw(label, seed), label, gold_label=label, **gold)
        for label in COLOURS
        for seed in range(per_label)
    ]


def ask_for_freeze(place: Workplace) -> int:
    with place.transaction() as session:
        snapshot = snapshots.request(session, "ada")
    assert snapshot.id is not None
    return snapshot.id


def ask_for_training(
    place: Workplace,
    snapshot_id: int,
    behaviour: str = "",
    epochs: int = 3,
    mode: TrainingMode = TrainingMode.FROM_SCRATCH_ALL,
) -> str:
    """Ask for a run; what the stand-in trainer then does is its `behaviour`."""
    wanted = recipe.load("tiny").with_changes(description=behaviour).with_epochs(epochs)
    with place.transaction() as session:
        run = training_runs.request(
            session, place.settings, recipe=wanted, mode=mode, weights="random", seed=1, snapshot_id=snapshot_id,
            trigger="hand", who="ada",
        )  # fmt: skip
    return run.id


def read_run(place: Workplace, run_id: str) -> TrainingRun:
    with place.transaction() as session:
        return session.get_one(TrainingRun, run_id)


def job_id(place: Workplace, kind: JobKind, subject: str) -> int:
    with place.transaction() as session:
        found = session.exec(select(Job.id).where(Job.kind == kind, Job.subject == subject)).one()
    assert found is not None
    return found


def end_leases(place: Workplace) -> None:
    """Let so much time pass that what a killed worker held is free again."""
    with place.transaction() as session:
        session.execute(update(Job).where(col(Job.state) == JobState.RUNNING).values(lease_until=now()))


def run_directory(place: Workplace, run_id: str) -> Path:
    return place.settings.work_dir / "runs" / run_id


def epochs(place: Workplace, run_id: str) -> list[tuple[int, int]]:
    """Process id and number of each epoch that the stand-in trainer has done."""
    file = run_directory(place, run_id) / "checkpoints" / "last.json"
    return [(process, epoch) for process, epoch in json.loads(file.read_bytes())["epochs"]] if file.exists() else []
