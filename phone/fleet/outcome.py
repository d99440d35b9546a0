"""The verdict on a run: was the bad release stopped, how many phones ever ran it, and how many would have.

Guarantees: "would have" follows from the same phones, visits, cohorts and requirements, with the rollout's plan carried
out by the calendar alone and downloads that always succeed; it is an upper bound that nobody has to believe in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mobile_models.updates import update_channel
from phone.fleet.diary import Diary
from phone.fleet.people import Person
from phone.fleet.scenarios import Opening, Scenario, Truth


@dataclass(frozen=True)
class Step:
    """A step of the plan: from this day of the city on, so many percent."""

    day: int
    percent: float


@dataclass(frozen=True)
class Plan:
    salt: str
    steps: tuple[Step, ...]

    def percent(self, day: int) -> float:
        return max((step.percent for step in self.steps if step.day <= day), default=0.0)


@dataclass(frozen=True)
class Outcome:
    scenario: Scenario
    phones: int
    days: int
    candidate: int
    ever_ran: int
    """Phones that have run the candidate, or whose app ended while they loaded it."""
    run_at_the_end: int
    would_have_run: int
    stopped_on_day: int | None
    reason: str
    breaches: tuple[str, ...]
    tricked_phones: int
    """Phones behind malicious mirrors."""

    @property
    def is_well(self) -> bool:
        """Whether a bad release was stopped, a good one was not, and no mirror did harm."""
        return (self.stopped_on_day is not None) == self.scenario.is_bad and not self.breaches

    def words(self) -> str:
        """Say in sentences what happened."""
        if self.scenario is Scenario.FOLLOW:
            return f"{self.run_at_the_end:,} of {self.phones:,} phones run release {self.candidate}. {self._mirrors()}"
        return " ".join((self._stopped(), self._ran(), self._mirrors()))

    def _stopped(self) -> str:
        if self.stopped_on_day is not None:
            return f"The city stopped release {self.candidate} on day {self.stopped_on_day}: {self.reason}"
        if self.scenario.is_bad:
            return f"Nobody stopped release {self.candidate} in {self.days} days, though it is bad."
        return f"Release {self.candidate} was not stopped, and it is good."

    def _ran(self) -> str:
        return (
            f"{self.ever_ran:,} of {self.phones:,} phones ever ran it, {self.run_at_the_end:,} at the end; "
            f"{self.would_have_run:,} would have in these {self.days} days had nobody looked."
        )

    def _mirrors(self) -> str:
        if not self.breaches:
            return f"None of the {self.tricked_phones:,} phones behind malicious mirrors was harmed."
        return f"Phones behind malicious mirrors were harmed: {'; '.join(self.breaches[:3])}."


def would_run(persons: Sequence[Person], plan: Plan, truth: Truth, days: int) -> int:
    """Count the phones that would run the release if the plan went on by the calendar."""
    return sum(_can_run(person, truth) and _would_get(person, plan, days) for person in persons)


def _can_run(person: Person, truth: Truth) -> bool:
    """A release that ends the app on some phones has been run by them, too."""
    opens = truth.opening(person.model) in (Opening.OPENS, Opening.CRASHES)
    return opens and person.can_run_new_releases


def _would_get(person: Person, plan: Plan, days: int) -> bool:
    return any(
        person.is_online(day) and update_channel.in_cohort(person.device_id, plan.salt, plan.percent(day))
        for day in range(days)
    )


def stopped_day(diary: Diary) -> tuple[int | None, str]:
    day = diary.stopped_on
    if day is None or day.rollout is None:
        return None, ""
    return day.number, day.rollout.reason
