"""What engineers see of a release in the field.

Guarantees: of a day, or of a kind of phone, nothing is told where fewer phones than `smallest_cell_phones` ran the
release; phone models that are rarer than that are shown together as `other`. The sums of a release are told from the
first phone on: whoever brings it out must see the first that fails.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, select

from backend.evidence import field_reports
from backend.evidence.field_reports import LATENCY, LOOK_REFUSED, OTHER, REFUSED, Count
from backend.tables import FieldDay, FieldWeek
from mobile_models import field_report

_Names = Counter[str]


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds, read from buckets that are half a doubling wide."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class DayFigures:
    """One side of one day; the rest is None where too few phones ran it."""

    day: date
    channel: str
    arm: str
    running: int | None = None
    answers: int | None = None
    accepted: int | None = None
    corrected: int | None = None
    correction_rate: float | None = None


@dataclass(frozen=True)
class PhoneModelFigures:
    phone_model: str
    running: int
    """Days of phones: one that ran it on five days counts five times."""
    answers: int
    failed: int
    correction_rate: float | None
    latency: Latency | None


@dataclass(frozen=True)
class FieldFigures:
    version: int
    installed: int
    passed: int
    failed: int
    refused: Mapping[str, int]
    looks_refused: Mapping[str, int]
    """Days of phones that ran it and could not believe what they found when they looked for updates, by reason."""
    self_test_failed: int
    load_crashes: int
    rolled_back: int
    latency: Latency | None
    days: tuple[DayFigures, ...]
    phone_models: tuple[PhoneModelFigures, ...]


def of_release(session: Session, version: int, smallest_cell: int) -> FieldFigures:
    """Return all that the field says about a release; zeros where it says nothing."""
    total: _Names = Counter()
    for row in session.exec(select(FieldDay).where(FieldDay.version == version)):
        total[row.name] += row.number
    return FieldFigures(
        version=version,
        installed=total[Count.INSTALLED],
        passed=total[Count.PASSED],
        failed=total[Count.FAILED],
        refused=_by_reason(REFUSED, total),
        looks_refused=_by_reason(LOOK_REFUSED, total),
        self_test_failed=total[Count.SELF_TEST_FAILED],
        load_crashes=total[Count.LOAD_CRASHES],
        rolled_back=total[Count.ROLLED_BACK],
        latency=latency(total),
        days=tuple(_day(point, smallest_cell) for point in field_reports.curves(session, version)),
        phone_models=tuple(_phone_models(session, version, smallest_cell)),
    )


def _by_reason(prefix: str, counts: Mapping[str, int]) -> Mapping[str, int]:
    return {name.removeprefix(prefix): number for name, number in sorted(counts.items()) if name.startswith(prefix)}


def latency(counts: Mapping[str, int]) -> Latency | None:
    """Read percentiles from the counts `latency.<bucket>`; None where nothing was answered."""
    buckets = {int(name.removeprefix(LATENCY)): number for name, number in counts.items() if name.startswith(LATENCY)}
    return Latency(*(_percentile(buckets, share) for share in (0.5, 0.9, 0.99))) if sum(buckets.values()) else None


def _percentile(buckets: Mapping[int, int], share: float) -> float:
    """Return where `share` of the answers are faster, as if those of a bucket lay evenly on its logarithmic scale."""
    wanted, seen = share * sum(buckets.values()), 0
    for bucket, number in sorted(buckets.items()):
        if seen + number >= wanted:
            begins, ends = field_report.bucket_milliseconds(bucket)
            if begins == 0 or math.isinf(ends):
                return ends if begins == 0 else begins
            return float(begins * (ends / begins) ** ((wanted - seen) / number))
        seen += number
    raise ValueError("a percentile of no answers was asked for")


def _day(point: field_reports.DayOfRelease, smallest_cell: int) -> DayFigures:
    key = (point.day, point.channel, point.arm)
    if point.running < smallest_cell:
        return DayFigures(*key)
    rate = _rate(point.corrected, point.answers)
    return DayFigures(*key, point.running, point.answers, point.accepted, point.corrected, rate)


def _phone_models(session: Session, version: int, smallest_cell: int) -> Iterable[PhoneModelFigures]:
    counts: dict[str, _Names] = {}
    phones: Counter[str] = Counter()  # Of each model, in its fullest week.
    for (_, model), names in _weeks(session, version).items():
        counts.setdefault(model, Counter()).update(names)
        phones[model] = max(phones[model], names[Count.PHONES])
    common = {model for model, number in phones.items() if number >= smallest_cell} - {OTHER}
    rare = phones.keys() - common
    shown = [_phone_model(model, counts[model]) for model in sorted(common)]
    if sum(phones[model] for model in rare) >= smallest_cell:
        shown.append(_phone_model(OTHER, sum((counts[model] for model in rare), _Names())))
    return shown


def _weeks(session: Session, version: int) -> Mapping[tuple[date, str], _Names]:
    found: dict[tuple[date, str], _Names] = {}
    for row in session.exec(select(FieldWeek).where(FieldWeek.version == version)):
        found.setdefault((row.week, row.phone_model), Counter())[row.name] += row.number
    return found


def _phone_model(model: str, names: _Names) -> PhoneModelFigures:
    answers = names[Count.ANSWERS]
    rate = _rate(names[Count.CORRECTED], answers)
    return PhoneModelFigures(model, names[Count.RUNNING], answers, names[Count.FAILED], rate, latency(names))


def _rate(corrected: int, answers: int) -> float | None:
    return corrected / answers if answers else None
