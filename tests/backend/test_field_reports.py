"""Reports of phones are counted once, bounded, and without a name; on SQLite and PostgreSQL."""

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, func, select

from backend.database import transaction
from backend.errors import DomainError
from backend.evidence import field_figures, field_reports
from backend.evidence.field_reports import OTHER, normal_app_version, normal_phone_model
from backend.settings import Settings
from backend.tables import DeviceId, FieldBlock, FieldDay, FieldReceipt, FieldWeek
from mobile_models.field_report import Arm
from tests.backend.field_world import NEW, NOON, OLD, TODAY, add_releases, report, send, use

ANNA, BERT = DeviceId("anna"), DeviceId("bert")


def numbers(session: Session, version: int = OLD) -> dict[str, int]:
    rows = session.exec(select(FieldDay).where(FieldDay.version == version))
    return {row.name: row.number for row in rows}


@pytest.fixture(autouse=True)
def releases(engine: Engine) -> None:
    with transaction(engine) as session:
        add_releases(session)


def test_a_report_is_added_to_its_day_and_its_week(session: Session, settings: Settings) -> None:
    for device in (ANNA, BERT):
        assert field_reports.accept(session, settings, device, report(), NOON) == 1
    expected = {
        "running": 2, "loads": 2, "answers": 18, "accepted": 4, "corrected": 2, "latency.9": 16, "latency.11": 2,
    }  # fmt: skip
    assert numbers(session) == expected
    weeks = session.exec(select(FieldWeek)).all()
    assert {row.name: row.number for row in weeks} == {**expected, "phones": 2}
    assert {(row.week, row.phone_model, row.app_version) for row in weeks} == {
        (TODAY - timedelta(days=TODAY.weekday()), "fairphone 5", "1.4.0")
    }


def test_a_day_on_which_nothing_happened_adds_nothing(session: Session, settings: Settings) -> None:
    assert send(session, settings, report(use())) == 1
    assert numbers(session) == {}


def test_the_same_report_counts_once_whoever_sends_it(session: Session, settings: Settings) -> None:
    sent = report()
    assert [field_reports.accept(session, settings, each, sent, NOON) for each in (ANNA, ANNA, BERT)] == [1, 0, 0]
    assert numbers(session)["answers"] == 9


def test_a_phone_counts_once_for_each_day_and_release(session: Session, settings: Settings) -> None:
    def accept(**changes: Any) -> int:
        return field_reports.accept(session, settings, ANNA, report(**changes), NOON)

    both = (use(OLD, answers=5), use(NEW, Arm.CANDIDATE, self_test_failed=1))
    assert [accept(), accept(), accept(day=TODAY - timedelta(days=1)), accept(releases=both)] == [1, 0, 1, 1]
    assert numbers(session, NEW) == {"failed": 1, "rejected": 1, "self_test_failed": 1}


def test_no_row_tells_which_phone_reported(session: Session, settings: Settings) -> None:
    sent = report()
    field_reports.accept(session, settings, ANNA, sent, NOON)
    for table in (FieldReceipt, FieldDay, FieldWeek, FieldBlock):
        stored = str([row.model_dump() for row in session.exec(select(table))])
        assert ANNA not in stored and str(sent.report_id) not in stored
    assert {"device_id", "report_id"}.isdisjoint(
        column.name
        for table in (FieldDay, FieldWeek, FieldBlock, FieldReceipt)
        for column in SQLModel.metadata.tables[str(table.__tablename__)].columns
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"day": TODAY + timedelta(days=1)}, "future_day"),
        ({"day": TODAY - timedelta(days=31)}, "too_old"),
        ({"channel": "nightly"}, "unknown_channel"),
        ({"releases": (use(99, answers=1),)}, "unknown_release"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    session: Session, settings: Settings, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        send(session, settings, report(**changes))
    assert refused.value.code == code
    assert session.exec(select(func.count()).select_from(FieldReceipt)).one() == 0


def test_a_release_that_there_is_not_costs_the_others_nothing(session: Session, settings: Settings) -> None:
    sent = report(use(99, answers=5), use(OLD, answers=7))
    assert [field_reports.accept(session, settings, ANNA, sent, NOON) for _ in range(2)] == [1, 0]
    assert numbers(session) == {"running": 1, "answers": 7}
    assert numbers(session, 99) == {}


def test_a_report_of_a_month_ago_counts_to_its_day(session: Session, settings: Settings) -> None:
    day = TODAY - timedelta(days=30)
    send(session, settings, report(day=day))
    assert {row.day for row in session.exec(select(FieldDay))} == {day}


def test_receipts_go_when_their_reports_could_not_count_again(session: Session, settings: Settings) -> None:
    sent = report()
    field_reports.accept(session, settings, ANNA, sent, NOON)
    for days, receipts in ((35, 3), (36, 0)):
        field_reports.purge(session, NOON + timedelta(days=days))
        assert session.exec(select(func.count()).select_from(FieldReceipt)).one() == receipts
    with pytest.raises(DomainError, match="30 days"):
        field_reports.accept(session, settings, ANNA, sent, NOON + timedelta(days=36))
    assert numbers(session)["answers"] == 9, "the counts stay"


def test_no_phone_outvotes_others_where_releases_are_compared(session: Session, settings: Settings) -> None:
    send(session, settings, report(use(answers=4000, corrected=1000)))
    row = session.exec(select(FieldBlock)).one()
    assert (row.phones, row.answers) == (1, settings.compared_answers_per_phone_and_day)
    assert numbers(session)["answers"] == 4000


def test_the_answers_that_count_are_drawn_fairly() -> None:
    """The mean of 1000 hypergeometric draws of 20 from 100 with 30 is 6, give or take 0.06 (standard error)."""
    drawn = random.Random(1)
    counted = [field_reports._capped(use(answers=100, corrected=30), 20, drawn) for _ in range(1000)]
    assert {answers for answers, _ in counted} == {20}
    assert 5.7 < sum(corrected for _, corrected in counted) / 1000 < 6.3


def test_reasons_of_newer_apps_count_as_other(session: Session, settings: Settings) -> None:
    send(session, settings, report(use(NEW, refused={"tampered_file": 1, "eaten_by_a_dog": 2, "too_heavy": 1})))
    assert numbers(session, NEW) == {"rejected": 1, "refused.tampered_file": 1, "refused.other": 3}


def test_why_phones_believed_nothing_is_counted_with_the_release_that_ran(session: Session, settings: Settings) -> None:
    for reason in ("expired_metadata", "expired_metadata", "a_newer_reason"):
        send(session, settings, report(use(looks_refused={reason: 1})))
    assert numbers(session) == {"look_refused.expired_metadata": 2, "look_refused.other": 1}
    found = field_figures.of_release(session, OLD, smallest_cell=5)
    assert (found.looks_refused, found.refused, found.failed) == ({"expired_metadata": 2, "other": 1}, {}, 0)


def test_phones_cannot_fill_the_database_with_names(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_reports, "MOST_PHONE_MODELS", 2)
    for model in ("a", "b", "c", "A ", "d"):
        send(session, settings, report(phone_model=model))
    answers = select(FieldWeek.phone_model, FieldWeek.number).where(FieldWeek.name == "answers")
    assert dict(session.exec(answers).all()) == {"a": 18, "b": 9, OTHER: 18}


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("  Google  Pixel 8a\t", "google pixel 8a"),
        ("SAMSUNG SM-A546B", "samsung sm-a546b"),
        ("nul \0 <script>", "nul script"),
        ("\u2028\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), OTHER),
        ("x" * 80, "x" * 60),
    ],
)
def test_phone_models_are_written_alike(given: str, normal: str) -> None:
    assert normal_phone_model(given) == normal


def test_app_versions_are_numbers() -> None:
    assert [normal_app_version(each) for each in ("2.10.0rc1", "3", "v1", "1.2.3.4.5")] == [
        "2.10.0",
        "3",
        OTHER,
        "1.2.3.4",
    ]


def test_releases_in_use_are_those_of_the_last_weeks(session: Session, settings: Settings) -> None:
    for days, version in ((0, OLD), (1, OLD), (2, OLD), (3, NEW), (25, 1)):
        send(session, settings, report(use(version, loads=1), day=TODAY - timedelta(days=days)))
    assert field_reports.releases_in_use(session, NOON) == {OLD: 0.75, NEW: 0.25}
    assert field_reports.releases_in_use(session, NOON + timedelta(days=90)) == {}


def test_curves_follow_a_release_day_by_day_and_side_by_side(session: Session, settings: Settings) -> None:
    yesterday = TODAY - timedelta(days=1)
    send(session, settings, report(use(NEW, Arm.CANDIDATE, answers=4, corrected=1), day=yesterday))
    for _ in range(2):
        send(session, settings, report(use(NEW, Arm.CANDIDATE, answers=3, accepted=1)))
    points = [
        (each.day, each.arm, each.running, each.answers, each.corrected) for each in field_reports.curves(session, NEW)
    ]
    assert points == [(yesterday, "candidate", 1, 4, 1), (TODAY, "candidate", 2, 6, 0)]


def test_phones_that_report_at_once_are_all_counted(engine: Engine, settings: Settings) -> None:
    """Rows are shared by all phones, and taken in different orders: nobody is lost, nobody waits for ever."""

    def send_many(number: int) -> None:
        uses = [use(OLD, answers=2, latency={9: 1, 10: 1}), use(NEW, Arm.CANDIDATE, answers=1)]
        for turn in range(10):
            with transaction(engine) as session:
                send(session, settings, report(*(uses if (number + turn) % 2 else uses[::-1])))

    threads = [threading.Thread(target=send_many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction(engine) as session:
        assert (numbers(session, OLD)["answers"], numbers(session, NEW)["answers"]) == (80, 40)
