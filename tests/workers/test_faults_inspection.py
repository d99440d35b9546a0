"""Workers that are really killed while they inspect: nothing is lost and nothing doubled, on both installations."""

from sqlmodel import select

from backend import job_queue
from backend.settings import Settings
from backend.tables import Job, JobKind, JobState, Opinionated, Photo, PhotoId, PhotoState, Prediction
from tests.pictures import COLOURS, draw
from tests.waiting import wait_until
from tests.workers.processes import beat, frozen_mark, worker, worker_that_freezes_at
from tests.workers.world import end_leases, publish_release, receive
from workers.workplace import Workplace


def ask(place: Workplace, photo_id: PhotoId) -> None:
    with place.transaction() as session:
        job_queue.enqueue(session, JobKind.INSPECT, photo_id)


def states(place: Workplace) -> list[PhotoState]:
    with place.transaction() as session:
        return list(session.exec(select(Photo.state)).all())


def all_are_inspected(place: Workplace) -> bool:
    return set(states(place)) == {PhotoState.INSPECTED}


def assert_each_was_inspected_once(place: Workplace, photo_ids: list[PhotoId]) -> None:
    with place.transaction() as session:
        opinions = session.exec(select(Prediction.photo_id).where(Prediction.made_by == Opinionated.SERVER)).all()
        jobs = session.exec(select(Job)).all()
    assert sorted(opinions) == sorted(photo_ids)
    assert {job.state for job in jobs if job.kind == JobKind.INSPECT} == {JobState.DONE}


def test_a_killed_inspection_is_done_by_the_next_worker(installation: Settings, installed: Workplace) -> None:
    publish_release(installed)
    photo_ids = [receive(installed, draw(label)) for label in COLOURS]
    with worker_that_freezes_at("mobile_models.photo:decode", installation) as doomed:
        for photo_id in photo_ids:
            ask(installed, photo_id)
        wait_until(frozen_mark(installation).exists, doomed)
        doomed.kill()
        end_leases(installed)
    assert PhotoState.INSPECTED not in states(installed)
    with worker(installation) as next_one, beat(installation) as schedule:
        wait_until(lambda: all_are_inspected(installed), next_one, schedule)
    assert_each_was_inspected_once(installed, photo_ids)


def test_a_worker_killed_while_it_settles_leaves_nothing_half(installation: Settings, installed: Workplace) -> None:
    publish_release(installed)
    photo_id = receive(installed, draw("glass"))
    with worker_that_freezes_at("backend.intake.near_duplicates:join_group", installation) as doomed:
        ask(installed, photo_id)
        wait_until(frozen_mark(installation).exists, doomed)
        doomed.kill()
        end_leases(installed)
    assert states(installed) == [PhotoState.RECEIVED]
    with worker(installation) as next_one, beat(installation) as schedule:
        wait_until(lambda: all_are_inspected(installed), next_one, schedule)
    assert_each_was_inspected_once(installed, [photo_id])


def test_photos_whose_bells_and_jobs_were_lost_are_inspected(installation: Settings, installed: Workplace) -> None:
    publish_release(installed)
    photo_ids = [receive(installed, draw(label)) for label in COLOURS]
    with worker(installation) as next_one, beat(installation) as schedule:
        wait_until(lambda: all_are_inspected(installed), next_one, schedule)
    assert_each_was_inspected_once(installed, photo_ids)


def test_a_worker_that_is_told_to_end_does_so_soon(installation: Settings) -> None:
    with worker(installation) as told:
        wait_until(lambda: b"ready" in told.log.read_bytes(), told)
        assert told.stop() == 0
