"""What was decided and what phones were told is kept for ever, and cannot be changed; on SQLite and PostgreSQL."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, select

from backend.database import transaction
from backend.errors import NotFound
from backend.records import audit_log
from backend.releasing import release_history, releases, rollouts
from backend.settings import Settings
from backend.tables import AuditEvent, PublishedPointer, Role
from mobile_models.updates.update_channel import ChannelPointer
from tests.backend.publishing_world import MOMENT, Publisher, terms
from tests.backend.staff_world import blessing, manifest, person, proposed
from tests.updates import embedded_keys

HOUR = timedelta(hours=1)


def a_rollout(session: Session, settings: Settings, folder: Path) -> Publisher:
    """Release 2 is offered an hour after release 1, halted an hour later."""
    releases.add_bundled(session, manifest(1), blessing())
    publisher = Publisher(session, embedded_keys(folder / "keys"))
    publisher.publish()
    proposed(session, settings)
    releases.approve(session, settings, person(session, "ada", Role.ENGINEER), 2, terms("5"), "better on glass")
    publisher.publish(MOMENT + HOUR)
    publisher.publish(MOMENT + 1.5 * HOUR)
    rollouts.halt(session, "ada", rollouts.meant(session, 2), "glass goes wrong")
    publisher.publish(MOMENT + 2 * HOUR)
    return publisher


def test_it_says_what_a_channel_told_phones_from_when_to_when(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    a_rollout(session, settings, tmp_path)
    periods = release_history.periods(session, "stable")
    assert [(each.since, each.until) for each in periods] == [
        (MOMENT, MOMENT + HOUR), (MOMENT + HOUR, MOMENT + 2 * HOUR), (MOMENT + 2 * HOUR, None),
    ]  # fmt: skip
    assert [sorted(each.pointer.versions) for each in periods] == [[1], [1, 2], [1]]
    timestamps = [each.metadata_versions["timestamp"] for each in periods]
    assert timestamps == sorted(set(timestamps)), "each was another timestamp.json"
    assert release_history.last_published(session, "stable") == ChannelPointer(current=1)
    with pytest.raises(NotFound):
        release_history.periods(session, "alpha")


def test_it_says_who_decided_what_and_why(session: Session, settings: Settings, tmp_path: Path) -> None:
    a_rollout(session, settings, tmp_path)
    said = {event.action: event for event in release_history.events(session, limit=1000)}
    assert {"release.approved", "rollout.started", "release.published", "rollout.halted", "channel.published"} <= set(
        said
    )
    assert (said["release.approved"].actor, said["release.approved"].detail["reason"]) == ("ada", "better on glass")
    assert (said["rollout.halted"].actor, said["rollout.halted"].detail["reason"]) == ("ada", "glass goes wrong")


def test_it_comes_in_pages_and_about_one_thing(session: Session, settings: Settings, tmp_path: Path) -> None:
    a_rollout(session, settings, tmp_path)
    audit_log.record(session, "ada", "staff.signed_in", "sign-in/ada")
    whole = [event.id or 0 for event in release_history.events(session, limit=1000)]
    paged: list[int] = []
    while page := release_history.events(session, paged[-1] if paged else 0, limit=3):
        assert len(page) <= 3
        paged += [event.id or 0 for event in page]
    assert paged == whole == sorted(whole)
    assert {event.subject for event in release_history.events(session, subject="release/2")} == {"release/2"}
    assert "sign-in/ada" not in {event.subject for event in release_history.events(session, limit=1000)}


@pytest.mark.parametrize("table", ["audit_events", "published_pointers"])
@pytest.mark.parametrize("act", ["UPDATE {} SET at = at", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_change_history(
    engine: Engine, settings: Settings, tmp_path: Path, table: str, act: str
) -> None:
    with transaction(engine) as session:
        a_rollout(session, settings, tmp_path)
    with pytest.raises(DatabaseError, match="history and only ever grows"), engine.begin() as connection:
        connection.execute(text(act.format(table)))
    with transaction(engine) as session:
        assert len(session.exec(select(PublishedPointer).where(PublishedPointer.channel == "stable")).all()) == 3
        assert session.exec(select(AuditEvent).where(AuditEvent.action == "rollout.halted")).one()


def test_postgresql_refuses_to_empty_history_at_once(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DatabaseError, match="history and only ever grows"), engine.begin() as connection:
        connection.execute(text("TRUNCATE published_pointers"))
