"""Which releases phones can still be sent to."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from backend import desired_updates
from backend.records import audit_log
from backend.releasing import releases, retention, rollouts
from backend.settings import Settings
from backend.tables import Release, Role
from mobile_models.updates.publishing import repository
from tests.backend.publishing_world import MOMENT, Publisher, terms
from tests.backend.staff_world import blessing, manifest, person, proposed
from tests.updates import embedded_keys


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """Rows are read alike on both databases (test_rollouts.py); here is what is kept of them."""
    return migrated_sqlite_url


def test_the_newest_the_pinned_and_the_used_stay() -> None:
    published = range(1, 11)
    assert retention.kept(published, {4}, {2: 0.02, 3: 0.01, 12: 0.9}, 3, 0.01) == {2, 4, 8, 9, 10}
    assert retention.kept([], {4}, {}, 3, 0.01) == frozenset()


@pytest.fixture
def publisher(session: Session, settings: Settings, tmp_path: Path) -> Publisher:
    """Releases 1 to 5 were current, one after another."""
    releases.add_bundled(session, manifest(1), blessing())
    ada = person(session, "ada", Role.ENGINEER)
    publisher = Publisher(session, embedded_keys(tmp_path / "keys"))
    for version in (2, 3, 4, 5):
        proposed(session, settings)
        releases.approve(session, settings, ada, version, terms("100"), "better")
        publisher.publish()
    return publisher


def keeping(settings: Settings, number: int) -> Settings:
    return settings.model_copy(update={"releases_kept": number})


def retired(session: Session) -> set[int]:
    return {row.version for row in session.exec(select(Release)) if row.retired_at is not None}


def test_what_is_not_kept_leaves_the_signed_list_and_what_phones_go_back_to_stays(
    session: Session, settings: Settings, publisher: Publisher
) -> None:
    retention.retire(session, keeping(settings, 1), {2: 0.02}, MOMENT)
    assert retired(session) == {1, 3}, "5 is current, 4 is what it came from, 2 is still run"
    publisher.publish()
    assert repository.published_versions(publisher.store) == {2, 4, 5}
    assert [event.action for event in audit_log.history(session, "release/3")][-1] == "release.retired"
    rollouts.halt(session, "ada", rollouts.meant(session, 5), "glass goes wrong")
    publisher.publish()
    assert publisher.pointer.current == 4


def test_what_was_retired_never_comes_back(session: Session, settings: Settings, publisher: Publisher) -> None:
    retention.retire(session, keeping(settings, 1), {}, MOMENT)
    retention.retire(session, keeping(settings, 10), {2: 0.5}, MOMENT)
    assert retired(session) == {1, 2, 3}
    assert {each.version for each in desired_updates.read(session).releases} == {4, 5}


def test_a_release_that_a_rollout_brings_stays_however_old_it_is(
    session: Session, settings: Settings, publisher: Publisher
) -> None:
    rollouts.halt(session, "ada", rollouts.meant(session, 5), "glass goes wrong")
    rollouts.halt(session, "ada", rollouts.meant(session, 4), "that too")
    rollouts.resume(session, "ada", rollouts.meant(session, 4), "it was the camera")
    retention.retire(session, keeping(settings, 1), {}, MOMENT)
    assert retired(session) == {1, 2}
