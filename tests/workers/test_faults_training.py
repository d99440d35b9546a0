"""Workers that are really killed while they train: the run goes on from its checkpoint, once, on both installations."""

import os
from collections.abc import Callable

import pytest
from sqlmodel import select

from backend.settings import Settings
from backend.tables import Job, JobState, Release, ReleaseState, TrainingRunState
from tests.waiting import wait_until
from tests.workers.processes import STAND_IN_TRAINER, beat, worker
from tests.workers.world import add_gold, ask_for_freeze, ask_for_training, end_leases, epochs, read_run
from workers.workplace import Workplace


def ask(place: Workplace, count: int, behaviour: str) -> str:
    """What a person asks for: freeze what there is, and train on it."""
    add_gold(place)
    return ask_for_training(place, ask_for_freeze(place), behaviour, epochs=count)


def has_trained(place: Workplace, run_id: str, count: int) -> Callable[[], bool]:
    return lambda: len(epochs(place, run_id)) >= count


def has_ended(place: Workplace, run_id: str) -> Callable[[], bool]:
    ended = {TrainingRunState.BLESSED, TrainingRunState.BLOCKED, TrainingRunState.FAILED}
    return lambda: read_run(place, run_id).state in ended


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def assert_done_once(place: Workplace, run_id: str, count: int) -> None:
    assert [epoch for _, epoch in epochs(place, run_id)] == list(range(1, count + 1))
    run = read_run(place, run_id)
    assert (run.state, run.error) == (TrainingRunState.BLESSED, None)
    with place.transaction() as session:
        assert [(row.version, row.state) for row in session.exec(select(Release))] == [
            (run.release_version, ReleaseState.PROPOSED)
        ]
        assert {job.state for job in session.exec(select(Job)) if job.subject == run_id} == {JobState.DONE}


def test_a_run_whose_worker_is_killed_goes_on_from_its_checkpoint(installation: Settings, installed: Workplace) -> None:
    with worker(installation, trainer=STAND_IN_TRAINER) as doomed, beat(installation) as schedule:
        run_id = ask(installed, 5, "hang once at 3")
        wait_until(has_trained(installed, run_id, 3), doomed, schedule)
        doomed.kill()
        trainers = {process for process, _ in epochs(installed, run_id)}
        wait_until(lambda: all(map(is_gone, trainers)))  # The trainer sees that its worker is no more.
        end_leases(installed)
        with worker(installation, "second", trainer=STAND_IN_TRAINER) as second:
            wait_until(has_ended(installed, run_id), second, schedule)
    assert_done_once(installed, run_id, 5)
    assert len({process for process, _ in epochs(installed, run_id)}) == 2


@pytest.mark.parametrize("installation", ["embedded"], indirect=True)
def test_a_run_whose_trainer_is_killed_goes_on_from_its_checkpoint(
    installation: Settings, installed: Workplace
) -> None:
    with worker(installation, trainer=STAND_IN_TRAINER) as only, beat(installation) as schedule:
        run_id = ask(installed, 5, "hang once at 3")
        wait_until(has_trained(installed, run_id, 3), only, schedule)
        os.kill(epochs(installed, run_id)[0][0], 9)
        wait_until(has_ended(installed, run_id), only, schedule)
    assert_done_once(installed, run_id, 5)
    assert len({process for process, _ in epochs(installed, run_id)}) == 2


@pytest.mark.parametrize("installation", ["production"], indirect=True)
def test_a_run_is_handed_over_when_its_worker_is_told_to_end(installation: Settings, installed: Workplace) -> None:
    with worker(installation, trainer=STAND_IN_TRAINER) as first, beat(installation) as schedule:
        run_id = ask(installed, 4, "hang once at 2")
        wait_until(has_trained(installed, run_id, 2), first, schedule)
        assert first.stop() == 0
        with worker(installation, "second", trainer=STAND_IN_TRAINER) as second:
            wait_until(has_ended(installed, run_id), second, schedule)
    assert_done_once(installed, run_id, 4)
