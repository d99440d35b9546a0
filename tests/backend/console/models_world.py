"""The models' side of the console's world: evidence of two models, releases on their way, phones that report."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import obstore
from obstore.store import ObjectStore
from sqlmodel import Session, select

from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.releasing import releases, rollouts
from backend.releasing.current_model import CurrentModel
from backend.releasing.release_files import release_key
from backend.releasing.rollouts import Terms
from backend.rollout_plan import RolloutPlan
from backend.runs import run_files, training_runs
from backend.tables import Job, JobKind, JobState, Release, ReleaseState, Rollout
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Answer, EvaluationReport, GatePolicy, OutsideReport
from mobile_models.field_report import Arm
from mobile_models.label_set import TRASHNET
from mobile_models.updates.keys import signing_keys
from tests.backend import staff_world
from tests.backend.field_world import a_day, use
from tests.waiting import PATIENCE_SECONDS
from tests.workers.world import Bell
from training import gate
from training.evaluation import evaluate
from training.run_directory import Progress
from workers.claim import Task, work
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.publish import PUBLISH
from workers.retrain import RETRAIN
from workers.workplace import Workplace

PHOTOS_OF_EACH = 82
GOLD = np.repeat(np.arange(6), PHOTOS_OF_EACH)
TASKS: dict[JobKind, Task] = {
    JobKind.FREEZE: FREEZE_SNAPSHOT,
    JobKind.RETRAIN: RETRAIN,
    JobKind.PUBLISH: PUBLISH,
}


def report(mistakes: dict[str, tuple[int, str]], holdout: str = "holdout") -> EvaluationReport:
    """A model that is right but for so many photos of each label, which it calls another."""
    ids, predicted = TRASHNET.ids, GOLD.copy()
    for label, (count, called) in mistakes.items():
        predicted[np.flatnonzero(ids.index(label) == GOLD)[:count]] = ids.index(called)
    matrix = evaluate.confusion_matrix(GOLD, predicted, len(ids))
    answers = tuple(
        Answer(photo=sha256(str(n).encode()), label=ids[gold], predicted=ids[said], confidence=0.9)
        for n, (gold, said) in enumerate(zip(GOLD, predicted, strict=True))
    )
    return EvaluationReport(
        model=sha256(predicted.tobytes()),
        holdout=sha256(holdout.encode()),
        label_set=TRASHNET,
        answers=answers,
        accuracy=float(np.mean(predicted == GOLD)),
        per_class=evaluate.class_metrics(ids, matrix),
        confusion_matrix=tuple(tuple(map(int, row)) for row in matrix),
        expected_calibration_error=0.021,
        temperature=1.1,
        float_accuracy=0.941,
        float_agreement=0.988,
        size_bytes=2_412_000,
        latency_milliseconds=11.3,
        outside=OutsideReport(
            name="kitchen table", photos_digest=Sha256("e" * 64), photos=120, accuracy=0.71, recall={},
            unmeasured=(), unsure=0.2, sure_accuracy=0.85,
        ),
    )  # fmt: skip


BEFORE = report({"metal": (4, "glass"), "plastic": (9, "glass"), "trash": (11, "plastic")})
AFTER = report({"metal": (6, "glass"), "plastic": (4, "paper"), "trash": (8, "plastic")})
"""Better at plastic by 5 of 82, worse at metal by 2."""
WORSE = report({"metal": (40, "glass"), "plastic": (9, "glass"), "trash": (60, "plastic")})


def judged_run(session: Session, parts: Parts, challenger: EvaluationReport = AFTER) -> str:
    """A run that has ended with this evidence, as the trainer and the gate leave it."""
    run = staff_world.run(session, parts.settings)
    training_runs.start(session, run.id)
    for epoch in range(1, 13):
        metrics = {
            "accuracy": 1 - 0.6 / epoch,
            "val_accuracy": 0.95 - 0.6 / epoch,
            "loss": 2 / epoch,
            "val_loss": 2.4 / epoch,
        }
        progress = Progress(
            stage="head" if epoch < 5 else "tail", epoch=epoch, epochs=20, metrics=metrics, seconds_left=754
        )
        training_runs.record_progress(session, run.id, progress)
    blessing = gate.judge(challenger, BEFORE, GatePolicy(), has_champion=True)
    keep(parts.storage, run_files.run_key(run.id, "release/evaluation.json"), challenger.to_bytes())
    keep(parts.storage, run_files.run_key(run.id, run_files.CHAMPION_EVALUATION), BEFORE.to_bytes())
    keep(parts.storage, run_files.run_key(run.id, "output.log"), b"epoch 1 of 20\n<script>window.hurt = 1</script>\n")
    keep(parts.storage, run_files.run_key(run.id, "report.html"), b"<h1>Report</h1><script>window.hurt = 1</script>")
    if blessing.verdict == "passed":
        manifest = staff_world.manifest(run.release_version)
        training_runs.settle_blessed(session, run.id, manifest, blessing)
        keep(parts.storage, release_key(run.release_version, "evaluation.json"), challenger.to_bytes())
        keep(parts.storage, release_key(run.release_version, "MODEL_CARD.md"), b"# Model card\nFor the blue bins.")
    else:
        training_runs.settle_blocked(session, run.id, blessing)
    return run.id


def progress(epoch: int) -> Progress:
    """What a trainer says after an epoch; it gets slowly better."""
    metrics = {
        "accuracy": 1 - 0.6 / epoch,
        "val_accuracy": 0.95 - 0.6 / epoch,
        "loss": 2 / epoch,
        "val_loss": 2.4 / epoch,
    }
    return Progress(stage="head" if epoch < 5 else "tail", epoch=epoch, epochs=20, metrics=metrics, seconds_left=754)


def keep(storage: ObjectStore, key: str, content: bytes) -> None:
    obstore.put(storage, key, content)


def bundled(session: Session) -> Release:
    return releases.add_bundled(session, staff_world.manifest(1), staff_world.blessing())


def under_way(session: Session, parts: Parts) -> int:
    """Release 2 is at 25 % of the phones, which report for four days: on its side they correct more."""
    bundled(session)
    judged_run(session, parts)
    release = session.get_one(Release, 2)
    release.state, release.published_at = ReleaseState.PUBLISHED, now()
    session.flush()
    terms = Terms(RolloutPlan.parse("25:24, 50:24, 100"))
    rollout = rollouts.start(session, "eve", 2, terms, "better at plastic", moment=now() - timedelta(days=5))
    rollout.stage_started_at = rollout.started_at = now() - timedelta(days=5)
    rollout.came_from = 1
    sides = (
        (use(2, Arm.CANDIDATE, answers=25, loads=1), 12, 0.09),
        (use(1, Arm.CURRENT, answers=25, loads=1), 24, 0.06),
    )
    for days_ago in (4, 3, 2, 1):
        a_day(session, parts.settings, (now() - timedelta(days=days_ago)).date(), sides, seed=days_ago)
    assert rollout.id is not None
    return rollout.id


def workplace(parts: Parts) -> Workplace:
    """Workers of this city, in this process; keys as `wastelens run` makes them."""
    if not parts.settings.resolved_keys_dir.exists():
        signing_keys.init(parts.settings.resolved_keys_dir)
    model = CurrentModel(parts.engine, parts.storage)
    return Workplace(parts.settings, parts.engine, Bell(), parts.storage, parts.updates, model)


def work_off(place: Workplace, *kinds: JobKind) -> None:
    """Do what waits, one kind after the other."""
    for kind in kinds:
        with transaction(place.engine) as session:
            waiting = session.exec(select(Job.id).where(Job.kind == kind, Job.state == JobState.QUEUED)).all()
        for job_id in waiting:
            assert job_id is not None
            work(place, job_id, TASKS[kind])


@contextmanager
def at_work(place: Workplace, *kinds: JobKind) -> Iterator[None]:
    """Do it beside what happens meanwhile, and wait for its end."""
    thread = threading.Thread(target=work_off, args=(place, *kinds))
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def rollout_row(parts: Parts, rollout_id: int) -> Rollout:
    with transaction(parts.engine) as session:
        return session.get_one(Rollout, rollout_id)
