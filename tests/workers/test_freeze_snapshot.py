"""Freezing keeps the document under its digest and lets the runs that wait for it begin."""

import obstore
import pytest
from sqlmodel import select

from backend import job_queue
from backend.tables import (
    DatasetSnapshotPhoto,
    DatasetSnapshotRow,
    DatasetSnapshotState,
    Job,
    JobKind,
    JobState,
    Photo,
    PhotoSource,
    PhotoState,
    TrainingRunState,
)
from mobile_models.document import sha256
from tests.workers.world import Bell, add_gold, ask_for_freeze, ask_for_training, job_id, read_run
from training.dataset import DatasetSnapshot
from workers import artefacts
from workers.claim import Outcome, work
from workers.freeze_snapshot import FREEZE_SNAPSHOT
from workers.workplace import Workplace


def freeze(place: Workplace, snapshot_id: int) -> Outcome:
    return work(place, job_id(place, JobKind.FREEZE, str(snapshot_id)), FREEZE_SNAPSHOT)


def read(place: Workplace, snapshot_id: int) -> DatasetSnapshotRow:
    with place.transaction() as session:
        return session.get_one(DatasetSnapshotRow, snapshot_id)


def test_a_frozen_snapshot_can_be_read_back_under_its_digest(place: Workplace) -> None:
    photo_ids = add_gold(place)
    snapshot_id = ask_for_freeze(place)
    assert freeze(place, snapshot_id) == Outcome.DONE
    row = read(place, snapshot_id)
    assert row.state == DatasetSnapshotState.FROZEN
    assert row.digest is not None
    content = bytes(obstore.get(place.storage, artefacts.snapshot_key(row.digest)).bytes())
    assert sha256(content) == row.digest
    document = DatasetSnapshot.model_validate_json(content)
    with place.transaction() as session:
        expected = set(session.exec(select(Photo.sha256)).all())
        assert set(session.exec(select(DatasetSnapshotPhoto.photo_id)).all()) == set(photo_ids)
    assert {photo.sha256 for photo in document.photos} == expected


def test_without_gold_labels_it_says_why_and_so_do_the_runs_that_waited(place: Workplace) -> None:
    snapshot_id = ask_for_freeze(place)
    run_id = ask_for_training(place, snapshot_id)
    assert freeze(place, snapshot_id) == Outcome.GIVEN_UP
    row, run = read(place, snapshot_id), read_run(place, run_id)
    assert row.state == DatasetSnapshotState.FAILED
    assert row.error
    assert run.state == TrainingRunState.FAILED
    assert row.error in (run.error or "")


def test_the_runs_that_wait_are_rung_for(place: Workplace, bell: Bell) -> None:
    add_gold(place)
    snapshot_id = ask_for_freeze(place)
    run_id = ask_for_training(place, snapshot_id)
    bell.rung.clear()
    assert freeze(place, snapshot_id) == Outcome.DONE
    assert (JobKind.RETRAIN, job_id(place, JobKind.RETRAIN, run_id)) in bell.rung


def test_freezing_twice_changes_nothing(place: Workplace) -> None:
    add_gold(place)
    snapshot_id = ask_for_freeze(place)
    freeze(place, snapshot_id)
    before = read(place, snapshot_id)
    with place.transaction() as session:
        job = session.get_one(Job, job_id(place, JobKind.FREEZE, str(snapshot_id)))
        job.state = JobState.QUEUED
    assert freeze(place, snapshot_id) == Outcome.DONE
    assert read(place, snapshot_id) == before


def test_a_document_that_cannot_be_stored_freezes_nothing(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    add_gold(place)
    snapshot_id = ask_for_freeze(place)

    def fail(*_: object) -> None:
        raise OSError("bucket away")

    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "store_snapshot", fail)
        assert freeze(place, snapshot_id) == Outcome.RETRIED_LATER
    assert read(place, snapshot_id).state == DatasetSnapshotState.REQUESTED


def test_a_data_set_waits_for_imported_photos_that_are_still_being_inspected(place: Workplace) -> None:
    first, *_ = add_gold(place)
    snapshot_id = ask_for_freeze(place)
    with place.transaction() as session:
        photo = session.get_one(Photo, first)
        photo.state, photo.source = PhotoState.RECEIVED, PhotoSource.IMPORT
        job_queue.enqueue(session, JobKind.INSPECT, first)
    assert freeze(place, snapshot_id) == Outcome.GIVEN_BACK
    with place.transaction() as session:
        session.get_one(Job, job_id(place, JobKind.INSPECT, first)).state = JobState.FAILED
    assert freeze(place, snapshot_id) == Outcome.DONE, "it waits for no inspection that has been given up"
