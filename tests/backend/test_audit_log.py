"""The permanent history and its chain, on SQLite and PostgreSQL."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, func, select

from backend import migrations
from backend.database import connect, now, transaction
from backend.records import audit_chain, audit_log
from backend.records.audit_log import Search
from backend.tables import AuditEvent, AuditLink, Device


def write(engine: Engine, count: int, actor: str = "ada") -> None:
    for number in range(count):
        with transaction(engine) as session:
            audit_log.record(session, actor, "test.done", f"thing/{number}", fraction=0.1, names=["ä", "垃圾"])


def verdict(engine: Engine, kept: tuple[int, str] | None = None) -> audit_chain.Verification:
    return audit_chain.verify(lambda: transaction(engine), kept)


def meddle(engine: Engine, statement: str) -> None:
    """What the owner of the database can do: put the guards aside, change history, put them back."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement))
        return
    with closing(sqlite3.connect(str(engine.url.database))) as file:  # Which minds no foreign keys.
        guards = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        file.executescript("".join(f"DROP TRIGGER {name};" for name, _ in guards))
        file.execute(statement)
        file.commit()
        file.executescript("".join(f"{sql};" for _, sql in guards))


def test_an_empty_history_is_intact(engine: Engine) -> None:
    assert verdict(engine) == audit_chain.Verification(0, audit_chain.BEGINNING)


def test_events_of_one_and_of_many_transactions_make_one_chain(engine: Engine) -> None:
    write(engine, 3)
    with transaction(engine) as session:
        for number in range(3):
            audit_log.record(session, "bob", "test.done", f"other/{number}")
    found = verdict(engine)
    assert (found.intact, found.events) == (True, 6)
    with transaction(engine) as session:
        assert audit_chain.end(session) == (6, found.last)


def test_what_is_rolled_back_leaves_neither_event_nor_link(engine: Engine) -> None:
    write(engine, 1)
    with pytest.raises(RuntimeError), transaction(engine) as session:
        audit_log.record(session, "ada", "test.done", "thing/9")
        raise RuntimeError
    write(engine, 1)
    assert verdict(engine).events == 2


def test_a_long_chain_is_walked_along_in_stretches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "_AT_ONCE", 2)
    write(engine, 7)

    def stretch(after: int) -> audit_chain.Verification:
        return audit_chain.verify(lambda: transaction(engine), after=after, most=4)

    first = stretch(0)
    assert (first.intact, first.events, first.is_end) == (True, 4, False)
    assert stretch(first.events) == verdict(engine)
    assert (stretch(7).intact, stretch(7).is_end) == (True, True)
    assert (stretch(8).broken_at, stretch(8).why) == (8, "missing")
    meddle(engine, "UPDATE audit_events SET actor = 'bob' WHERE id = 6")
    assert stretch(0).intact
    assert (stretch(4).broken_at, stretch(4).why) == (6, "changed")


def test_a_rolled_back_part_of_a_transaction_is_not_chained(engine: Engine) -> None:
    with transaction(engine) as session:
        audit_log.record(session, "ada", "test.done", "thing/1")
        inner = session.begin_nested()
        audit_log.record(session, "ada", "test.done", "thing/2")
        inner.rollback()
    found = verdict(engine)
    assert (found.intact, found.events) == (True, 1)


def test_writers_at_the_same_time_never_fork_the_chain(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: write(engine, 10, name), "abcdefgh"))
    found = verdict(engine)
    assert (found.intact, found.events) == (True, 80)


def test_nobody_waits_for_a_row_while_holding_the_end_of_the_chain(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(Device(id="shared", token_sha256="0"))
    changed = threading.Event()

    def change_late() -> None:
        """The change is still in memory when the transaction ends, and has to wait for the other one's row."""
        with transaction(engine) as session:
            device = session.get_one(Device, "shared")
            audit_log.record(session, "late", "test.done", "device/shared")
            device.token_sha256 = "late"
            session.add(device)
            changed.set()

    def change_early(late: threading.Thread) -> None:
        with transaction(engine) as session:
            session.get_one(Device, "shared").token_sha256 = "early"
            session.flush()
            late.start()
            if engine.dialect.name == "postgresql":  # On SQLite the other one cannot even begin.
                assert changed.wait(60)
                time.sleep(0.3)
            audit_log.record(session, "early", "test.done", "device/shared")

    late = threading.Thread(target=change_late)
    change_early(late)
    late.join(60)
    found = verdict(engine)
    assert (found.intact, found.events) == (True, 2)


@pytest.mark.parametrize(
    ("statement", "why", "broken_at"),
    [
        ("UPDATE audit_events SET actor = 'bob' WHERE id = 3", "changed", 3),
        ("UPDATE audit_events SET detail = '{}' WHERE id = 2", "changed", 2),
        ("UPDATE audit_links SET sha256 = 'x' WHERE number = 4", "changed", 4),
        ("DELETE FROM audit_events WHERE id = 5", "missing", 5),
        ("DELETE FROM audit_links WHERE number = 1", "missing", 1),
        ("DELETE FROM audit_links WHERE number = 6", "unchained", 6),
        (
            "INSERT INTO audit_events (id, at, actor, action, subject, detail) "
            "VALUES (99, '2026-01-01 00:00:00', 'bob', 'x', 'x', '{}')",
            "unchained",
            7,
        ),
    ],
)
def test_whatever_is_done_to_the_history_is_found_where_it_was_done(
    engine: Engine, statement: str, why: str, broken_at: int
) -> None:
    write(engine, 6)
    meddle(engine, statement)
    found = verdict(engine)
    assert (found.why, found.broken_at) == (why, broken_at)


def test_a_history_made_anew_is_told_by_a_link_that_was_kept(engine: Engine) -> None:
    write(engine, 3)
    kept = (3, verdict(engine).last)
    assert verdict(engine, kept).intact
    meddle(engine, "DELETE FROM audit_links")
    meddle(engine, "DELETE FROM audit_events")
    write(engine, 3, "bob")
    assert verdict(engine).intact
    assert (verdict(engine, kept).why, verdict(engine, kept).broken_at) == ("other_history", 3)
    assert verdict(engine, (4, kept[1])).why == "missing"


@pytest.mark.parametrize("table", ["audit_events", "audit_links"])
@pytest.mark.parametrize("act", ["UPDATE {} SET {}", "DELETE FROM {}"])
def test_the_database_refuses_to_change_history(engine: Engine, table: str, act: str) -> None:
    write(engine, 1)
    column = "actor = 'bob'" if table == "audit_events" else "sha256 = 'x'"
    with pytest.raises(DatabaseError, match="only ever grows"), engine.begin() as connection:
        connection.execute(text(act.format(table, column)))


def test_events_of_before_are_chained_when_the_database_is_upgraded(database_url: str) -> None:
    migrations.upgrade(database_url, "staff_areas")
    engine = connect(database_url)
    with engine.begin() as connection:
        for number in range(3):
            connection.execute(
                text(
                    "INSERT INTO audit_events (at, actor, action, subject, detail) "
                    "VALUES ('2026-11-21 12:00:00.123456+00:00', 'ada', 'test.done', :subject, :detail)"
                ),
                {"subject": f"thing/{number}", "detail": '{"b": [1, "ä"], "a": 0.1, "n": null}'},
            )
    migrations.upgrade(database_url)
    write(engine, 1)
    found = verdict(engine)
    assert (found.intact, found.events) == (True, 4)
    engine.dispose()


def test_the_history_is_searched_by_person_action_subject_and_time(session: Session) -> None:
    for actor, action, subject in (
        ("ada", "review.agree", "photo/1"),
        ("bob", "release.approved", "release/3"),
        ("bob", "staff.disabled", "staff/7"),
        ("bob", "staff.enabled", "staff/7"),
    ):
        audit_log.record(session, actor, action, subject)

    def found(**wanted: object) -> list[str]:
        return [event.action for event in audit_log.search(session, Search(**wanted))]  # type: ignore[arg-type]

    assert found(actor="ada") == ["review.agree"]
    assert found(action="staff.") == ["staff.enabled", "staff.disabled"]
    assert found(subject="release/3", actor="bob") == ["release.approved"]
    assert found(action="st%") == []
    assert len(found(since=now() - timedelta(minutes=1))) == 4
    assert found(until=now() - timedelta(minutes=1)) == []
    first = audit_log.search(session, Search(), limit=3)
    assert [event.action for event in audit_log.search(session, Search(), before=first[-1].id)] == ["review.agree"]
    bobs = audit_log.after(session, Search(actor="bob"), 0, limit=2)
    assert [event.action for event in bobs] == ["release.approved", "staff.disabled"]
    rest = audit_log.after(session, Search(actor="bob"), bobs[-1].id or 0)
    assert [event.action for event in rest] == ["staff.enabled"]


def test_each_event_has_exactly_one_link(engine: Engine) -> None:
    write(engine, 5)
    with transaction(engine) as session:
        counts = [session.exec(select(func.count()).select_from(table)).one() for table in (AuditEvent, AuditLink)]
    assert counts == [5, 5]
