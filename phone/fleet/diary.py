"""The city's diary: what happened day by day, in the counts that the curves are drawn from.

Guarantees: nothing is estimated; every figure counts phones, answers or bytes of this run.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mobile_models.field_report import Arm
from phone.fleet.phone_day import PhoneDay


@dataclass(frozen=True)
class RolloutNow:
    """What the city says of the rollout at the end of a day."""

    version: int
    state: str
    percent: float
    reason: str = ""

    @property
    def was_stopped(self) -> bool:
        return self.state in ("halted", "withdrawn")


@dataclass
class CityDay:
    """One day. Phones are counted by the release that they run at its end."""

    number: int
    running: Counter[int] = field(default_factory=Counter)
    answers: Counter[Arm] = field(default_factory=Counter)
    corrected: Counter[Arm] = field(default_factory=Counter)
    online: int = 0
    installed: int = 0
    postponed: int = 0
    crashed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    downloads: int = 0
    """Models that light phones have brought home, whether they opened or not."""
    whole_bytes: int = 0
    patch_bytes: int = 0
    unpatched_bytes: int = 0
    """What all downloads of the day would have cost as whole files."""
    metadata_bytes: int = 0
    """Everything else that phones received."""
    requests: int = 0
    lost: int = 0
    cut: int = 0
    reports: int = 0
    reports_refused: int = 0
    seconds: float = 0.0
    rollout: RolloutNow | None = None

    def correction_rate(self, arm: Arm) -> float | None:
        return self.corrected[arm] / self.answers[arm] if self.answers[arm] else None

    def add(self, lived: PhoneDay) -> None:
        self.running[lived.release] += 1
        self.answers[lived.arm] += lived.use.answers
        self.corrected[lived.arm] += lived.use.corrected
        self.online += lived.is_online
        self.installed += lived.installed is not None
        self.postponed += lived.postponed
        self.crashed += lived.crashed
        self.requests += lived.traffic.requests
        self.lost += lived.traffic.lost
        self.cut += lived.traffic.cut
        self.reports += lived.reports_sent
        self.reports_refused += lived.reports_refused
        if lived.refused is not None:
            self.refused[lived.refused.value] += 1
        self._add_bytes(lived)

    def _add_bytes(self, lived: PhoneDay) -> None:
        moved = 0
        if lived.download is not None:
            self.downloads += 1
            moved = lived.download.moved_bytes
            self.unpatched_bytes += lived.download.whole_bytes
            if lived.download.by_patch:
                self.patch_bytes += moved
            else:
                self.whole_bytes += moved
        self.metadata_bytes += lived.traffic.received_bytes - moved


@dataclass
class Diary:
    days: list[CityDay] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    """One sentence for each phone that somebody on the way has harmed."""

    def write(self, number: int, lived: Iterable[PhoneDay]) -> CityDay:
        day = CityDay(number)
        for each in lived:
            day.add(each)
            if each.breach is not None:
                self.breaches.append(f"day {number}: a phone {each.breach}")
        self.days.append(day)
        return day

    @property
    def refused(self) -> Counter[str]:
        return sum((day.refused for day in self.days), Counter())

    @property
    def stopped_on(self) -> CityDay | None:
        """The day at whose end the city said that the rollout is over, for a reason."""
        return next((day for day in self.days if day.rollout is not None and day.rollout.was_stopped), None)
