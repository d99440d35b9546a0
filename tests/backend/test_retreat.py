"""A whole channel goes back: to an older release, or to the one that the app carries."""

from pathlib import Path

import pytest
from sqlmodel import Session

from backend.errors import Conflict, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.releasing import channels, releases, retreat, rollouts
from backend.releasing.current_model import current_version
from backend.settings import Settings
from backend.tables import Release, Role, RolloutState
from mobile_models.updates.publishing import repository
from mobile_models.updates.update_channel import ChannelPointer
from tests.backend.publishing_world import MOMENT, Publisher, terms
from tests.backend.staff_world import blessing, manifest, person, proposed
from tests.updates import embedded_keys


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Decisions take the same lock on both databases (test_rollouts.py); here is what they decide."""
    return migrated_sqlite_url


@pytest.fixture
def ada(session: Session) -> Person:
    return person(session, "ada", Role.ENGINEER)


@pytest.fixture
def publisher(session: Session, settings: Settings, ada: Person, tmp_path: Path) -> Publisher:
    """Everybody runs release 4; 2 and 3 were current before, 1 is bundled."""
    releases.add_bundled(session, manifest(1), blessing())
    publisher = Publisher(session, embedded_keys(tmp_path / "keys"))
    for version in (2, 3, 4):
        proposed(session, settings)
        releases.approve(session, settings, ada, version, terms("100"), "better")
        publisher.publish()
    return publisher


def test_going_back_is_newer_metadata_that_points_to_an_older_model(session: Session, publisher: Publisher) -> None:
    before = publisher.publish()
    retreat.to_release(session, "ada", "stable", 2, "3 and 4 are slow on old phones")
    after = publisher.publish()
    assert publisher.pointer == ChannelPointer(current=2)
    assert after.metadata_versions["timestamp"] > before.metadata_versions["timestamp"]
    assert current_version(session) == 2, "it is the champion again"
    assert rollouts.meant(session, 4).state == RolloutState.HALTED
    with pytest.raises(Conflict, match="resume its rollout instead"):
        retreat.to_release(session, "ada", "stable", 4, "changed my mind")
    rollouts.resume(session, "ada", rollouts.meant(session, 4), "changed my mind")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=4)


def test_going_back_ends_the_rollout_that_is_under_way(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 5, terms("5"), "better")
    retreat.to_release(session, "ada", "stable", 3, "the food waste bins are gone")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=3)
    assert [rollouts.meant(session, version).state for version in (4, 5)] == [RolloutState.HALTED] * 2


def test_going_back_to_the_bundled_release_needs_no_signature_of_it(session: Session, publisher: Publisher) -> None:
    session.get_one(Release, 1).retired_at = MOMENT
    retreat.to_release(session, "ada", "stable", 1, "all are bad")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)
    assert current_version(session) == 1
    with pytest.raises(Conflict, match="Release 1 is current on stable already"):
        retreat.to_release(session, "ada", "stable", 1, "again")


def test_returning_to_the_bundled_release_forgets_nothing(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 5, terms("5"), "better")
    publisher.publish()
    retreat.to_bundled(session, "ada", "stable", "answers are nonsense")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)
    assert current_version(session) == 1, "the server answers as the phones do"
    assert rollouts.meant(session, 5).state == RolloutState.HALTED
    with pytest.raises(Conflict) as refused:
        rollouts.resume(session, "ada", rollouts.meant(session, 5), "in spite of it")
    assert refused.value.code == "returned_to_bundled"
    with pytest.raises(Conflict, match="already"):
        retreat.to_bundled(session, "ada", "stable", "twice")
    retreat.end(session, "ada", "stable", "it was the labels file")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=4)
    with pytest.raises(Conflict, match="has not returned"):
        retreat.end(session, "ada", "stable", "twice")


def test_the_older_release_may_be_chosen_while_everybody_runs_the_bundled_one(
    session: Session, publisher: Publisher
) -> None:
    retreat.to_bundled(session, "ada", "stable", "answers are nonsense")
    retreat.to_release(session, "ada", "stable", 3, "that one was good")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)
    retreat.end(session, "ada", "stable", "3 was tried on ten phones")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=3)


def test_only_what_is_kept_and_was_current_can_be_gone_back_to(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    session.get_one(Release, 2).retired_at = MOMENT
    with pytest.raises(Conflict, match="no longer kept") as refused:
        retreat.to_release(session, "ada", "stable", 2, "please")
    assert refused.value.code == "not_kept"
    releases.withdraw(session, ada, 3, "found late")
    with pytest.raises(Conflict, match="Release 3 is withdrawn"):
        retreat.to_release(session, "ada", "stable", 3, "please")
    for unknown in (("stable", 77), ("alpha", 1)):
        with pytest.raises(NotFound):
            retreat.to_release(session, "ada", *unknown, "please")


def test_a_release_that_never_reached_everybody_is_rolled_out_and_not_gone_back_to(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    for version, plan in ((5, "5"), (6, "100")):
        proposed(session, settings)
        releases.approve(session, settings, ada, version, terms(plan), "better")
        publisher.publish()
        if version == 5:
            rollouts.halt(session, "ada", rollouts.meant(session, 5), "not yet")
    with pytest.raises(Conflict) as refused:
        retreat.to_release(session, "ada", "stable", 5, "please")
    assert refused.value.code == "never_current"


def test_why_a_channel_went_back_is_kept(session: Session, publisher: Publisher) -> None:
    retreat.to_release(session, "ada", "stable", 2, "3 and 4 are slow")
    events = audit_log.history(session, channels.subject("stable"))
    (went_back,) = [event for event in events if event.action == "channel.went_back"]
    assert (went_back.actor, went_back.detail) == ("ada", {"current": 2, "reason": "3 and 4 are slow"})
    assert repository.published_versions(publisher.store) == {1, 2, 3, 4}
