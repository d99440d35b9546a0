"""From a proposed model to one that phones have, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlmodel import Session, select

from backend import desired_updates
from backend.errors import Conflict, DomainError, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.releasing import releases, rollouts
from backend.releasing.current_model import current_version
from backend.settings import Settings
from backend.tables import Job, JobKind, Release, ReleaseState, Role, Rollout, RolloutState
from mobile_models.document import Sha256
from mobile_models.evaluation import Verdict
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import Outcome, StagedSignature
from mobile_models.updates.update_channel import ChannelPointer
from tests.backend.publishing_world import MOMENT, Publisher, terms
from tests.backend.staff_world import blessing, manifest, person, proposed, run
from tests.updates import ANNA, BERT, embedded_keys, production_keys


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Decisions take the same lock on both databases (test_rollouts.py); here is what they decide."""
    return migrated_sqlite_url


@pytest.fixture
def ada(session: Session) -> Person:
    return person(session, "ada", Role.ENGINEER)


@pytest.fixture
def bundled(session: Session) -> Release:
    return releases.add_bundled(session, manifest(1), blessing())


@pytest.fixture
def publisher(session: Session, tmp_path: Path) -> Publisher:
    return Publisher(session, embedded_keys(tmp_path / "keys"))


def test_a_release_rolls_out_widens_and_becomes_current(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    publisher.publish()
    assert publisher.pointer.current == 1
    release = proposed(session, settings)
    assert releases.approve(session, settings, ada, 2, terms("5"), "better").state == ReleaseState.APPROVED
    publisher.publish()
    assert (release.state, release.published_at is None) == (ReleaseState.PUBLISHED, False)
    candidate = publisher.pointer.candidate
    assert candidate is not None
    assert (publisher.pointer.current, candidate.version, candidate.rollout_percent) == (1, 2, 5)
    assert current_version(session) == 1
    rollouts.widen(session, "ada", rollouts.meant(session, 2), 100, "nobody complains")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=2)
    assert current_version(session) == 2
    actions = [event.action for event in audit_log.history(session, "release/2")]
    assert actions == [
        "release.proposed", "release.approved", "rollout.started", "release.published", "rollout.widened",
        "rollout.completed",
    ]  # fmt: skip


def test_halting_sends_phones_back_and_resuming_offers_it_again(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("5"), "better")
    publisher.publish()
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=1)
    rollouts.resume(session, "ada", rollouts.meant(session, 2), "it was the camera")
    publisher.publish()
    assert publisher.pointer.versions == {1, 2}


def test_withdrawing_the_current_release_sends_phones_to_the_one_before(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    for version in (2, 3):
        proposed(session, settings)
        releases.approve(session, settings, ada, version, terms("100"), "better")
        publisher.publish()
    releases.withdraw(session, ada, 3, "glass goes wrong")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=2)
    releases.withdraw(session, ada, 2, "that too")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)
    with pytest.raises(Conflict):
        rollouts.resume(session, "ada", rollouts.meant(session, 2), "changed my mind")


def test_in_production_the_worker_alone_never_publishes_and_two_people_do(
    session: Session, settings: Settings, ada: Person, bundled: Release, tmp_path: Path
) -> None:
    publisher = Publisher(session, production_keys(tmp_path / "keys"))
    release = proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("100"), "better")
    for _ in range(2):
        publisher.publish()
        assert release.state == ReleaseState.AWAITING_SIGNATURES
        assert bundled.state == ReleaseState.PUBLISHED
        assert publisher.pointer.versions == frozenset()
    for key, state in ((ANNA, ReleaseState.AWAITING_SIGNATURES), (BERT, ReleaseState.PUBLISHED)):
        signer = signing_keys.load_signer(tmp_path / "keys" / key)
        signature = repository.sign_staged(publisher.staged[2], signer)
        releases.add_signature(session, ada, 2, signature)
        publisher.publish()
        assert release.state == state
    assert publisher.pointer.current == 2


def test_in_production_halting_the_first_release_reaches_phones_although_the_bundled_one_was_never_signed(
    session: Session, settings: Settings, ada: Person, bundled: Release, tmp_path: Path
) -> None:
    publisher = Publisher(session, production_keys(tmp_path / "keys"))
    proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("100"), "better")
    publisher.publish()
    for key in (ANNA, BERT):
        signer = signing_keys.load_signer(tmp_path / "keys" / key)
        releases.add_signature(session, ada, 2, repository.sign_staged(publisher.staged[2], signer))
    publisher.publish()
    assert publisher.pointer.current == 2
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)


def test_with_two_approvals_needed_two_different_people_must_approve(
    session: Session, settings: Settings, ada: Person, bundled: Release
) -> None:
    two = settings.model_copy(update={"approvals_needed": 2})
    proposed(session, settings)
    for _ in range(2):
        assert releases.approve(session, two, ada, 2, terms("5"), "better").state == ReleaseState.PROPOSED
    assert [(name, each.reason) for name, each in releases.approvals(session, 2)] == [("ada", "better")]
    bert = person(session, "bert", Role.ENGINEER)
    assert releases.approve(session, two, bert, 2, terms("5"), "agreed").state == ReleaseState.APPROVED


def test_what_the_gate_blocked_is_neither_proposed_nor_approved(
    session: Session, settings: Settings, ada: Person
) -> None:
    blocked = blessing(Verdict.BLOCKED)
    asked = run(session, settings)
    with pytest.raises(Conflict):
        releases.propose(session, asked, manifest(asked.release_version), blocked)
    session.add(Release(version=9, manifest={}, blessing=blocked.model_dump(mode="json")))
    session.flush()
    with pytest.raises(Conflict) as refused:
        releases.approve(session, settings, ada, 9, terms("5"), "please")
    assert refused.value.code == "blocked"


def test_a_model_that_was_compared_with_an_older_champion_is_not_approved(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    asked = [proposed(session, settings), proposed(session, settings)]
    assert [release.version for release in asked] == [2, 3]
    releases.approve(session, settings, ada, 2, terms("100"), "better")
    publisher.publish()
    with pytest.raises(Conflict, match="compared with release 1, and release 2 is current") as refused:
        releases.approve(session, settings, ada, 3, terms("5"), "better")
    assert refused.value.code == "stale_evidence"


def test_one_rollout_is_under_way_at_a_time(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    proposed(session, settings), proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("5"), "better")
    with pytest.raises(Conflict) as refused:
        releases.approve(session, settings, ada, 3, terms("5"), "better still")
    assert refused.value.code == "rollout_under_way"
    publisher.publish()
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    assert releases.approve(session, settings, ada, 3, terms("5"), "better still").state == ReleaseState.APPROVED
    with pytest.raises(Conflict):
        rollouts.resume(session, "ada", rollouts.meant(session, 2), "that one too")


def test_a_proposed_release_can_only_be_approved_or_withdrawn(
    session: Session, settings: Settings, ada: Person, bundled: Release
) -> None:
    proposed(session, settings)
    with pytest.raises(Conflict, match="Release 2 is proposed and has no rollout"):
        rollouts.meant(session, 2)
    with pytest.raises(Conflict, match="Release 2 is proposed"):
        releases.roll_out(session, ada, 2, terms("5"), "why not")
    assert releases.withdraw(session, ada, 2, "never mind").state == ReleaseState.WITHDRAWN


def test_a_rollout_never_shrinks(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("50"), "better")
    publisher.publish()
    for percent in (50, 20):
        with pytest.raises(Conflict) as refused:
            rollouts.widen(session, "ada", rollouts.meant(session, 2), percent, "less")
        assert refused.value.code == "not_wider"
    with pytest.raises(DomainError):
        rollouts.widen(session, "ada", rollouts.meant(session, 2), 101, "more than all")


def test_the_release_that_phones_carry_cannot_be_taken_back(session: Session, ada: Person, bundled: Release) -> None:
    with pytest.raises(Conflict) as refused:
        releases.withdraw(session, ada, 1, "why not")
    assert refused.value.code == "bundled"


def test_only_what_awaits_signatures_takes_one(
    session: Session, settings: Settings, ada: Person, bundled: Release
) -> None:
    proposed(session, settings)
    signature = StagedSignature("key", "00", Sha256("0" * 64))
    with pytest.raises(Conflict):
        releases.add_signature(session, ada, 2, signature)
    with pytest.raises(NotFound):
        releases.add_signature(session, ada, 77, signature)


def test_a_release_whose_files_do_not_fit_is_withdrawn_with_the_reason(
    session: Session, settings: Settings, ada: Person, bundled: Release
) -> None:
    release = proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("5"), "better")
    outcome = Outcome((), frozenset(), {}, {2: "its model is another one"}, {}, (), changed=False)
    desired_updates.settle(session, outcome, MOMENT)
    assert release.state == ReleaseState.WITHDRAWN
    events = {event.action: event.detail for event in audit_log.history(session, "release/2")}
    assert events["release.withdrawn"]["reason"] == "its model is another one"
    assert [rollout.state for rollout in rollouts.of_release(session, 2)] == [RolloutState.WITHDRAWN]


def test_every_step_asks_the_publisher(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    proposed(session, settings)
    steps: list[Callable[[], Release | Rollout]] = [
        lambda: releases.approve(session, settings, ada, 2, terms("5"), "better"),
        lambda: rollouts.widen(session, "ada", rollouts.meant(session, 2), 50, "so far so good"),
        lambda: rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong"),
        lambda: rollouts.resume(session, "ada", rollouts.meant(session, 2), "it was the camera"),
        lambda: releases.withdraw(session, ada, 2, "it was not"),
    ]
    for step in steps:
        session.connection().execute(delete(Job))
        step()
        asked = session.exec(select(Job.kind, Job.subject)).all()
        assert asked == [(JobKind.PUBLISH, "updates")]
        publisher.publish()


def automatic(settings: Settings) -> Settings:
    return settings.model_copy(update={"approve_automatically": True})


def test_nothing_is_approved_without_people_unless_a_setting_says_so(
    session: Session, settings: Settings, bundled: Release
) -> None:
    proposed(session, settings)
    assert releases.approve_automatically(session, settings) is None
    approved = releases.approve_automatically(session, automatic(settings))
    assert (approved and approved.version, approved and approved.state) == (2, ReleaseState.APPROVED)
    (rollout,) = rollouts.of_release(session, 2)
    assert (rollout.rollout_percent, len(rollout.plan)) == (5, 4), "by the city's plan"
    proposed(session, settings)
    assert releases.approve_automatically(session, automatic(settings)) is None, "one is on its way"


def test_a_model_that_had_no_champion_to_beat_is_never_approved_without_people(
    session: Session, settings: Settings, bundled: Release
) -> None:
    release = proposed(session, settings)
    release.blessing = release.blessing | {"rubber_stamped": True}
    session.add(release)
    assert releases.approve_automatically(session, automatic(settings)) is None
    assert release.state == ReleaseState.PROPOSED


def test_a_model_that_was_compared_with_an_older_champion_is_never_approved_without_people(
    session: Session, settings: Settings, ada: Person, bundled: Release, publisher: Publisher
) -> None:
    proposed(session, settings), proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("100"), "better")
    publisher.publish()
    assert releases.approve_automatically(session, automatic(settings)) is None
