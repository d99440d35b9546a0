"""A rollout is halted, held or widened for what the field says, and the reason is in words."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend.database import transaction
from backend.evidence import field_evidence
from backend.evidence.field_evidence import Judgement, Verdict
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import FieldBlock, Rollout
from mobile_models.field_report import Arm, ReleaseUse
from tests.backend.field_world import NEW, NOON, OLD, a_day, add_releases, report, rollout, send, use

LATER = NOON + timedelta(hours=1)
CANDIDATE, AWAITED, CURRENT = use(NEW, Arm.CANDIDATE, answers=1), use(OLD, Arm.AWAITED, answers=1), use(answers=1)


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """What is counted is the same on both databases (test_field_reports.py); here it is judged."""
    return migrated_sqlite_url


@pytest.fixture(autouse=True)
def releases(engine: Engine) -> None:
    with transaction(engine) as session:
        add_releases(session)


@pytest.fixture
def under_way(session: Session) -> Rollout:
    return rollout(session)


def fill(session: Session, side: ReleaseUse, phones: int, corrected: int, moment: datetime = NOON) -> None:
    """As if so many phones had sent one answer each; one row instead of thousands of reports."""
    begin = moment.replace(minute=0, second=0)
    values: dict[str, Any] = {"day": moment.date(), "channel": "stable", "version": side.version, "arm": side.arm}
    zeros = {"passed": 0, "failed": 0, "rejected": 0}
    key = (begin, *values.values())
    assert session.get(FieldBlock, key) is None, "fill each side once"
    session.add(FieldBlock(received_at=begin, phones=phones, answers=phones, corrected=corrected, **values, **zeros))
    session.flush()


def judge(session: Session, settings: Settings, moment: datetime = LATER) -> Judgement:
    return field_evidence.judge(session, settings, session.exec(select(Rollout)).one(), moment)


def failing(session: Session, settings: Settings, phones: int, **counts: Any) -> None:
    for _ in range(phones):
        send(session, settings, report(use(NEW, Arm.CANDIDATE, **counts)))


def test_without_any_report_a_rollout_is_held(session: Session, settings: Settings, under_way: Rollout) -> None:
    judgement = judge(session, settings)
    assert (judgement.verdict, judgement.reasons) == (Verdict.HOLD, ("0 of 300 answers needed at this step.",))


def test_a_rollout_that_no_phone_can_get_yet_is_held(session: Session, settings: Settings) -> None:
    rollout(session, started_at=None)
    assert "not published yet" in judge(session, settings).reasons[0]


def test_a_release_that_nobody_passes_is_halted_at_once(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    settings = settings.model_copy(update={"tolerated_failure_fraction": 0.4})  # So that no other rule halts it.
    failing(session, settings, 4, refused={"tampered_file": 1})
    assert judge(session, settings).verdict == Verdict.HOLD
    failing(session, settings, 1, self_test_failed=1)
    judgement = judge(session, settings)
    assert judgement.verdict == Verdict.HALT
    assert judgement.reasons[0] == "5 phones reject release 3, and none has passed its self-tests."


def test_one_phone_that_passed_shows_that_the_file_is_whole(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    failing(session, settings, 5, refused={"tampered_file": 1})
    failing(session, settings, 1, installed=1)
    assert judge(session, settings).verdict == Verdict.HOLD


@pytest.mark.parametrize(
    "counts",
    [
        {"self_test_failed": 1},
        {"load_crashes": 1},
        {"installed": 1, "rolled_back": 1},
        {"refused": {"model_broken": 1}},
    ],
)
def test_more_failures_than_are_tolerated_halt(
    session: Session, settings: Settings, under_way: Rollout, counts: dict[str, Any]
) -> None:
    failing(session, settings, 40, installed=1)
    assert judge(session, settings).verdict == Verdict.HOLD
    failing(session, settings, 5, **counts)
    judgement = judge(session, settings)
    assert judgement.verdict == Verdict.HALT
    assert (judgement.passed, judgement.failed) == (40, 5)
    assert "5 of 45 phones" in judgement.reasons[0] and "1.0% are tolerated" in judgement.reasons[0]


def test_failures_that_are_tolerated_do_not(session: Session, settings: Settings, under_way: Rollout) -> None:
    failing(session, settings, 60, installed=1)
    failing(session, settings, 1, load_crashes=1)
    assert judge(session, settings).verdict == Verdict.HOLD


def test_refusals_that_are_not_the_releases_fault_do_not(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    failing(session, settings, 30, refused={"unreachable": 3, "app_too_old": 1, "disk_full": 1})
    assert judge(session, settings).verdict == Verdict.HOLD


def test_a_worse_correction_rate_halts_and_says_both_rates(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    fill(session, CANDIDATE, 1000, 220)
    fill(session, CURRENT, 3000, 300)
    judgement = judge(session, settings)
    assert judgement.verdict == Verdict.HALT
    assert "Its cohort corrects 22.0% of the answers and everybody else 10.0% on the same days" in judgement.reasons[0]
    assert "1 point worse is tolerated" in judgement.reasons[0]
    assert judgement.harm_p_value < settings.halt_alpha


def test_the_cohort_includes_those_who_do_not_have_it_yet(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    fill(session, CANDIDATE, 300, 30)
    fill(session, AWAITED, 200, 20)
    fill(session, CURRENT, 900, 90)
    fill(session, use(OLD, Arm.UNSEEN, answers=1), 5000, 5000)
    fill(session, use(1, Arm.CANDIDATE, answers=1), 5000, 5000)
    judgement = judge(session, settings)
    assert (judgement.cohort.answers, judgement.others.answers) == (500, 900)
    assert (judgement.cohort.rate, judgement.others.rate) == (0.1, 0.1)


def test_enough_answers_that_are_not_worse_widen(session: Session, settings: Settings, under_way: Rollout) -> None:
    fill(session, CANDIDATE, 3000, 300)
    fill(session, CURRENT, 9000, 900)
    judgement = judge(session, settings)
    assert (judgement.verdict, judgement.answers_at_step) == (Verdict.WIDEN, 3000)
    assert "not 3 points worse" in judgement.reasons[0]


def test_few_answers_hold_and_the_reason_counts_them(session: Session, settings: Settings, under_way: Rollout) -> None:
    settings = settings.model_copy(update={"widen_answers_needed": 3000})
    fill(session, CANDIDATE, 1204, 120)
    fill(session, CURRENT, 9000, 900)
    judgement = judge(session, settings)
    assert (judgement.verdict, judgement.reasons[0]) == (Verdict.HOLD, "1,204 of 3,000 answers needed at this step.")


def test_answers_of_an_earlier_step_prove_but_do_not_count_for_this_one(session: Session, settings: Settings) -> None:
    step = NOON + timedelta(hours=6)
    rollout(session, stage_started_at=step)
    fill(session, CANDIDATE, 3000, 300)
    fill(session, CURRENT, 9000, 900)
    judgement = judge(session, settings, step + timedelta(hours=2))
    assert (judgement.verdict, judgement.answers_at_step) == (Verdict.HOLD, 0)
    assert judgement.harmless_p_value < settings.widen_alpha


def test_in_a_small_town_time_without_a_sign_of_harm_widens(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    fill(session, CANDIDATE, 60, 6)
    fill(session, CURRENT, 200, 20)
    assert judge(session, settings, NOON + timedelta(days=6)).verdict == Verdict.HOLD
    judgement = judge(session, settings, NOON + timedelta(days=7))
    assert judgement.verdict == Verdict.WIDEN
    assert "7.0 days at this step, 60 answers, and no sign of harm" in judgement.reasons[0]


def test_time_alone_never_widens(session: Session, settings: Settings, under_way: Rollout) -> None:
    fill(session, CURRENT, 200, 20)
    assert judge(session, settings, NOON + timedelta(days=60)).verdict == Verdict.HOLD


def test_a_sign_of_harm_holds_however_long_it_takes(session: Session, settings: Settings, under_way: Rollout) -> None:
    fill(session, CANDIDATE, 100, 22)
    fill(session, CURRENT, 400, 40)
    judgement = judge(session, settings, NOON + timedelta(days=9))
    assert settings.halt_alpha < judgement.harm_p_value < 0.2
    assert (judgement.verdict, "not without a sign of harm" in judgement.reasons[0]) == (Verdict.HOLD, True)


def test_what_is_still_coming_in_is_for_a_later_look(session: Session, settings: Settings, under_way: Rollout) -> None:
    failing(session, settings, 9, self_test_failed=1)
    looks = (NOON + timedelta(seconds=seconds) for seconds in (0, 599, 600))
    assert [judge(session, settings, moment).verdict for moment in looks] == [Verdict.HOLD, Verdict.HOLD, Verdict.HALT]


def test_another_channel_and_the_time_before_do_not_count(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    for _ in range(9):
        broken = use(NEW, Arm.CANDIDATE, self_test_failed=1)
        send(session, settings, report(broken, channel="beta"))
        send(session, settings, report(broken, day=(NOON - timedelta(days=1)).date()))
        send(session, settings, report(broken), NOON - timedelta(minutes=11))
    assert judge(session, settings).failed == 0


def test_people_who_resume_a_halted_rollout_have_weighed_what_halted_it(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    failing(session, settings, 9, self_test_failed=1)
    assert judge(session, settings).verdict == Verdict.HALT
    for action in ("rollout.resumed", "rollout.halted", "rollout.resumed"):
        audit_log.record(session, "ada", action, f"release/{NEW}", rollout=under_way.id)
        if action == "rollout.halted":
            assert judge(session, settings).verdict == Verdict.HALT, "not resumed yet"
    resumed = audit_log.history(session, f"release/{NEW}")[-1].at
    later = resumed + timedelta(hours=1)
    assert judge(session, settings, later).failed == 0
    for _ in range(9):
        send(session, settings, report(use(NEW, Arm.CANDIDATE, load_crashes=1), day=resumed.date()), resumed)
    assert judge(session, settings, later).verdict == Verdict.HALT


def test_real_reports_of_a_bad_release_halt_it_on_the_next_day(
    session: Session, settings: Settings, under_way: Rollout
) -> None:
    """30 phones with the candidate, of which half of the answers are corrected, against 60 with a tenth."""
    sides = [(replace_answers(CANDIDATE, 5), 30, 0.5), (replace_answers(CURRENT, 5), 60, 0.1)]
    moment = a_day(session, settings, NOON.date(), sides)
    assert judge(session, settings, moment).verdict == Verdict.HALT


def replace_answers(side: ReleaseUse, answers: int) -> ReleaseUse:
    return side.model_copy(update={"answers": answers})
