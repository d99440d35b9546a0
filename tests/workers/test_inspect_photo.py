"""A photo that came in is inspected once and whole, or quarantined with the reason."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore.store import ObjectStore
from sqlmodel import select

from backend import job_queue
from backend.intake import moderation, photo_store
from backend.intake.near_duplicates import Look, cosine
from backend.intake.photo_sandbox import PhotoSandbox
from backend.people.staff import Person
from backend.settings import Settings
from backend.tables import JobKind, Opinionated, Photo, PhotoId, PhotoState, Prediction, Role
from mobile_models.document import sha256
from mobile_models.photo import PhotoLimits
from tests.pictures import draw
from tests.workers.world import publish_release, receive
from workers.claim import MAX_ATTEMPTS, Outcome, work
from workers.inspect_photo import INSPECT_PHOTO, in_random_share
from workers.workplace import Workplace


def inspect(place: Workplace, photo_id: PhotoId) -> Outcome:
    with place.transaction() as session:
        job_id = job_queue.enqueue(session, JobKind.INSPECT, photo_id).id
    assert job_id is not None
    return work(place, job_id, INSPECT_PHOTO)


def read(place: Workplace, photo_id: PhotoId) -> Photo:
    with place.transaction() as session:
        return session.get_one(Photo, photo_id)


def opinions(place: Workplace, photo_id: PhotoId) -> list[Prediction]:
    statement = select(Prediction).where(Prediction.photo_id == photo_id, Prediction.made_by == Opinionated.SERVER)
    with place.transaction() as session:
        return list(session.exec(statement).all())


def test_an_inspected_photo_has_the_servers_opinion_a_look_and_a_value(place: Workplace, tmp_path: Path) -> None:
    publish_release(place, version=3)
    photo_id = receive(place, draw("glass"), predicted="metal")
    assert inspect(place, photo_id) == Outcome.DONE
    photo = read(place, photo_id)
    assert photo.state == PhotoState.INSPECTED
    assert photo.inspected_at is not None
    assert photo.perceptual_hash is not None and len(photo.perceptual_hash) == 16
    assert photo.embedding is not None and cosine(photo.embedding, photo.embedding) == pytest.approx(1, abs=0.01)
    assert photo.embedding_release == 3
    assert photo.review_value > 0, "phone and server disagree"
    (opinion,) = opinions(place, photo_id)
    assert (opinion.label, opinion.release_version) == ("glass", 3)
    assert sum(opinion.scores.values()) == pytest.approx(1)


def test_disagreement_is_worth_more_than_agreement(place: Workplace, tmp_path: Path) -> None:
    publish_release(place)
    agreed, disputed = receive(place, draw("glass", 1), "glass"), receive(place, draw("glass", 2), "trash")
    for photo_id in (agreed, disputed):
        assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, disputed).review_value > read(place, agreed).review_value


def test_without_any_model_photos_are_inspected_all_the_same(place: Workplace) -> None:
    photo_id = receive(place, draw("paper"))
    assert inspect(place, photo_id) == Outcome.DONE
    photo = read(place, photo_id)
    assert (photo.state, photo.embedding, photo.embedding_release) == (PhotoState.INSPECTED, None, None)
    assert photo.perceptual_hash is not None
    assert opinions(place, photo_id) == []


def test_inspecting_twice_changes_nothing(place: Workplace, tmp_path: Path) -> None:
    publish_release(place)
    photo_id = receive(place, draw("metal"))
    assert inspect(place, photo_id) == Outcome.DONE
    first = read(place, photo_id)
    assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, photo_id) == first
    assert len(opinions(place, photo_id)) == 1


def test_equal_photos_of_two_residents_stay_two_in_one_group(place: Workplace) -> None:
    first, second = receive(place, draw("trash")), receive(place, draw("trash"))
    other = receive(place, draw("paper"))
    for photo_id in (first, second, other):
        assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, first).group_id == read(place, second).group_id != read(place, other).group_id
    assert {read(place, photo_id).state for photo_id in (first, second)} == {PhotoState.INSPECTED}


def test_equal_photos_inspected_at_the_same_moment_come_into_one_group(place: Workplace) -> None:
    ids = [receive(place, draw("plastic")) for _ in range(4)]
    gate, outcomes = threading.Barrier(len(ids)), list[Outcome]()

    def go(photo_id: PhotoId) -> None:
        gate.wait()
        outcomes.append(inspect(place, photo_id))

    threads = [threading.Thread(target=go, args=(photo_id,)) for photo_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.DONE] * len(ids)
    assert len({read(place, photo_id).group_id for photo_id in ids}) == 1


def test_a_photo_withdrawn_meanwhile_is_left_alone(place: Workplace) -> None:
    photo_id = receive(place, draw("glass"), state=PhotoState.WITHDRAWN)
    photo_store.delete(place.storage, photo_id)
    assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, photo_id).state == PhotoState.WITHDRAWN


def test_a_stored_file_that_is_no_photo_is_quarantined(place: Workplace) -> None:
    photo_id = receive(place, draw("glass"), sha256=sha256(b"no photo"))
    photo_store.put(place.storage, photo_id, b"no photo")
    assert inspect(place, photo_id) == Outcome.GIVEN_UP
    assert "cannot be read" in (read(place, photo_id).quarantine_reason or "")


@pytest.mark.parametrize(
    ("stored", "reason"),
    [(None, "FileNotFoundError"), (b"something else", "The stored file is not the one that was received.")],
    ids=["missing", "another"],
)
def test_a_missing_file_and_another_one_are_waited_for_and_at_last_quarantined(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, stored: bytes | None, reason: str
) -> None:
    monkeypatch.setattr("workers.claim.FIRST_RETRY", timedelta())
    photo_id = receive(place, draw("glass"))
    photo_store.delete(place.storage, photo_id)
    if stored is not None:
        photo_store.put(place.storage, photo_id, stored)
    for _ in range(MAX_ATTEMPTS - 1):
        assert inspect(place, photo_id) == Outcome.RETRIED_LATER
        assert read(place, photo_id).state == PhotoState.RECEIVED
    assert inspect(place, photo_id) == Outcome.GIVEN_UP
    photo = read(place, photo_id)
    assert photo.state == PhotoState.QUARANTINED
    assert (photo.quarantine_reason or "").startswith(reason)


def test_the_random_share_is_the_wanted_fraction_and_the_same_each_time() -> None:
    ids = [PhotoId(f"photo {number}") for number in range(4000)]
    drawn = [in_random_share(photo_id, 0.1) for photo_id in ids]
    assert 320 < sum(drawn) < 480
    assert drawn == [in_random_share(photo_id, 0.1) for photo_id in ids]
    assert all(in_random_share(photo_id, 1.0) for photo_id in ids)
    assert not any(in_random_share(photo_id, 0.0) for photo_id in ids)


def test_the_share_is_written_on_the_row(place: Workplace, settings: Settings) -> None:
    photo_ids = [receive(place, draw("glass", seed)) for seed in range(12)]
    for photo_id in photo_ids:
        inspect(place, photo_id)
    shares = [read(place, photo_id).in_random_share for photo_id in photo_ids]
    assert shares == [in_random_share(photo_id, settings.review_random_fraction) for photo_id in photo_ids]


def cover(place: Workplace, photo_id: PhotoId) -> None:
    sandbox = PhotoSandbox(PhotoLimits(), 1600)
    try:
        ada = Person(1, "ada", Role.ENGINEER)
        moderation.redact(place.transaction, place.storage, sandbox, ada, photo_id, [(0, 0, 30, 30)])
    finally:
        sandbox.close()


def test_a_photo_that_was_covered_is_inspected_anew_and_keeps_its_opinions(place: Workplace) -> None:
    publish_release(place, version=3)
    photo_id = receive(place, draw("glass"))
    assert inspect(place, photo_id) == Outcome.DONE
    before = read(place, photo_id)
    cover(place, photo_id)
    assert read(place, photo_id).embedding is None
    assert inspect(place, photo_id) == Outcome.DONE
    after = read(place, photo_id)
    assert (after.state, after.sha256 == before.sha256) == (PhotoState.INSPECTED, False)
    assert after.embedding is not None and after.embedding != before.embedding
    assert len(opinions(place, photo_id)) == 1
    assert (after.predicted_label, after.predicted_release) == ("glass", 3)


def test_what_was_seen_before_a_photo_was_covered_is_not_kept(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = receive(place, draw("glass"))
    look = Look.of

    def covered_meanwhile(*seen: Any) -> Look:
        monkeypatch.setattr(Look, "of", look)
        cover(place, photo_id)
        return look(*seen)

    monkeypatch.setattr(Look, "of", covered_meanwhile)
    assert inspect(place, photo_id) == Outcome.DONE
    photo = read(place, photo_id)
    assert (photo.state, photo.perceptual_hash) == (PhotoState.RECEIVED, None)
    assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, photo_id).perceptual_hash is not None


def test_a_photo_that_is_covered_while_it_is_fetched_is_inspected_and_not_quarantined(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = receive(place, draw("glass"))
    fetch = photo_store.read

    def covered_meanwhile(storage: ObjectStore, wanted: PhotoId) -> bytes:
        monkeypatch.setattr(photo_store, "read", fetch)
        cover(place, photo_id)
        return fetch(storage, wanted)

    monkeypatch.setattr(photo_store, "read", covered_meanwhile)
    assert inspect(place, photo_id) == Outcome.RETRIED_LATER
    assert read(place, photo_id).state == PhotoState.RECEIVED
    assert inspect(place, photo_id) == Outcome.DONE
    assert read(place, photo_id).state == PhotoState.INSPECTED
