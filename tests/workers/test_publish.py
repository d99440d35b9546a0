"""The publisher makes the update repository agree with the database, as far as its keys allow."""

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import ObjectStore
from sqlmodel import select

from backend import job_queue, publisher
from backend.guides import guidance
from backend.people.staff import Person
from backend.records import audit_log
from backend.releasing import channels, releases, rollouts
from backend.releasing.release_files import release_key
from backend.tables import Job, JobKind, JobState, Release, ReleaseSignature, ReleaseState, Role, RolloutState
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository, repository_lock
from mobile_models.updates.publishing.repository import StagedSignature
from tests.waiting import PATIENCE_SECONDS, somebody_waits, wait_until
from tests.workers.world import add_release
from workers.claim import MAX_ATTEMPTS, Outcome, work
from workers.publish import PUBLISH
from workers.workplace import Workplace


def publish(place: Workplace) -> Outcome:
    with place.transaction() as session:
        job_id = job_queue.enqueue(session, JobKind.PUBLISH, "updates").id
    assert job_id is not None
    return work(place, job_id, PUBLISH)


def states(place: Workplace) -> dict[int, ReleaseState]:
    with place.transaction() as session:
        return {row.version: row.state for row in session.exec(select(Release))}


def verify(place: Workplace) -> repository.Published:
    return repository.verify(place.updates, signing_keys.load(place.settings.resolved_keys_dir).trusted_root)


@pytest.fixture
def keys(place: Workplace) -> Path:
    signing_keys.init(place.settings.resolved_keys_dir)
    return place.settings.resolved_keys_dir


@pytest.fixture
def offline_keys(place: Workplace, tmp_path: Path) -> Path:
    """Two people hold the keys of `targets`; the publisher has the online ones only."""
    everything = tmp_path / "safe"
    signing_keys.init(everything, targets_keys=2, targets_threshold=2)
    (everything / "online").rename(place.settings.resolved_keys_dir)
    return everything


def sign(place: Workplace, version: int, key: Path) -> None:
    """What `wastelens releases sign` does, with a key that no server sees."""
    staged = bytes(obstore.get(place.storage, publisher.staged_key(version)).bytes())
    made: StagedSignature = repository.sign_staged(staged, signing_keys.load_signer(key))
    repository.check_signature(place.updates, staged, made)
    with place.transaction() as session:
        session.add(
            ReleaseSignature(
                version=version, key_id=made.key_id, staged_sha256=made.staged_sha256, signature=made.signature
            )
        )


def test_an_approved_release_is_published_and_phones_are_pointed_to_it(place: Workplace, keys: Path) -> None:
    add_release(place, 1, ReleaseState.APPROVED, rollout_percent=100)
    assert publish(place) == Outcome.DONE
    assert states(place) == {1: ReleaseState.PUBLISHED}
    published = verify(place)
    assert published.versions == {1}
    assert published.channels["stable"].current == 1


def test_a_release_in_steps_is_a_candidate_beside_the_current_one(place: Workplace, keys: Path) -> None:
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=5)
    assert publish(place) == Outcome.DONE
    pointer = verify(place).channels["stable"]
    assert pointer.current == 1
    assert pointer.candidate is not None
    assert (pointer.candidate.version, pointer.candidate.rollout_percent) == (2, 5)


def test_publishing_what_is_published_changes_nothing(place: Workplace, keys: Path) -> None:
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    publish(place)
    before = {found["path"]: found["e_tag"] for chunk in obstore.list(place.updates) for found in chunk}
    assert publish(place) == Outcome.DONE
    assert {found["path"]: found["e_tag"] for chunk in obstore.list(place.updates) for found in chunk} == before


def test_signing_twice_with_threshold_two_publishes_and_once_does_not(place: Workplace, offline_keys: Path) -> None:
    add_release(place, 1, ReleaseState.APPROVED, rollout_percent=100)
    assert publish(place) == Outcome.DONE
    assert states(place) == {1: ReleaseState.AWAITING_SIGNATURES}
    assert verify(place).versions == frozenset(), "the worker alone never can"
    sign(place, 1, offline_keys / "targets-1.pem")
    publish(place)
    assert states(place) == {1: ReleaseState.AWAITING_SIGNATURES}
    assert verify(place).versions == frozenset()
    sign(place, 1, offline_keys / "targets-2.pem")
    publish(place)
    assert states(place) == {1: ReleaseState.PUBLISHED}
    assert verify(place).versions == {1}


def test_without_its_keys_the_publisher_says_so_and_gives_nothing_up(place: Workplace) -> None:
    add_release(place, 1, ReleaseState.APPROVED, rollout_percent=100)
    assert publish(place) == Outcome.RETRIED_LATER
    assert states(place) == {1: ReleaseState.APPROVED}
    with place.transaction() as session:
        job = session.exec(select(Job)).one()
        assert (job.state, "KeyProblem" in (job.error or "")) == (JobState.QUEUED, True)


def test_a_release_whose_files_are_damaged_holds_up_no_other(
    place: Workplace, keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=5)
    obstore.put(place.storage, "artefacts/releases/2/model.tflite", b"damaged")
    assert publish(place) == Outcome.DONE
    assert states(place)[1] == ReleaseState.PUBLISHED
    assert states(place)[2] != ReleaseState.PUBLISHED
    assert verify(place).versions == {1}
    assert "release 2 cannot be published" in caplog.text


def test_what_is_near_its_expiry_is_signed_anew(place: Workplace, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_release(place, 1, ReleaseState.APPROVED, rollout_percent=100)
    old = datetime.now(UTC) - timedelta(days=30)
    reconcile = repository.reconcile
    with monkeypatch.context() as patch:
        patch.setattr(repository, "reconcile", lambda *given, **options: reconcile(*given, **options, moment=old))
        publish(place)
    with pytest.raises(repository.RepositoryInvalid, match="expired"):
        verify(place)
    assert publish(place) == Outcome.DONE
    assert verify(place).versions == {1}


def test_a_withdrawn_release_is_no_longer_offered_and_phones_go_back_to_the_bundled_one(
    place: Workplace, keys: Path
) -> None:
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=100, by_run=True)
    publish(place)
    assert verify(place).channels["stable"].current == 2
    with place.transaction() as session:
        releases.withdraw(session, Person(1, "ada", Role.ENGINEER), 2, "glass goes wrong")
    publish(place)
    published = verify(place)
    assert published.versions == {1}
    assert (published.channels["stable"].current, published.channels["stable"].return_to_bundled) == (None, True)


def test_what_is_decided_while_a_publisher_waits_for_another_is_what_it_publishes(
    place: Workplace, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one that was slow would take a halt back, until somebody looks again."""
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=5, by_run=True)
    publish(place)

    def after_another(store: ObjectStore) -> AbstractContextManager[None]:
        monkeypatch.undo()
        with place.transaction() as session:
            rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
        return repository_lock.held(store)

    monkeypatch.setattr(repository_lock, "held", after_another)
    publish(place)
    assert verify(place).channels["stable"].candidate is None


def problems(place: Workplace) -> list[str]:
    with place.transaction() as session:
        return publisher.current_problems(session)


def lose(place: Workplace, version: int, file: str) -> None:
    obstore.delete(place.storage, release_key(version, file))


@pytest.mark.parametrize("lost", ["manifest.json", "model.tflite"])
def test_a_release_that_lost_its_files_keeps_no_halt_from_phones_and_is_reported(
    place: Workplace, keys: Path, lost: str
) -> None:
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=5)
    publish(place)
    with place.transaction() as session:
        rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    add_release(place, 3, ReleaseState.APPROVED, rollout_percent=5)
    lose(place, 1, lost)
    lose(place, 3, lost)
    assert publish(place) == Outcome.DONE
    published = verify(place)
    assert published.versions == {1, 2}, "what phones have is not taken back"
    assert published.channels["stable"].versions == {1}, "phones go back to the release before"
    assert states(place)[3] == ReleaseState.APPROVED, "it can still be published once its files are back"
    assert problems(place) == [f"the files of release {version} are not in storage" for version in (1, 3)]


def test_keys_that_expire_are_a_warning_until_they_are_renewed(
    place: Workplace, offline_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile = repository.reconcile
    later = datetime.now(UTC) + timedelta(days=300)
    with monkeypatch.context() as patch:
        patch.setattr(repository, "reconcile", lambda *given, **options: reconcile(*given, **options, moment=later))
        for _ in range(2):
            publish(place)
    assert [warning.split(" expires")[0] for warning in problems(place)] == ["root", "targets"]
    with place.transaction() as session:
        assert len(audit_log.history(session, publisher.UPDATES)) == 1, "the same twice is one event"
    publish(place)
    assert problems(place) == []


def test_a_publisher_that_gives_up_says_so(place: Workplace) -> None:
    for _ in range(MAX_ATTEMPTS):
        publish(place)
    assert problems(place) == ["the update repository could not be brought up to date; see the publisher's log"]


def test_a_decision_and_the_publishers_settling_never_wait_for_each_other(
    place: Workplace, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both lock the channels first and the job last."""
    if place.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    add_release(place, 1, ReleaseState.PUBLISHED, rollout_percent=100)
    add_release(place, 2, ReleaseState.APPROVED, rollout_percent=5, by_run=True)
    reconcile, reconciled, go_on = repository.reconcile, threading.Event(), threading.Event()

    def pause_after(*given: Any, **options: Any) -> repository.Outcome:
        outcome = reconcile(*given, **options)
        reconciled.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return outcome

    monkeypatch.setattr(repository, "reconcile", pause_after)
    outcomes: list[Outcome] = []
    publishing = threading.Thread(target=lambda: outcomes.append(publish(place)))
    publishing.start()
    assert reconciled.wait(PATIENCE_SECONDS)
    with place.transaction() as session:
        channels.lock(session)
        go_on.set()
        wait_until(lambda: somebody_waits(place.engine))
        rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    publishing.join()
    assert outcomes == [Outcome.DONE]
    with place.transaction() as session:
        assert rollouts.meant(session, 2).state == RolloutState.HALTED
        state = session.exec(select(Job.state).where(Job.kind == JobKind.PUBLISH)).one()
    assert state == JobState.QUEUED, "it publishes once more"


def test_a_guide_is_published_beside_the_models_and_settled(place: Workplace, keys: Path) -> None:
    with place.transaction() as session:
        assert guidance.load_example(session)
    assert publish(place) == Outcome.DONE
    with place.transaction() as session:
        row = guidance.newest(session, "example")
        assert row.reached_at is not None
        content = guidance.wanted(session)["example"]
    paths = [meta["path"] for batch in obstore.list(place.updates, "targets/guides") for meta in batch]
    assert [bytes(obstore.get(place.updates, path).bytes()) for path in paths] == [content]
    verify(place)
