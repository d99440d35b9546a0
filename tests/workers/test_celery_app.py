"""The application behind each kind of broker, and what a broker that delivers twice cannot do."""

import re
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import select

from backend.doorbell import QUEUES
from backend.settings import Settings
from backend.tables import Job, JobKind, Release, TrainingRunState
from tests.waiting import wait_until
from tests.workers.processes import STAND_IN_TRAINER, beat, worker
from tests.workers.world import add_gold, ask_for_freeze, ask_for_training, epochs, job_id, read_run
from workers.celery_app import app, configuration
from workers.claim import Outcome, work
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.workplace import Workplace


def test_every_kind_of_job_has_a_task_and_a_queue() -> None:
    app.finalize()
    assert {f"wastelens.{kind}" for kind in JobKind} | {"wastelens.upkeep"} <= set(app.tasks)
    assert {queue.name for queue in configuration(Settings())["task_queues"]} == {QUEUES[kind] for kind in JobKind}


def test_by_default_the_queue_is_a_file_of_its_own(tmp_path: Path) -> None:
    found = configuration(Settings(data_dir=tmp_path))
    assert found["broker_url"] == f"sqla+sqlite:///{tmp_path}/queue.sqlite3"
    assert found["broker_transport_options"] == {}, "SQLAlchemy would refuse options that it does not know"
    assert not found["worker_enable_remote_control"]


def test_with_redis_what_a_killed_worker_held_is_handed_out_soon_after_its_time(tmp_path: Path) -> None:
    options = configuration(Settings(data_dir=tmp_path, broker_url="redis://queue:6379/0"))["broker_transport_options"]
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (1, 1)


def test_messages_are_json_with_ids_and_no_results_are_kept() -> None:
    found = configuration(Settings())
    assert (found["task_serializer"], found["accept_content"]) == ("json", ["json"])
    assert (found["result_backend"], found["task_ignore_result"]) == (None, True)


def test_the_schedule_is_one_sweep_whose_message_does_not_pile_up() -> None:
    entry = configuration(Settings(sweep_seconds=7))["beat_schedule"]["upkeep"]
    assert (entry["schedule"], entry["options"]["expires"]) == (7, 7)


@pytest.mark.parametrize("installation", ["production"], indirect=True)
def test_a_broker_that_delivers_again_starts_nothing_twice(installation: Settings, installed: Workplace) -> None:
    """A message that is not acknowledged within the visibility timeout comes again, here after a second."""
    arranged: dict[str, object] = {"trainer": STAND_IN_TRAINER, "visibility_seconds": 1}
    add_gold(installed)
    snapshot_id = ask_for_freeze(installed)
    assert work(installed, job_id(installed, JobKind.FREEZE, str(snapshot_id)), FREEZE_SNAPSHOT) == Outcome.DONE
    with worker(installation, "one", **arranged) as one, worker(installation, "two", **arranged) as two:
        with beat(installation) as schedule:
            run_id = ask_for_training(installed, snapshot_id, epochs=40)
            ended = {TrainingRunState.BLESSED, TrainingRunState.FAILED}
            wait_until(lambda: read_run(installed, run_id).state in ended, one, two, schedule)
        deliveries = Counter(re.findall(r"wastelens\.retrain\[(\S+)\] received", one.log.read_text()))
    assert max(deliveries.values()) >= 2, "this broker did not deliver anything again"
    assert read_run(installed, run_id).state == TrainingRunState.BLESSED
    assert [epoch for _, epoch in epochs(installed, run_id)] == list(range(1, 41))
    assert len({process for process, _ in epochs(installed, run_id)}) == 1
    with installed.transaction() as session:
        assert len(session.exec(select(Release)).all()) == 1
        assert session.exec(select(Job.token).where(Job.kind == JobKind.RETRAIN)).one() == 1
