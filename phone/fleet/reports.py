"""The field reports of a light phone: written in the evening, sent with the next visit.

Guarantees: one report for a day, under one id however often it is sent; a refusal is told once for each release and
reason. A report that the server refuses (of a day that cannot be, where the clock is wrong) is not sent again.
"""

import uuid

import httpx

from mobile_models import field_report
from mobile_models.field_report import FieldReport, ReleaseUse
from mobile_models.updates.following.updater import RefusalReason
from phone.fleet import people
from phone.fleet.people import Person
from phone.fleet.phone_day import PhoneDay
from phone.fleet.world import World
from phone.server import Server, ServerRefused, ServerUnreachable

_KEPT = 30


class Reports:
    """Of one phone."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._waiting: list[FieldReport] = []
        self._told: set[tuple[int, RefusalReason]] = set()
        self._token: str | None = None

    def write(self, world: World, day: int, lived: PhoneDay) -> None:
        """Write down the day, if there is anything to say."""
        uses = [use for use in (self._use(lived), self._refusal(lived)) if use is not None]
        if not uses or not world.sends_reports:
            return
        number = people.chance(world.seed, "report", self._person.number, day).getrandbits(128)
        report = FieldReport(
            report_id=uuid.UUID(int=number, version=4),
            day=world.phone_date_of(self._person, day),
            phone_model=self._person.model.name,
            app_version=self._person.app_version,
            runtime_version=self._person.model.runtime_version,
            releases=tuple(uses),
        )
        self._waiting = [*self._waiting, report][-_KEPT:]

    def send(self, http: httpx.Client, lived: PhoneDay) -> None:
        """Send what waits; what cannot be sent waits for the next visit."""
        try:
            while self._waiting:
                self._send(http, self._waiting[0], lived)
                del self._waiting[0]
        except ServerUnreachable:
            return

    def _send(self, http: httpx.Client, report: FieldReport, lived: PhoneDay) -> None:
        if self._token is None:
            self._token = Server(http).register().token
        try:
            Server(http, self._token).report(report)
        except ServerRefused:
            lived.reports_refused += 1
        else:
            lived.reports_sent += 1

    def _use(self, lived: PhoneDay) -> ReleaseUse | None:
        refused = _looks_refused(lived)
        if not lived.use.answers and lived.installed is None and not refused:
            return None
        bucket = field_report.latency_bucket(self._person.model.milliseconds)
        return ReleaseUse(
            version=lived.release,
            arm=lived.arm,
            installed=int(lived.installed is not None),
            looks_refused=refused,
            loads=1,
            answers=lived.use.answers,
            accepted=lived.use.accepted,
            corrected=lived.use.corrected,
            latency={bucket: lived.use.answers} if lived.use.answers else {},
        )

    def _refusal(self, lived: PhoneDay) -> ReleaseUse | None:
        """What happened with a release that this phone does not run, as `phone.usage` counts it."""
        version, reason = lived.refused_version, lived.refused
        if version is None or reason is None or reason is RefusalReason.UNREACHABLE or version == lived.release:
            return None
        if (version, reason) in self._told:
            return None
        self._told.add((version, reason))
        return ReleaseUse(
            version=version,
            arm=lived.refused_arm,
            refused={reason.value: 1},
            self_test_failed=int(reason is RefusalReason.SELF_TEST_FAILED),
            load_crashes=int(lived.crashed),
        )


def _looks_refused(lived: PhoneDay) -> dict[str, int]:
    if lived.refused is None or lived.refused_version is not None or lived.refused is RefusalReason.UNREACHABLE:
        return {}
    return {lived.refused.value: 1}
