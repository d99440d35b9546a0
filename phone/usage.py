"""What this phone met with its releases, counted for field reports.

Guarantees: a count enters exactly one report, and a report keeps its id until the server has taken it, so that nothing
counts twice. A report holds counts, versions and the kind of phone, and nothing of a photo, a place or a person. What
is older than 30 days is forgotten unsent.

A day is reported twelve hours after its end (UTC): corrections until then count to the day and the release of their
answer. A release that failed here and does not run any more is told at once. Counts are on the disk before anything
else is done, unless the disk is full: answering goes before counting.
"""

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from mobile_models import durable_file, field_report
from mobile_models.document import Document
from mobile_models.field_report import Arm, FieldReport, ReleaseUse
from mobile_models.updates.following.refusals import RefusalReason
from mobile_models.updates.update_channel import ChannelPointer
from phone.submission import SubmissionId

Counter = Literal["installed", "self_test_failed", "load_crashes", "rolled_back", "loads", "answers"]

_STAYS_OPEN = timedelta(hours=12)
_KEPT = timedelta(days=30)
_FAILURES = frozenset({RefusalReason.TAMPERED_FILE, RefusalReason.MODEL_BROKEN, RefusalReason.CRASHED})
_MOST = 100
"""More of anything than this on one day says nothing further, and no report may."""


@dataclass(frozen=True)
class PhoneKind:
    model: str
    """Maker and model."""
    app_version: str
    runtime_version: str


class DayUse(Document):
    day: date
    use: ReleaseUse

    @property
    def key(self) -> tuple[date, int, Arm]:
        return self.day, self.use.version, self.use.arm

    @property
    def has_failed(self) -> bool:
        """Whether something is wrong with the release; a phone without a network may still get it today."""
        use = self.use
        return bool(use.self_test_failed or use.load_crashes or use.rolled_back or _FAILURES & use.refused.keys())


class Opinion(Document):
    """What the resident thinks of an answer that was kept."""

    day: date
    version: int
    arm: Arm
    predicted: str
    is_right: bool | None = None

    @property
    def key(self) -> tuple[date, int, Arm]:
        return self.day, self.version, self.arm


class Counted(Document):
    """`usage.json`"""

    open: tuple[DayUse, ...] = ()
    opinions: dict[SubmissionId, Opinion] = Field(default_factory=dict)
    waiting: tuple[FieldReport, ...] = ()
    told: dict[int, tuple[RefusalReason, ...]] = Field(default_factory=dict)
    """Release to the reasons for which its refusal was counted: each counts once."""
    pointer: ChannelPointer | None = None
    """The one verified last."""
    seen_on: date | None = None
    device_id: str = ""


class Usage:
    """For one process at a time, and one thread."""

    def __init__(
        self, path: Path, kind: PhoneKind, channel: str, bundled_version: int, now: Callable[[], datetime]
    ) -> None:
        self._path, self._kind, self._channel = path, kind, channel
        self._bundled_version, self._now = bundled_version, now
        self._counted = self._read()

    @property
    def waiting(self) -> tuple[FieldReport, ...]:
        """What is to be sent, oldest first."""
        return self._counted.waiting

    def saw(self, pointer: ChannelPointer, device_id: str) -> None:
        """Note on which side of a rollout this phone is."""
        self._change(pointer=pointer, seen_on=self._today(), device_id=device_id)

    def count(self, version: int, counter: Counter) -> None:
        self._count(self._entry(version), {counter: 1})

    def refused(self, version: int, reason: RefusalReason) -> None:
        """Count a refusal with its reason, once for each release."""
        told = self._counted.told.get(version, ())
        if reason in told:
            return
        entry = self._entry(version)
        self._change(told={**self._counted.told, version: (*told, reason)})
        self._replace(entry, {"refused": {**entry.use.refused, reason: 1}})
        if reason == RefusalReason.SELF_TEST_FAILED:
            self.count(version, "self_test_failed")

    def look_refused(self, running_version: int, reason: RefusalReason) -> None:
        """Count that looking for updates failed for what concerns no release, once a day."""
        entry = self._entry(running_version)
        self._replace(entry, {"looks_refused": {**entry.use.looks_refused, reason: 1}})

    def answered(self, version: int, milliseconds: float) -> None:
        entry = self._entry(version)
        if entry.use.answers < _MOST:
            bucket, latency = field_report.latency_bucket(milliseconds), entry.use.latency
            latency = {**latency, bucket: latency.get(bucket, 0) + 1}
            self._replace(entry, {"answers": entry.use.answers + 1, "latency": latency})

    def kept(self, submission_id: SubmissionId, version: int, predicted: str, said: str | None) -> None:
        """Remember whose answer a photo in the outbox carries, and what the resident `said` it is."""
        entry = self._newest_answer(version)
        if entry is not None:
            opinion = Opinion(day=entry.day, version=version, arm=entry.use.arm, predicted=predicted)
            self._change(opinions={**self._counted.opinions, submission_id: opinion})
            if said is not None:
                self.said(submission_id, said)

    def said(self, submission_id: SubmissionId, label: str) -> None:
        """Count what the resident says; the last word counts. Later than its day stays open, none counts."""
        opinion = self._counted.opinions.get(submission_id)
        if opinion is None or opinion.is_right == (label == opinion.predicted):
            return
        now_right = label == opinion.predicted
        entry = next(each for each in self._counted.open if each.key == opinion.key)
        if opinion.is_right is None and entry.use.accepted + entry.use.corrected >= entry.use.answers:
            return  # One answer was kept twice; it has one opinion.
        changes = {"accepted" if now_right else "corrected": 1}
        if opinion.is_right is not None:
            changes["accepted" if opinion.is_right else "corrected"] = -1
        changed = opinion.model_copy(update={"is_right": now_right})
        self._change(opinions={**self._counted.opinions, submission_id: changed})
        self._count(entry, changes)

    def forget(self, submission_id: SubmissionId) -> None:
        """Keep no name of a photo that was withdrawn."""
        self._change(opinions={key: each for key, each in self._counted.opinions.items() if key != submission_id})

    def close_days(self, running_version: int) -> None:
        """Make reports of all that is to be told by now."""
        oldest, newest = self._today() - _KEPT, self._today() + timedelta(days=1)
        kept = [each for each in self._counted.open if oldest <= each.day <= newest]  # Not from a clock years ahead.
        told = [
            each for each in kept if self._is_over(each) or (each.has_failed and each.use.version != running_version)
        ]
        still_open = tuple(each for each in kept if each not in told)
        keys = {each.key for each in still_open}
        waiting = (*self._counted.waiting, *self._reports(told))
        self._change(
            open=still_open,
            opinions={name: each for name, each in self._counted.opinions.items() if each.key in keys},
            waiting=tuple(report for report in waiting if report.day >= oldest),
        )

    def settle(self, report: FieldReport) -> None:
        """Forget a report that the server has taken, or will never take."""
        self._change(waiting=tuple(each for each in self._counted.waiting if each != report))

    def _reports(self, told: list[DayUse]) -> list[FieldReport]:
        reports = []
        for day in sorted({each.day for each in told}):
            uses = [each.use for each in told if each.day == day]
            parts = (
                uses[at : at + field_report.MOST_RELEASES] for at in range(0, len(uses), field_report.MOST_RELEASES)
            )
            reports += [self._report(day, tuple(part)) for part in parts]
        return reports

    def _report(self, day: date, uses: tuple[ReleaseUse, ...]) -> FieldReport:
        return FieldReport(
            report_id=uuid.uuid4(),
            day=day,
            channel=self._channel,
            phone_model=self._kind.model,
            app_version=self._kind.app_version,
            runtime_version=self._kind.runtime_version,
            releases=uses,
        )

    def _is_over(self, entry: DayUse) -> bool:
        return self._now() >= datetime.combine(entry.day + timedelta(days=1), time(), UTC) + _STAYS_OPEN

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    def arm(self, version: int) -> Arm:
        """Return on which side of a rollout this phone counts `version` today."""
        counted = self._counted
        is_fresh = counted.seen_on is not None and counted.seen_on >= self._today() - timedelta(days=1)
        pointer = counted.pointer if is_fresh else None
        return field_report.arm_of(pointer, counted.device_id, version, self._bundled_version)

    def _entry(self, version: int) -> DayUse:
        """Return what is counted today, begun where it is new."""
        new = DayUse(day=self._today(), use=ReleaseUse(version=version, arm=self.arm(version)))
        return next((each for each in self._counted.open if each.key == new.key), new)

    def _newest_answer(self, version: int) -> DayUse | None:
        """Return the newest entry that has an answer without an opinion."""
        uses = (each for each in self._counted.open if each.use.version == version)
        free = [each for each in uses if each.use.answers > each.use.accepted + each.use.corrected]
        return max(free, key=lambda each: each.day, default=None)

    def _count(self, entry: DayUse, changes: dict[str, int]) -> None:
        counts = {name: min(_MOST, getattr(entry.use, name) + change) for name, change in changes.items()}
        self._replace(entry, counts)

    def _replace(self, entry: DayUse, changes: Mapping[str, object]) -> None:
        changed = entry.model_copy(update={"use": entry.use.model_copy(update=changes)})
        self._change(open=(*(each for each in self._counted.open if each.key != entry.key), changed))

    def _change(self, **changes: object) -> None:
        self._counted = self._counted.model_copy(update=changes)
        with suppress(OSError):  # Full, or failing: the model's own files will say so where it matters.
            durable_file.write(self._path, self._counted.to_bytes())

    def _read(self) -> Counted:
        """Counts that cannot be read any more are given up; they are nobody's data."""
        try:
            return Counted.read(self._path)
        except (FileNotFoundError, ValidationError):
            return Counted()
