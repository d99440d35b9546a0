"""The Celery application: queues, tasks, and the schedule that keeps everything moving.

Guarantees: a message carries a job id and nothing else, and losing or doubling one changes nothing (`workers.claim`).
On SIGTERM long work is given back, so the process ends soon and another goes on.

    celery --app workers.celery_app worker --queues inspect,train,publish --pool threads --concurrency 4
    celery --app workers.celery_app beat
"""

import logging
import threading
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutting_down
from kombu.entity import Queue

from backend.doorbell import QUEUES
from backend.settings import Settings
from backend.tables import JobKind
from workers import claim, upkeep
from workers.explain_photo import EXPLAIN_PHOTO
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.inspect_photo import INSPECT_PHOTO
from workers.make_patches import MAKE_PATCH
from workers.publish import PUBLISH
from workers.retrain import RETRAIN
from workers.workplace import Workplace, open_workplace

SOFT_SHUTDOWN_SECONDS = 10
REDIS_VISIBILITY_SECONDS = 3600

_settings = Settings()
_stopping = threading.Event()
_one_training = threading.Lock()
_one_patch = threading.Lock()
_one_explanation = threading.Lock()


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings for a broker: the SQLite file of the embedded default, Redis, or RabbitMQ."""
    broker = settings.resolved_broker_url
    embedded = broker.startswith("sqla+")
    return {
        "broker_url": broker,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": _transport_options(broker),
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [Queue(name) for name in sorted(set(QUEUES.values()))],  # type: ignore[no-untyped-call]
        "task_default_queue": QUEUES[JobKind.PUBLISH],
        "task_create_missing_queues": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_soft_shutdown_timeout": SOFT_SHUTDOWN_SECONDS,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": not embedded,  # The database transport has no broadcast.
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "beat_schedule_filename": str(settings.data_dir.resolve() / "schedule.db"),
        "beat_schedule": {
            "upkeep": {
                "task": "wastelens.upkeep",
                "schedule": settings.sweep_seconds,
                "options": {"expires": settings.sweep_seconds, "queue": QUEUES[JobKind.PUBLISH]},
            }
        },
    }


def _transport_options(broker: str) -> dict[str, Any]:
    """With these two Redis hands out what a killed worker held within seconds after the visibility timeout."""
    if not broker.startswith("redis"):
        return {}
    return {
        "visibility_timeout": REDIS_VISIBILITY_SECONDS,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }


app = Celery("wastelens")
app.conf.update(configuration(_settings))


@cache
def workplace() -> Workplace:
    return open_workplace(_settings, _stopping)


def _inspect(job_id: int) -> None:
    claim.work_through(workplace(), JobKind.INSPECT, job_id, INSPECT_PHOTO)


def _freeze(job_id: int) -> None:
    claim.work_through(workplace(), JobKind.FREEZE, job_id, FREEZE_SNAPSHOT)


def _retrain(job_id: int) -> None:
    """One on a host at a time: a second one is not claimed, and a later bell of the sweep finds it."""
    if not _one_training.acquire(blocking=False):
        return
    try:
        claim.work_through(workplace(), JobKind.RETRAIN, job_id, RETRAIN)
    finally:
        _one_training.release()


def _publish(job_id: int) -> None:
    claim.work_through(workplace(), JobKind.PUBLISH, job_id, PUBLISH)


def _make_patch(job_id: int) -> None:
    """One in a process at a time, for the sake of its memory."""
    if not _one_patch.acquire(blocking=False):
        return
    try:
        claim.work_through(workplace(), JobKind.PATCH, job_id, MAKE_PATCH)
    finally:
        _one_patch.release()


def _explain(job_id: int) -> None:
    """One in a process at a time: the network and its gradients are large."""
    if not _one_explanation.acquire(blocking=False):
        return
    try:
        claim.work_through(workplace(), JobKind.EXPLAIN, job_id, EXPLAIN_PHOTO)
    finally:
        _one_explanation.release()


def _keep_up() -> None:
    upkeep.run(workplace())


def _log_to_standard_error(**_: object) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _open_the_workplace(**_: object) -> None:
    """Before the first thread asks for it: two at once would open two."""
    workplace()


def _give_long_work_back(**_: object) -> None:
    _stopping.set()


for _kind, _task in (
    (JobKind.INSPECT, _inspect),
    (JobKind.FREEZE, _freeze),
    (JobKind.RETRAIN, _retrain),
    (JobKind.PUBLISH, _publish),
    (JobKind.PATCH, _make_patch),
    (JobKind.EXPLAIN, _explain),
):
    app.task(_task, name=f"wastelens.{_kind}")
app.task(_keep_up, name="wastelens.upkeep")
setup_logging.connect(_log_to_standard_error)
worker_init.connect(_open_the_workplace)
worker_shutting_down.connect(_give_long_work_back)
