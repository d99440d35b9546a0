"""Patches are made beside everything else, published once they are there, and hold up nothing."""

from datetime import datetime, timedelta
from pathlib import Path

import obstore
import pytest
from sqlmodel import select

from backend import job_queue, publisher
from backend.database import now
from backend.evidence.field_reports import Count
from backend.releasing import patches, rollouts
from backend.releasing.patches import Pair
from backend.releasing.release_files import MODEL, release_key
from backend.tables import FieldDay, Job, JobKind, JobState, Patch, PatchState, ReleaseState
from mobile_models.document import sha256
from mobile_models.updates import patches as patch_files
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository, repository_files
from tests.backend.world import make_current
from tests.workers.world import add_release, job_id
from workers import make_patches, upkeep
from workers.claim import Outcome, work
from workers.make_patches import MAKE_PATCH
from workers.publish import PUBLISH
from workers.workplace import Workplace

BUNDLED, CURRENT, CANDIDATE = 1, 2, 3
ON, BACK = Pair(CURRENT, CANDIDATE), Pair(CANDIDATE, CURRENT)
ALL = {Pair(BUNDLED, CURRENT), Pair(BUNDLED, CANDIDATE), ON, BACK}


@pytest.fixture
def city(place: Workplace) -> Workplace:
    """Everybody has release 2, and release 3 is to be brought to them; the app carries release 1."""
    signing_keys.init(place.settings.resolved_keys_dir)
    add_release(place, BUNDLED, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, CURRENT, ReleaseState.PUBLISHED, rollout_percent=100, by_run=True)
    add_release(place, CANDIDATE, ReleaseState.APPROVED, rollout_percent=5, by_run=True)
    return place


def publish(place: Workplace) -> Outcome:
    with place.transaction() as session:
        publisher.ask(session)
    return work(place, job_id(place, JobKind.PUBLISH, publisher.UPDATES), PUBLISH)


def make(place: Workplace, pair: Pair = ON) -> Outcome:
    return work(place, job_id(place, JobKind.PATCH, pair.subject), MAKE_PATCH)


def rows(place: Workplace) -> dict[Pair, PatchState]:
    with place.transaction() as session:
        return {Pair(row.from_version, row.to_version): row.state for row in session.exec(select(Patch))}


def row(place: Workplace, pair: Pair = ON) -> Patch:
    with place.transaction() as session:
        return session.get_one(Patch, pair)


def queued(place: Workplace) -> set[str]:
    with place.transaction() as session:
        jobs = session.exec(select(Job).where(Job.kind == JobKind.PATCH, Job.state == JobState.QUEUED)).all()
        return {job.subject for job in jobs}


def published(place: Workplace) -> dict[str, bytes]:
    """The patches that phones find."""
    repository.verify(place.updates, signing_keys.load(place.settings.resolved_keys_dir).trusted_root)
    targets = repository_files.read_chain(place.updates).channels.signed.targets
    return {
        path: repository_files.read_target(place.updates, target)
        for path, target in targets.items()
        if path.startswith("patches/")
    }


def model(place: Workplace, version: int) -> bytes:
    return bytes(obstore.get(place.storage, release_key(version, MODEL)).bytes())


def damage(place: Workplace, version: int, content: bytes) -> None:
    obstore.put(place.storage, release_key(version, MODEL), content)


def test_a_rollout_asks_for_patches_and_does_not_wait_for_them(city: Workplace) -> None:
    assert publish(city) == Outcome.DONE
    assert rows(city) == dict.fromkeys(ALL, PatchState.REQUESTED)
    assert queued(city) == {pair.subject for pair in ALL}
    pointer = repository.pointer(city.updates, "stable")
    assert pointer is not None
    assert pointer.versions == {CURRENT, CANDIDATE}


def test_a_patch_is_published_after_it_was_made_and_gives_the_candidate(city: Workplace, tmp_path: Path) -> None:
    publish(city)
    assert make(city) == Outcome.DONE
    assert published(city) == {}
    assert work(city, job_id(city, JobKind.PUBLISH, publisher.UPDATES), PUBLISH) == Outcome.DONE, "it asks by itself"
    old, new = model(city, CURRENT), model(city, CANDIDATE)
    ((path, content),) = published(city).items()
    assert path == patch_files.target_path(sha256(old), sha256(new))
    assert len(content) == row(city).size_bytes
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "patch").write_bytes(content)
    patch_files.apply(tmp_path / "old", tmp_path / "patch", tmp_path / "new", len(new))
    assert (tmp_path / "new").read_bytes() == new


def test_making_a_patch_twice_is_making_it_once(city: Workplace) -> None:
    publish(city)
    make(city)
    before = row(city).ended_at
    with city.transaction() as session:
        job_queue.enqueue(session, JobKind.PATCH, ON.subject)
    assert make(city) == Outcome.DONE
    assert row(city).ended_at == before


def test_what_hardly_saves_anything_is_not_published(city: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_patches, "WORTH_IT", 0.01)
    publish(city)
    assert make(city) == Outcome.DONE
    assert rows(city)[ON] == PatchState.NOT_SMALLER
    publish(city)
    assert published(city) == {}
    assert ON.subject not in queued(city), "it is not tried again"


def test_a_model_that_is_not_in_storage_gives_no_patch_and_says_so(city: Workplace) -> None:
    publish(city)
    obstore.delete(city.storage, release_key(CURRENT, MODEL))
    assert make(city) == Outcome.GIVEN_UP
    assert (row(city).state, row(city).error) == (PatchState.FAILED, "The model of release 2 is not in storage.")


def test_a_model_that_is_not_the_one_of_its_release_gives_no_patch(city: Workplace) -> None:
    publish(city)
    damage(city, CANDIDATE, model(city, CURRENT))
    assert make(city) == Outcome.GIVEN_UP
    assert "not the one that its manifest names" in (row(city).error or "")


def test_a_model_too_large_for_the_memory_of_a_worker_is_left_alone(
    city: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_patches, "LARGEST_BYTES", 1000)
    publish(city)
    assert make(city) == Outcome.GIVEN_UP
    assert "phones take it whole" in (row(city).error or "")


def test_a_patch_that_would_not_give_the_model_is_never_stored(
    city: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(city)
    back = patch_files.make(model(city, CANDIDATE), model(city, CURRENT))
    monkeypatch.setattr(patch_files, "make", lambda *_: back)
    assert make(city) == Outcome.RETRIED_LATER
    with pytest.raises(FileNotFoundError):
        obstore.head(city.storage, ON.key)


def test_a_patch_that_failed_is_asked_for_again_after_a_day(city: Workplace) -> None:
    publish(city)
    moment = now()
    with city.transaction() as session:
        patches.settle_failed(session, ON, "the worker had no room", moment)
    with city.transaction() as session:
        patches.ask_for_wanted(session, moment + timedelta(hours=23))
    assert rows(city)[ON] == PatchState.FAILED
    with city.transaction() as session:
        patches.ask_for_wanted(session, moment + timedelta(hours=25))
    assert (row(city).state, row(city).error) == (PatchState.REQUESTED, None)


def test_a_patch_whose_job_was_lost_gets_one(city: Workplace) -> None:
    publish(city)
    with city.transaction() as session:
        for job in session.exec(select(Job).where(Job.kind == JobKind.PATCH)):
            session.delete(job)
    upkeep.ask_again_for_what_was_lost(city)
    assert queued(city) == {pair.subject for pair in ALL}
    upkeep.ask_again_for_what_was_lost(city)
    with city.transaction() as session:
        assert len(session.exec(select(Job).where(Job.kind == JobKind.PATCH)).all()) == len(ALL)


def test_a_stored_patch_that_was_lost_is_made_again_and_holds_up_no_other(city: Workplace) -> None:
    publish(city)
    make(city, ON)
    make(city, BACK)
    obstore.delete(city.storage, ON.key)
    assert publish(city) == Outcome.DONE
    assert len(published(city)) == 1
    assert rows(city)[ON] == PatchState.REQUESTED
    assert make(city, ON) == Outcome.DONE
    publish(city)
    assert len(published(city)) == 2


def test_after_a_halt_the_way_back_stays_small_and_the_way_on_is_gone(city: Workplace) -> None:
    publish(city)
    for pair in (ON, BACK):
        make(city, pair)
    publish(city)
    assert set(published(city)) == {path(city, ON), path(city, BACK)}
    halt(city)
    publish(city)
    assert set(published(city)) == {path(city, BACK)}
    assert BACK not in wanted(city, now() + patches.ON_THE_WAY_BACK + timedelta(hours=1))


def test_after_a_rollout_the_way_back_is_made_beforehand(city: Workplace) -> None:
    publish(city)
    with city.transaction() as session:
        (rollout,) = rollouts.running(session)
        rollouts.widen(session, "ada", rollout, 100, "good")
    assert wanted(city) == {Pair(BUNDLED, CANDIDATE), BACK}


def test_a_patch_that_nobody_wants_is_deleted_after_a_while(city: Workplace) -> None:
    publish(city)
    make(city)
    halt(city)
    make_patches.forget_unwanted(city)
    assert ON in rows(city), "a decision may be taken back"
    with city.transaction() as session:
        session.get_one(Patch, ON).ended_at = now() - make_patches.KEPT_FOR - timedelta(hours=1)
    make_patches.forget_unwanted(city)
    assert ON not in rows(city)
    with pytest.raises(FileNotFoundError):
        obstore.head(city.storage, ON.key)
    make_patches.forget_unwanted(city)


def test_a_patch_that_is_wanted_is_kept_however_old_it_is(city: Workplace) -> None:
    publish(city)
    make(city)
    with city.transaction() as session:
        session.get_one(Patch, ON).ended_at = now() - timedelta(days=400)
    make_patches.forget_unwanted(city)
    assert ON in rows(city)


def test_a_release_that_phones_report_gets_its_patch(city: Workplace) -> None:
    add_release(city, 7, ReleaseState.PUBLISHED, rollout_percent=100, by_run=True)
    with city.transaction() as session:
        make_current(session, CURRENT)
    assert Pair(7, CANDIDATE) not in wanted(city)
    with city.transaction() as session:
        counted = {"channel": "stable", "arm": "current", "name": Count.RUNNING, "day": now().date()}
        session.add(FieldDay(version=7, number=2, **counted))
        session.add(FieldDay(version=CURRENT, number=98, **counted))
    assert Pair(7, CANDIDATE) in wanted(city)


def halt(place: Workplace) -> None:
    with place.transaction() as session:
        (rollout,) = rollouts.running(session)
        rollouts.halt(session, "ada", rollout, "worse")


def wanted(place: Workplace, moment: datetime | None = None) -> frozenset[Pair]:
    with place.transaction() as session:
        return patches.wanted(session, moment or now())


def path(place: Workplace, pair: Pair) -> str:
    return patch_files.target_path(*(sha256(model(place, version)) for version in pair))
