"""One release is brought to one channel, step by step, and back; on SQLite and PostgreSQL."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend import desired_updates
from backend.database import transaction
from backend.errors import Conflict, DomainError, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.releasing import channels, releases, retreat, rollouts
from backend.releasing.current_model import current_version
from backend.settings import Settings
from backend.tables import Release, Role, Rollout, RolloutState
from mobile_models.updates.update_channel import Candidate, ChannelPointer, DownloadConditions
from tests.backend.publishing_world import MOMENT, Publisher, terms
from tests.backend.staff_world import blessing, manifest, person, proposed
from tests.updates import embedded_keys


@pytest.fixture
def ada(session: Session) -> Person:
    return person(session, "ada", Role.ENGINEER)


@pytest.fixture
def publisher(session: Session, tmp_path: Path) -> Publisher:
    releases.add_bundled(session, manifest(1), blessing())
    return Publisher(session, embedded_keys(tmp_path / "keys"))


def bring(session: Session, settings: Settings, ada: Person, publisher: Publisher, plan: str, **changes: object) -> int:
    """A new release is approved on these terms and published; return its version."""
    release = proposed(session, settings)
    releases.approve(session, settings, ada, release.version, terms(plan, **changes), "better")
    publisher.publish()
    return release.version


def test_the_time_of_the_first_step_counts_from_when_phones_can_get_it(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("5:24, 100"), "better")
    rollout = rollouts.meant(session, 2)
    assert rollout.started_at is None
    with pytest.raises(Conflict) as refused:
        rollouts.widen(session, "ada", rollout, 50, "now")
    assert refused.value.code == "not_published"
    publisher.publish()
    assert (rollout.started_at, rollout.stage_started_at) == (MOMENT, MOMENT)
    rollouts.widen(session, "ada", rollout, 50, "all is well", moment=MOMENT + timedelta(hours=30))
    assert rollout.stage_started_at == MOMENT + timedelta(hours=30)


def test_phones_are_told_the_conditions(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    conditions = DownloadConditions(unmetered_only=True, idle_only=True)
    bring(session, settings, ada, publisher, "5", conditions=conditions)
    candidate = publisher.pointer.candidate
    assert candidate is not None
    assert candidate.conditions == conditions
    assert candidate.salt == rollouts.meant(session, 2).salt


def test_the_last_phones_keep_to_the_conditions_too_but_going_back_has_none(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    conditions = DownloadConditions(unmetered_only=True)
    bring(session, settings, ada, publisher, "100")
    assert publisher.pointer == ChannelPointer(current=2)
    bring(session, settings, ada, publisher, "100", conditions=conditions)
    assert publisher.pointer == ChannelPointer(current=3, conditions=conditions)
    bring(session, settings, ada, publisher, "5")
    assert publisher.pointer.conditions == conditions
    retreat.to_release(session, "ada", "stable", 2, "glass goes wrong")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=2)


def test_a_paused_rollout_stays_as_wide_as_it_is_for_phones(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5:24, 100")
    before = publisher.pointer
    rollout = rollouts.pause(session, "ada", rollouts.meant(session, 2), "over the holidays")
    publisher.publish()
    assert publisher.pointer == before
    assert list(rollouts.running(session)) == []
    with pytest.raises(Conflict):
        rollouts.pause(session, "ada", rollout, "twice")
    rollouts.resume(session, "ada", rollout, "back at work")
    assert list(rollouts.running(session)) == [rollout]


def test_halting_after_completion_goes_back_to_the_release_it_came_from(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "100")
    bring(session, settings, ada, publisher, "100")
    assert publisher.pointer == ChannelPointer(current=3)
    rollouts.halt(session, "ada", rollouts.meant(session, 3), "glass goes wrong")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=2)
    assert current_version(session) == 2
    rollouts.resume(session, "ada", rollouts.meant(session, 3), "it was the camera")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=3)


def test_going_back_passes_over_releases_that_were_halted_or_withdrawn(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    for _ in range(4):
        bring(session, settings, ada, publisher, "100")
    rollouts.halt(session, "ada", rollouts.meant(session, 4), "found late")
    releases.withdraw(session, ada, 3, "found late")
    assert current_version(session) == 5, "neither was current"
    rollouts.halt(session, "ada", rollouts.meant(session, 5), "that too")
    assert current_version(session) == 2
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "all are bad")
    publisher.publish()
    assert publisher.pointer == ChannelPointer(return_to_bundled=True)


def test_another_rollout_has_another_cohort(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5")
    first = rollouts.halt(session, "ada", rollouts.meant(session, 2), "let others be first")
    second = releases.roll_out(session, ada, 2, terms("5"), "once more")
    assert second.salt != first.salt
    assert rollouts.meant(session, 2) is second
    with pytest.raises(Conflict, match="Release 2 is on its way on stable"):
        rollouts.resume(session, "ada", first, "both")


def test_beta_goes_first_and_stable_follows_by_hand(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "100", channel="beta")
    assert (publisher.told("beta").current, publisher.told("stable").current) == (2, 1)
    assert current_version(session) == 1, "stable has the champion"
    releases.roll_out(session, ada, 2, terms("5:24, 100"), "beta liked it")
    publisher.publish()
    assert publisher.pointer.versions == {1, 2}
    assert publisher.told("beta") == ChannelPointer(current=2)


def test_beta_is_never_behind_stable(session: Session, settings: Settings, ada: Person, publisher: Publisher) -> None:
    bring(session, settings, ada, publisher, "100")
    publisher.publish()
    assert publisher.told("beta") == ChannelPointer(current=2)
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    publisher.publish()
    assert publisher.told("beta") == publisher.told("stable") == ChannelPointer(return_to_bundled=True)


def test_a_rollout_on_beta_is_completed_where_stable_overtakes_it(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5", channel="beta")
    on_beta = rollouts.meant(session, 2)
    releases.roll_out(session, ada, 2, terms("100"), "no time")
    assert (on_beta.state, on_beta.ended_at is None) == (RolloutState.COMPLETED, False)
    publisher.publish()
    assert publisher.told("beta") == publisher.told("stable") == ChannelPointer(current=2)
    completed = [each for each in audit_log.history(session, "release/2") if each.action == "rollout.completed"]
    assert [each.detail["channel"] for each in completed] == ["stable", "beta"]


def test_an_older_release_on_its_way_to_beta_is_halted_where_stable_overtakes_it(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5", channel="beta")
    on_beta = rollouts.meant(session, 2)
    newer = proposed(session, settings)
    releases.approve(session, settings, ada, newer.version, terms("100"), "no time")
    for _ in range(2):  # Beta follows once phones can get it.
        publisher.publish()
    assert newer.version == 3
    assert (on_beta.state, on_beta.reason) == (RolloutState.HALTED, "release 3 became the current one of stable")
    assert publisher.told("beta") == publisher.told("stable") == ChannelPointer(current=3)
    with pytest.raises(Conflict, match="2 is no newer"):
        rollouts.resume(session, "ada", on_beta, "once more")


def test_a_withdrawn_release_leaves_every_channel(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5", channel="beta")
    releases.roll_out(session, ada, 2, terms("5"), "here too")
    releases.withdraw(session, ada, 2, "glass goes wrong")
    publisher.publish()
    assert publisher.told("beta") == publisher.told("stable") == ChannelPointer(current=1)
    for rollout in rollouts.of_release(session, 2):
        assert rollout.state == RolloutState.WITHDRAWN
        with pytest.raises(Conflict):
            rollouts.resume(session, "ada", rollout, "changed my mind")


def test_a_rollout_that_is_halted_while_the_publisher_works_ends_halted(
    session: Session, settings: Settings, ada: Person, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed(session, settings)
    releases.approve(session, settings, ada, 2, terms("100"), "better")
    settle = desired_updates.settle

    def halt_before(*given: object) -> None:
        rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
        settle(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(desired_updates, "settle", halt_before)
        publisher.publish()
    assert rollouts.meant(session, 2).state == RolloutState.HALTED
    assert current_version(session) == 1
    publisher.publish()
    assert publisher.pointer == ChannelPointer(current=1)


def test_one_rollout_is_open_on_a_channel_whatever_the_program_believes(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "5")
    with pytest.raises(IntegrityError), session.begin_nested():
        session.add(Rollout(channel="stable", version=2, rollout_percent=5, plan=[]))
        session.flush()


def test_what_cannot_be_is_refused_in_words(
    session: Session, settings: Settings, ada: Person, publisher: Publisher
) -> None:
    bring(session, settings, ada, publisher, "50")
    rollout = rollouts.meant(session, 2)
    for percent, code in ((50, "not_wider"), (20, "not_wider")):
        with pytest.raises(Conflict) as refused:
            rollouts.widen(session, "ada", rollout, percent, "less")
        assert refused.value.code == code
    for impossible in (0, 101, float("nan")):
        with pytest.raises(DomainError):
            rollouts.widen(session, "ada", rollout, impossible, "more than all")
    for unknown in (lambda: rollouts.find(session, 77), lambda: rollouts.meant(session, 77)):
        with pytest.raises(NotFound):
            unknown()
    with pytest.raises(NotFound, match="there are beta, stable"):
        releases.roll_out(session, ada, 2, terms("5", channel="alpha"), "who is that")
    rollouts.widen(session, "ada", rollout, 100, "all is well")
    with pytest.raises(Conflict, match="Release 2 is current on stable"):
        rollouts.start(session, "ada", 2, terms("5"), "again")
    with pytest.raises(Conflict):
        rollouts.widen(session, "ada", rollout, 100, "again")


def test_two_people_who_decide_at_once_decide_one_after_another(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    with transaction(engine) as session:
        releases.add_bundled(session, manifest(1), blessing())
        bring(session, settings, person(session), Publisher(session, embedded_keys(tmp_path / "keys")), "5")
    begun, refused = threading.Barrier(2), []

    def widen() -> None:
        with transaction(engine) as session:
            rollout = rollouts.meant(session, 2) if engine.dialect.name == "postgresql" else None
            if rollout is not None:
                begun.wait(120)
            try:
                rollouts.widen(session, "ada", rollout or rollouts.meant(session, 2), 25, "both")
            except Conflict as error:
                refused.append(error.code)

    people = [threading.Thread(target=widen) for _ in range(2)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert refused == ["not_wider"]
    with transaction(engine) as session:
        widened = [event for event in audit_log.history(session, "release/2") if event.action == "rollout.widened"]
    assert len(widened) == 1


def test_what_a_channel_tells_follows_from_its_rows_alone() -> None:
    from backend.tables import ReleaseChannel  # noqa: PLC0415  # Pure rows; only this test makes them by hand.

    stable = ReleaseChannel(name="stable", current_version=7)
    rollout = Rollout(channel="stable", version=8, rollout_percent=5, plan=[], salt="salt")
    assert channels.pointer(stable, None) == ChannelPointer(current=7)
    candidate = Candidate(version=8, rollout_percent=5, salt="salt")
    assert channels.pointer(stable, rollout) == ChannelPointer(current=7, candidate=candidate)
    rollout.rollout_percent = 100
    assert channels.pointer(stable, rollout) == ChannelPointer(current=8)
    stable.return_to_bundled = True
    assert channels.pointer(stable, rollout) == ChannelPointer(return_to_bundled=True)


def test_a_bundled_release_is_no_rollout(session: Session, publisher: Publisher) -> None:
    assert isinstance(session.get(Release, 1), Release)
    with pytest.raises(Conflict, match="Release 1 is published and has no rollout"):
        rollouts.meant(session, 1)
