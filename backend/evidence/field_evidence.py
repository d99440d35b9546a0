"""What field reports say about a rollout: halt it, hold it, or widen it.

Guarantees: judging writes nothing, and says why in words. A rollout is halted for what would hardly happen to a release
that does no harm, however often one looks (`sequential_test`); it widens for evidence, or for time without a sign of
harm where few answer. Missing evidence holds. A rollout that people resumed is judged by what came in since.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlmodel import Session, col, select

from backend.evidence import sequential_test
from backend.evidence.field_reports import block_begin
from backend.evidence.sequential_test import Block, Evidence, Sample
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import FieldBlock, Rollout
from mobile_models.field_report import Arm

SMALLEST_BLOCK = 20
"""Answers of each side that are compared at once."""
_SIGN_OF_HARM = 0.2
"""With a p-value below this, time alone does not widen a rollout."""
_LEAST_SHARE_OF_ANSWERS = 0.1
_OTHERS = frozenset({Arm.CURRENT, Arm.BUNDLED})
NO_ANSWERS = Sample()


class Verdict(StrEnum):
    HALT = "halt"
    HOLD = "hold"
    WIDEN = "widen"


@dataclass(frozen=True)
class Judgement:
    """`reasons` are sentences for people."""

    verdict: Verdict
    reasons: tuple[str, ...]
    cohort: Sample = NO_ANSWERS
    others: Sample = NO_ANSWERS
    passed: int = 0
    failed: int = 0
    answers_at_step: int = 0
    harm_p_value: float = 1.0
    """Against "it does no harm beyond what is tolerated", valid however often one looks."""
    harmless_p_value: float = 1.0
    """Against "it is worse by the margin or more", likewise."""
    failures_p_value: float = 1.0


class _Row(NamedTuple):
    """One of `FieldBlock`, of which a city has many thousands."""

    received_at: datetime
    day: date
    version: int
    arm: str
    phones: int
    answers: int
    corrected: int
    passed: int
    failed: int
    rejected: int


_COLUMNS = tuple(col(getattr(FieldBlock, name)) for name in _Row._fields)


@dataclass(frozen=True)
class _Field:
    """What came in about a rollout."""

    rows: Sequence[_Row]
    blocks: Sequence[Block]
    version: int
    step_started_at: datetime

    @property
    def cohort(self) -> Sample:
        return _total(block.cohort for block in self.blocks)

    @property
    def others(self) -> Sample:
        return _total(block.others for block in self.blocks)

    def phones(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows if row.version == self.version)

    @property
    def answers_at_step(self) -> int:
        return sum(
            row.answers
            for row in self.rows
            if (row.version, row.arm) == (self.version, Arm.CANDIDATE) and row.received_at >= self.step_started_at
        )


def judge(session: Session, settings: Settings, rollout: Rollout, moment: datetime) -> Judgement:
    """Say what should be done with a rollout now; one that no phone can get yet is held."""
    if rollout.started_at is None or rollout.stage_started_at is None:
        return Judgement(Verdict.HOLD, (f"Release {rollout.version} is not published yet.",))
    field = _read(session, settings, rollout, _since(session, rollout, rollout.started_at), moment)
    failures = _failures(settings, field)
    correlation = settings.answers_correlation
    harm = sequential_test.evidence_of_harm(field.blocks, settings.tolerated_worsening_fraction, correlation)
    harmless = sequential_test.evidence_of_no_harm(field.blocks, settings.widen_margin_fraction, correlation)
    if reasons := _reasons_to_halt(settings, field, failures, harm):
        verdict = Verdict.HALT
    else:
        days = (moment - rollout.stage_started_at) / timedelta(days=1)
        verdict, reason = _widen_or_hold(settings, field, harm, harmless, days)
        reasons = (reason,)
    return Judgement(
        verdict, reasons, field.cohort, field.others, field.phones("passed"), field.phones("failed"),
        field.answers_at_step, harm.p_value, harmless.p_value, failures.p_value,
    )  # fmt: skip


def too_many_failures(session: Session, settings: Settings, rollout: Rollout, moment: datetime) -> str | None:
    """Say why phones seem to fail with a release although its rollout is over; None where they do not.

    All phones count that tried it since the rollout began: most of them installed it long before they failed.
    """
    if rollout.started_at is None:
        return None
    field = _read(session, settings, rollout, _since(session, rollout, rollout.started_at), moment)
    failures = _failures(settings, field)
    return _failures_in_words(settings, field, failures) if failures.reaches(settings.halt_alpha) else None


def _failures(settings: Settings, field: _Field) -> Evidence:
    failed = field.phones("failed")
    return sequential_test.evidence_of_failures(
        field.phones("passed") + failed, failed, settings.tolerated_failure_fraction
    )


def _failures_in_words(settings: Settings, field: _Field, failures: Evidence) -> str:
    passed, failed = field.phones("passed"), field.phones("failed")
    return (
        f"{failed} of {passed + failed} phones met a failed self-test, a crash while loading, or went back by "
        f"themselves; {settings.tolerated_failure_fraction:.1%} are tolerated (p = {failures.p_value:.2g})."
    )


def _reasons_to_halt(settings: Settings, field: _Field, failures: Evidence, harm: Evidence) -> tuple[str, ...]:
    reasons = []
    rejected = field.phones("rejected")
    if field.phones("passed") == 0 and rejected >= settings.rejections_to_halt:
        reasons.append(f"{rejected} phones reject release {field.version}, and none has passed its self-tests.")
    if failures.reaches(settings.halt_alpha):
        reasons.append(_failures_in_words(settings, field, failures))
    if harm.reaches(settings.halt_alpha):
        reasons.append(
            f"Its cohort corrects {_rate(field.cohort)} of the answers and everybody else {_rate(field.others)} on the "
            f"same days; {_points(settings.tolerated_worsening_fraction)} worse is tolerated (p = {harm.p_value:.2g})."
        )
    return tuple(reasons)


def _widen_or_hold(
    settings: Settings, field: _Field, harm: Evidence, harmless: Evidence, days: float
) -> tuple[Verdict, str]:
    answers, needed = field.answers_at_step, settings.widen_answers_needed
    rates = f"corrected {_rate(field.cohort)}, everybody else {_rate(field.others)}"
    margin = _points(settings.widen_margin_fraction)
    if answers >= needed and harmless.reaches(settings.widen_alpha):
        return Verdict.WIDEN, f"It is not {margin} worse (p = {harmless.p_value:.2g}): {rates}."
    if days >= settings.widen_without_proof_days and answers >= needed * _LEAST_SHARE_OF_ANSWERS:
        if harm.p_value >= _SIGN_OF_HARM:
            return Verdict.WIDEN, f"{days:.1f} days at this step, {answers:,} answers, and no sign of harm: {rates}."
        return Verdict.HOLD, f"{days:.1f} days at this step, but not without a sign of harm: {rates}."
    if answers < needed:
        return Verdict.HOLD, f"{answers:,} of {needed:,} answers needed at this step."
    return Verdict.HOLD, f"Not sure yet that it is less than {margin} worse (p = {harmless.p_value:.2g}): {rates}."


def _read(session: Session, settings: Settings, rollout: Rollout, since: datetime, moment: datetime) -> _Field:
    """Read what came in up to the end of the last block; the one that still grows is for a later look."""
    seconds = settings.evidence_block_seconds
    statement = (
        select(*_COLUMNS)
        .where(
            FieldBlock.channel == rollout.channel,
            FieldBlock.day >= since.date(),
            FieldBlock.received_at >= block_begin(since, seconds),
            FieldBlock.received_at < block_begin(moment, seconds),
        )
        .order_by(col(FieldBlock.received_at), col(FieldBlock.day))
    )
    rows = [_Row(*row) for row in session.execute(statement)]
    blocks = sequential_test.merge(_blocks(rows, rollout.version), SMALLEST_BLOCK)
    return _Field(rows, blocks, rollout.version, block_begin(rollout.stage_started_at or since, seconds))


def _blocks(rows: Iterable[_Row], version: int) -> list[Block]:
    """Put both sides of a block and a day together, in the order in which they came in."""
    together: dict[tuple[object, object], list[_Row]] = {}
    for row in rows:
        together.setdefault((row.received_at, row.day), []).append(row)
    return [_block(each, version) for each in together.values()]


def _block(rows: Sequence[_Row], version: int) -> Block:
    """A candidate other than this one belongs to another rollout and to neither side."""
    mine = [row for row in rows if row.arm == Arm.CANDIDATE and row.version == version]
    waiting = [row for row in rows if row.arm == Arm.AWAITED]
    others = [row for row in rows if row.arm in _OTHERS]
    cohort = _total(map(_sample, [*mine, *waiting]))
    exposure = _total(map(_sample, mine)).answers / cohort.answers if cohort.answers else 1.0
    return Block(rows[0].day, cohort, _total(map(_sample, others)), exposure)


def _sample(row: _Row) -> Sample:
    return Sample(row.phones, row.answers, row.corrected)


def _total(samples: Iterable[Sample]) -> Sample:
    return sum(samples, NO_ANSWERS)


def _since(session: Session, rollout: Rollout, started_at: datetime) -> datetime:
    return max(started_at, _resumed_at(session, rollout) or started_at)


def _resumed_at(session: Session, rollout: Rollout) -> datetime | None:
    """Return when people last resumed it after a halt: they have weighed what there was before."""
    halted, resumed_at = False, None
    for event in audit_log.history(session, f"release/{rollout.version}"):
        if event.detail.get("rollout") != rollout.id:
            continue
        if event.action == "rollout.halted":
            halted = True
        elif event.action == "rollout.resumed" and halted:
            halted, resumed_at = False, event.at
    return resumed_at


def _rate(sample: Sample) -> str:
    return "none" if sample.rate is None else f"{sample.rate:.1%}"


def _points(fraction: float) -> str:
    points = f"{100 * fraction:g}"
    return f"{points} point" if points == "1" else f"{points} points"
