"""What a phone counts of its releases, and how it tells the city."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mobile_models.field_report import Arm, FieldReport, ReleaseUse
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused
from mobile_models.updates.update_channel import Candidate, ChannelPointer
from phone.client import Phone
from phone.submission import SubmissionId
from phone.usage import PhoneKind, Usage
from tests import pictures
from tests.phone.conftest import City, MakePhone
from tests.updates import desired

NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)
KIND = PhoneKind("Fairphone 5", "0.9", "2.3.0")
POINTER = ChannelPointer(current=2)
ONE, TWO = SubmissionId("one"), SubmissionId("two")


class Days:
    """A phone's counts, and the calendar."""

    def __init__(self, folder: Path) -> None:
        self.now, self._path = NOON, folder / "usage.json"
        self.usage = self.switched_on()
        self.usage.saw(POINTER, "phone-1")

    def switched_on(self) -> Usage:
        self.usage = Usage(self._path, KIND, "stable", 1, lambda: self.now)
        return self.usage

    def reported(self, running: int = 2) -> list[ReleaseUse]:
        self.usage.close_days(running)
        return [use for report in self.usage.waiting for use in report.releases]

    def later(self, **time: float) -> "Days":
        self.now += timedelta(**time)
        return self


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_a_day_is_reported_once_it_is_over_and_corrections_had_their_time(days: Days) -> None:
    days.usage.answered(2, 80.0)
    assert days.later(hours=23).reported() == []
    assert days.later(hours=1).reported() == [ReleaseUse(version=2, arm=Arm.CURRENT, answers=1, latency={12: 1})]
    report = days.usage.waiting[0]
    assert (report.day, report.phone_model, report.channel) == (NOON.date(), "Fairphone 5", "stable")


def test_counts_survive_a_restart_and_enter_one_report_only(days: Days) -> None:
    for _ in range(3):
        days.switched_on().answered(2, 10.0)
    days.later(days=2)
    first = days.reported()
    days.switched_on()
    assert days.reported() == first
    assert [use.answers for use in first] == [3]
    assert len({report.report_id for report in days.usage.waiting}) == 1
    days.usage.settle(days.usage.waiting[0])
    assert days.later(days=2).reported() == []


def test_a_correction_counts_to_the_release_and_the_day_of_its_answer(days: Days) -> None:
    days.usage.answered(2, 10.0)
    days.usage.kept(ONE, 2, "glass", None)
    days.later(hours=20).usage.answered(3, 10.0)
    days.usage.said(ONE, "metal")
    assert [(use.version, use.corrected, use.accepted) for use in days.later(days=3).reported()] == [
        (2, 1, 0),
        (3, 0, 0),
    ]


def test_the_last_word_of_the_resident_counts(days: Days) -> None:
    days.usage.answered(2, 10.0)
    days.usage.kept(ONE, 2, "glass", "metal")
    days.usage.said(ONE, "paper")
    days.usage.said(ONE, "glass")
    use = days.later(days=2).reported()[0]
    assert (use.accepted, use.corrected) == (1, 0)


def test_a_correction_after_the_day_was_reported_counts_no_more(days: Days) -> None:
    days.usage.answered(2, 10.0)
    days.usage.kept(ONE, 2, "glass", None)
    before = days.later(days=2).reported()
    days.usage.said(ONE, "metal")
    assert days.later(days=2).reported() == before


def test_there_are_never_more_opinions_than_answers(days: Days) -> None:
    days.usage.answered(2, 10.0)
    days.usage.kept(ONE, 2, "glass", "glass")
    days.usage.kept(TWO, 2, "glass", "metal")
    report = days.later(days=2).reported()[0]
    assert (report.answers, report.accepted, report.corrected) == (1, 1, 0)
    assert FieldReport.model_validate_json(days.usage.waiting[0].to_bytes()) == days.usage.waiting[0]


def test_an_answer_that_was_kept_twice_has_one_opinion(days: Days) -> None:
    days.usage.answered(2, 10.0)
    for photo in (ONE, TWO):
        days.usage.kept(photo, 2, "glass", None)
    for photo in (ONE, TWO):
        days.usage.said(photo, "metal")
    (use,) = days.later(days=2).reported()
    assert (use.answers, use.corrected) == (1, 1)
    assert days.switched_on().waiting, "what was written can be read"


def test_a_withdrawn_photo_leaves_no_name_behind(days: Days, tmp_path: Path) -> None:
    days.usage.answered(2, 10.0)
    days.usage.kept(ONE, 2, "glass", "metal")
    days.usage.forget(ONE)
    assert json.loads((tmp_path / "usage.json").read_bytes())["opinions"] == {}


def test_a_refusal_counts_once_for_each_release_and_reason(days: Days) -> None:
    for _ in range(3):
        days.usage.refused(3, RefusalReason.SELF_TEST_FAILED)
        days.usage.refused(3, RefusalReason.DISK_FULL)
        days.switched_on()
    use = days.reported()[0]
    assert (use.refused, use.self_test_failed) == ({"self_test_failed": 1, "disk_full": 1}, 1)
    days.later(days=1).usage.refused(3, RefusalReason.SELF_TEST_FAILED)
    assert len(days.later(days=2).reported()) == 1


def test_what_failed_is_told_at_once_and_what_runs_at_the_end_of_its_day(days: Days) -> None:
    days.usage.answered(2, 10.0)
    days.usage.count(3, "load_crashes")
    assert [use.version for use in days.reported()] == [3]
    assert [use.version for use in days.later(days=2).reported()] == [3, 2]


def test_a_release_that_cannot_be_had_yet_is_told_with_its_day(days: Days) -> None:
    """Told at once, what happens with it later on this day would not count any more."""
    days.usage.refused(3, RefusalReason.UNREACHABLE)
    assert days.reported() == []
    days.usage.count(3, "installed")
    (use,) = days.later(days=2).reported()
    assert (use.refused, use.installed) == ({"unreachable": 1}, 1)


def test_more_of_anything_than_a_report_may_hold_is_not_counted(days: Days) -> None:
    for _ in range(150):
        days.usage.answered(2, 10.0)
        days.usage.count(2, "loads")
    use = days.later(days=2).reported()[0]
    assert (use.answers, sum(use.latency.values()), use.loads) == (100, 100, 100)


def test_what_could_not_be_sent_for_30_days_is_forgotten(days: Days) -> None:
    for _ in range(40):
        days.usage.answered(2, 10.0)
        days.usage.close_days(2)
        days.later(days=1)
    days.usage.close_days(2)
    assert days.usage.waiting[0].day == days.now.date() - timedelta(days=30)
    assert len(days.usage.waiting) == 30


def test_what_was_counted_under_a_clock_years_ahead_is_forgotten_once_it_is_right(days: Days) -> None:
    days.later(days=1000).usage.answered(2, 10.0)
    days.later(days=-1000).usage.answered(2, 10.0)
    days.usage.close_days(2)
    assert [each.day for each in days.usage._counted.open] == [NOON.date()]


def test_a_phone_knows_its_side_of_a_rollout(days: Days) -> None:
    for percent, version, arm in ((100, 3, Arm.CANDIDATE), (100, 2, Arm.AWAITED), (0, 2, Arm.CURRENT)):
        days.usage.saw(
            POINTER.model_copy(update={"candidate": Candidate(version=3, rollout_percent=percent, salt="s")}), "phone-1"
        )
        days.usage.answered(version, 10.0)
        assert any((use.use.version, use.use.arm) == (version, arm) for use in days.usage._counted.open)
    days.later(days=2).usage.answered(2, 10.0)
    assert days.usage._counted.open[-1].use.arm == Arm.UNSEEN


def test_a_full_disk_or_a_damaged_file_stops_no_answer(days: Days, tmp_path: Path) -> None:
    (tmp_path / "usage.json").unlink()
    (tmp_path / "usage.json").mkdir()  # Nothing can be written there.
    days.usage.answered(2, 10.0)
    assert [use.answers for use in days.later(days=2).reported()] == [1]
    (tmp_path / "usage.json").rmdir()
    (tmp_path / "usage.json").write_bytes(b"\x00\x00")
    assert days.switched_on().waiting == ()


def test_a_look_that_was_refused_counts_once_a_day_with_the_release_that_ran(days: Days) -> None:
    for _ in range(3):
        days.usage.look_refused(2, RefusalReason.EXPIRED_METADATA)
    days.later(days=1).usage.look_refused(2, RefusalReason.OLDER_METADATA)
    told = [use.looks_refused for use in days.later(days=2).reported()]
    assert told == [{"expired_metadata": 1}, {"older_metadata": 1}]


# The whole phone.


@pytest.fixture
def clock() -> Iterator[list[datetime]]:
    yield [datetime.now(UTC)]


def test_a_phone_reports_its_day_with_the_next_contact_and_never_twice(
    city: City, make_phone: MakePhone, clock: list[datetime]
) -> None:
    city.publish(desired(1, 2, current=2))
    phone: Phone = make_phone(city.web.url, clock=lambda: clock[0])
    phone.update()
    kept = [phone.keep(pictures.jpeg("glass"), phone.classify(pictures.jpeg("glass"))) for _ in range(2)]
    phone.correct(kept[0], "metal")
    phone.correct(kept[1], "glass")
    clock[0] += timedelta(days=2)
    city.publish(desired(1, 2, current=2), moment=clock[0])
    for _ in range(2):
        phone.update()
    sent = [content for path, content in city.web.posted if path == "/v1/field-reports"]
    uses = {use.version: use for content in sent for use in FieldReport.model_validate_json(content).releases}
    assert len(sent) == 1
    assert (uses[2].installed, uses[2].answers, uses[2].accepted, uses[2].corrected) == (1, 2, 1, 1)
    assert sum(uses[2].latency.values()) == 2
    for secret in (b"phone-1", b"glass", b"metal", *(str(each).encode() for each in kept)):
        assert all(secret not in content for content in sent)


def test_reports_wait_while_the_server_is_away_and_keep_their_ids(
    city: City, make_phone: MakePhone, clock: list[datetime]
) -> None:
    city.publish(desired(1, 2, current=2))
    phone: Phone = make_phone(city.web.url, clock=lambda: clock[0])
    phone.update()
    phone.classify(pictures.jpeg("glass"))
    clock[0] += timedelta(days=2)
    city.publish(desired(1, 2, current=2), moment=clock[0])
    city.web.post_status = 503
    for _ in range(2):
        phone.update()
    city.web.post_status = 201
    phone.send()
    ids = [json.loads(content)["report_id"] for path, content in city.web.posted if path == "/v1/field-reports"]
    assert len(ids) == 3
    assert len(set(ids)) == 1, "a report that arrives twice counts once"
    city.web.posted.clear()
    phone.send()
    assert city.web.posted == []


def test_a_phone_that_met_a_frozen_repository_says_so_and_one_without_a_network_does_not(
    city: City, make_phone: MakePhone, clock: list[datetime]
) -> None:
    city.publish(desired(1, 2, current=2))
    phone: Phone = make_phone(city.web.url, clock=lambda: clock[0])
    phone.update()
    clock[0] += timedelta(days=30)
    with pytest.raises(UpdateRefused, match="expired_metadata"):
        phone.update()
    with pytest.raises(UpdateRefused, match="unreachable"):
        make_phone("http://127.0.0.1:9", clock=lambda: clock[0]).update()
    clock[0] += timedelta(days=2)
    phone.send()
    sent = [content for path, content in city.web.posted if path == "/v1/field-reports"]
    refused = [use.looks_refused for content in sent for use in FieldReport.model_validate_json(content).releases]
    assert [each for each in refused if each] == [{"expired_metadata": 1}]
