"""Field reports: what phones meet with their releases, added up as it comes in.

Guarantees: a report counts once, and a release once for each phone and day, whatever is sent again. What is kept are
counts of all phones together: by release, side and day, and by release, kind of phone and week; no row says which phone
reported. The digests that keep reports from counting twice are removed after `RECEIPTS_KEPT`. No phone weighs more than
`compared_answers_per_phone_and_day` answers where releases are compared, chosen by chance among all that it gave.
"""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, func, select

from backend.errors import DomainError
from backend.evidence import counters
from backend.settings import Settings
from backend.tables import (
    DeviceId,
    FieldBlock,
    FieldDay,
    FieldReceipt,
    FieldWeek,
    Release,
    ReleaseChannel,
)
from mobile_models.document import Sha256, sha256
from mobile_models.field_report import FieldReport, ReleaseUse
from mobile_models.updates.following.refusals import RefusalReason

OLDEST = timedelta(days=30)
RECEIPTS_KEPT = timedelta(days=35)
"""Longer than a report may take, so that none counts again once its receipt is gone."""
BLOCKS_KEPT = timedelta(days=180)
"""Nothing older than this is judged."""
OTHER = "other"
MOST_PHONE_MODELS, MOST_APP_VERSIONS = 2000, 200
"""In one week. Phones choose these names themselves; more of them than there can be are somebody's mischief."""
_WRONG_CLOCK = timedelta(minutes=10)
_IN_USE = timedelta(days=21)
_APP_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}")
_REJECTING = frozenset({RefusalReason.TAMPERED_FILE, RefusalReason.MODEL_BROKEN, RefusalReason.SELF_TEST_FAILED})
_FAILING = frozenset({RefusalReason.MODEL_BROKEN, RefusalReason.SELF_TEST_FAILED, RefusalReason.CRASHED})


class Count(StrEnum):
    """Names of counts. There are also `refused.<reason>`, `look_refused.<reason>` and `latency.<bucket>`."""

    PHONES = "phones"  # phones that met it, each once in a week; only in weeks
    RUNNING = "running"  # phones that ran it, each once on a day
    PASSED = "passed"  # phones that installed it and met no failure
    FAILED = "failed"  # phones that met a failure of self-test or loading, or went back by themselves
    REJECTED = "rejected"  # phones that got another file than the one signed, or one that does not pass
    INSTALLED = "installed"
    SELF_TEST_FAILED = "self_test_failed"
    LOAD_CRASHES = "load_crashes"
    ROLLED_BACK = "rolled_back"
    LOADS = "loads"
    ANSWERS = "answers"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"


REFUSED, LOOK_REFUSED, LATENCY = "refused.", "look_refused.", "latency."


@dataclass(frozen=True)
class DayOfRelease:
    """One point of the curves."""

    day: date
    channel: str
    arm: str
    running: int
    answers: int
    accepted: int
    corrected: int


def accept(session: Session, settings: Settings, device: DeviceId, report: FieldReport, moment: datetime) -> int:
    """Count a report and return how many of its entries counted: none if it was counted before.

    Releases that there are not are passed over. Raise `DomainError` for a day that cannot be, a channel that there is
    not, and where no release is left.
    """
    _check_day(report.day, moment)
    fresh = _fresh(session, device, _known_part(session, report))
    if fresh:
        _count_days(session, report, fresh)
        _count_weeks(session, device, report, fresh)
        _count_blocks(session, settings, report, fresh, moment)
    return len(fresh)


def curves(session: Session, version: int) -> Sequence[DayOfRelease]:
    """Return how a release was adopted and corrected, day by day and for each side."""
    wanted = (Count.RUNNING, Count.ANSWERS, Count.ACCEPTED, Count.CORRECTED)
    statement = select(FieldDay).where(FieldDay.version == version, col(FieldDay.name).in_(wanted))
    found: dict[tuple[date, str, str], Counter[str]] = {}
    for row in session.exec(statement):
        found.setdefault((row.day, row.channel, row.arm), Counter())[row.name] = row.number
    return [DayOfRelease(*key, *(found[key][name] for name in wanted)) for key in sorted(found)]


def releases_in_use(session: Session, moment: datetime) -> Mapping[int, float]:
    """Return the share of phones on each release in the last weeks, by phones and days on which they ran it."""
    total = func.sum(FieldDay.number)
    statement = (
        select(col(FieldDay.version), total)
        .where(FieldDay.name == Count.RUNNING, FieldDay.day > (moment - _IN_USE).date())
        .group_by(col(FieldDay.version))
    )
    running = {version: int(number) for version, number in session.exec(statement)}
    everybody = sum(running.values())
    return {version: number / everybody for version, number in running.items()} if everybody else {}


def purge(session: Session, moment: datetime) -> None:
    """Remove the receipts that nobody needs any more, and what nobody judges by any more."""
    session.execute(delete(FieldReceipt).where(col(FieldReceipt.day) < (moment - RECEIPTS_KEPT).date()))
    session.execute(delete(FieldBlock).where(col(FieldBlock.received_at) < moment - BLOCKS_KEPT))


def block_begin(moment: datetime, seconds: int) -> datetime:
    """Return when the block of `moment` began."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, moment.tzinfo)


def normal_phone_model(given: str) -> str:
    """Write a phone's own name for itself the same way, whatever its case, spaces and signs."""
    text = unicodedata.normalize("NFKC", given).casefold()
    kept = "".join(sign if sign.isalnum() or sign in "+-_.()/" else " " for sign in text)
    return " ".join(kept.split())[:60].strip() or OTHER


def normal_app_version(given: str) -> str:
    found = _APP_VERSION.match(given.strip())
    return found.group() if found else OTHER


def _check_day(day: date, moment: datetime) -> None:
    if day > (moment + _WRONG_CLOCK).date():
        raise DomainError("The day lies in the future; set the clock of this phone.", code="future_day")
    if day < (moment - OLDEST).date():
        raise DomainError(f"Reports count for {OLDEST.days} days; forget this one.", code="too_old")


def _known_part(session: Session, report: FieldReport) -> FieldReport:
    """Return the report without the releases that there are not: a phone sends it once, and the rest is true."""
    if session.get(ReleaseChannel, report.channel) is None:
        raise DomainError(f"There is no channel {report.channel}.", code="unknown_channel")
    named = {use.version for use in report.releases}
    known = session.exec(select(Release.version).where(col(Release.version).in_(named))).all()
    if not known:
        raise DomainError(f"There is no release {min(named)}.", code="unknown_release")
    return report.model_copy(update={"releases": tuple(use for use in report.releases if use.version in known)})


def _fresh(session: Session, device: DeviceId, report: FieldReport) -> tuple[ReleaseUse, ...]:
    """Return the entries that have not been counted, and write down that they are."""
    if not _add_receipts(session, report.day, [sha256(f"report {report.report_id}".encode())]):
        return ()
    digests = {use.version: sha256(f"use {device} {report.day} {use.version}".encode()) for use in report.releases}
    new = _add_receipts(session, report.day, list(digests.values()))
    return tuple(use for use in report.releases if digests[use.version] in new)


def _add_receipts(session: Session, day: date, digests: Sequence[Sha256]) -> frozenset[str]:
    rows = [{"digest": digest, "day": day} for digest in digests]
    return counters.add_new(session, FieldReceipt, rows, "digest")


def _count_days(session: Session, report: FieldReport, uses: Sequence[ReleaseUse]) -> None:
    counted = {
        (report.day, report.channel, use.version, str(use.arm), name): {"number": number}
        for use in uses
        for name, number in _counts(use)
    }
    counters.add(session, FieldDay, counted)


def _count_weeks(session: Session, device: DeviceId, report: FieldReport, uses: Sequence[ReleaseUse]) -> None:
    """A phone may tell of one release on two sides; here they are one row."""
    week = report.day - timedelta(days=report.day.weekday())
    model, app = normal_phone_model(report.phone_model), normal_app_version(report.app_version)
    model = _bounded(session, week, "phone_model", model, MOST_PHONE_MODELS)
    app = _bounded(session, week, "app_version", app, MOST_APP_VERSIONS)
    counted: Counter[tuple[date, int, str, str, str]] = Counter()
    for use in uses:
        for name, number in _counts(use):
            counted[week, use.version, model, app, name] += number
    for version in _first_of_week(session, device, week, report.day, {use.version for use in uses}):
        counted[week, version, model, app, str(Count.PHONES)] = 1
    counters.add(session, FieldWeek, {key: {"number": number} for key, number in counted.items()})


def _first_of_week(session: Session, device: DeviceId, week: date, day: date, versions: set[int]) -> list[int]:
    """Return the releases of which this phone has not told in this week yet."""
    digests = {version: sha256(f"week {device} {week} {version}".encode()) for version in versions}
    new = _add_receipts(session, day, list(digests.values()))
    return [version for version, digest in digests.items() if digest in new]


def _bounded(session: Session, week: date, column: str, name: str, most: int) -> str:
    """Return `name`, or `other` where it is new and the week has as many names as there may be."""
    field = col(getattr(FieldWeek, column))
    in_week = select(FieldWeek).where(FieldWeek.week == week)
    if session.exec(in_week.where(field == name).limit(1)).first() is not None:
        return name
    names = select(func.count(func.distinct(field))).where(FieldWeek.week == week)
    return name if session.exec(names).one() < most else OTHER


def _count_blocks(
    session: Session, settings: Settings, report: FieldReport, uses: Sequence[ReleaseUse], moment: datetime
) -> None:
    begin = block_begin(moment, settings.evidence_block_seconds)
    counted = {}
    for use in uses:
        drawn = random.Random(report.report_id.int + use.version)  # noqa: S311  # No secret depends on it.
        answers, corrected = _capped(use, settings.compared_answers_per_phone_and_day, drawn)
        counted[begin, report.day, report.channel, use.version, str(use.arm)] = {
            "phones": int(answers > 0),
            "answers": answers,
            "corrected": corrected,
            "passed": int(_has_passed(use)),
            "failed": int(_has_failed(use)),
            "rejected": int(_has_rejected(use)),
        }
    counters.add(session, FieldBlock, counted)


def _capped(use: ReleaseUse, most: int, drawn: random.Random) -> tuple[int, int]:
    """Draw `most` of the answers, so that each is as likely to be taken whether it was corrected or not."""
    if use.answers <= most:
        return use.answers, use.corrected
    return most, sum(place < use.corrected for place in drawn.sample(range(use.answers), most))


def _counts(use: ReleaseUse) -> Iterator[tuple[str, int]]:
    """Return what is not zero, by name."""
    found = {
        Count.RUNNING: int(use.loads > 0 or use.answers > 0),
        Count.PASSED: int(_has_passed(use)),
        Count.FAILED: int(_has_failed(use)),
        Count.REJECTED: int(_has_rejected(use)),
        Count.INSTALLED: use.installed,
        Count.SELF_TEST_FAILED: use.self_test_failed,
        Count.LOAD_CRASHES: use.load_crashes,
        Count.ROLLED_BACK: use.rolled_back,
        Count.LOADS: use.loads,
        Count.ANSWERS: use.answers,
        Count.ACCEPTED: use.accepted,
        Count.CORRECTED: use.corrected,
        **_by_reason(REFUSED, use.refused),
        **_by_reason(LOOK_REFUSED, use.looks_refused),
        **{f"{LATENCY}{bucket}": number for bucket, number in use.latency.items()},
    }
    return ((str(name), number) for name, number in found.items() if number)


def _by_reason(prefix: str, refused: Mapping[str, int]) -> Mapping[str, int]:
    known = {str(reason) for reason in RefusalReason}
    numbers = Counter[str]()
    for reason, number in refused.items():
        numbers[f"{prefix}{reason if reason in known else OTHER}"] += number
    return numbers


def _has_passed(use: ReleaseUse) -> bool:
    return use.installed > 0 and not _has_failed(use)


def _has_failed(use: ReleaseUse) -> bool:
    return bool(use.self_test_failed or use.load_crashes or use.rolled_back or _FAILING & use.refused.keys())


def _has_rejected(use: ReleaseUse) -> bool:
    return bool(use.self_test_failed or _REJECTING & use.refused.keys())
