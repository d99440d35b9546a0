"""A phone that runs the reference client whole: LiteRT, self-tests, outbox, field reports.

Guarantees: all that it does is `phone.client.Phone`'s doing; only its clock and its resident are simulated. The
resident holds for true what the bundled release answers, so that a release that answers otherwise is wrong, and is
corrected as other residents correct.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path

from mobile_models.classifier import Classifier
from mobile_models.updates.following.updater import UpdateRefused
from phone.client import Phone, Surroundings, UpdateState
from phone.fleet import people, residents
from phone.fleet.people import Person
from phone.fleet.phone_day import PhoneDay
from phone.fleet.residents import Day
from phone.fleet.world import World
from phone.server import ServerUnreachable
from phone.submission import Answer, Submission

_EVENING = time(20, tzinfo=UTC)
_PHOTOS_PER_DAY = 1.5


@dataclass(frozen=True)
class Photo:
    content: bytes
    truth: str


def photos(contents: Sequence[bytes], bundled: Path) -> tuple[Photo, ...]:
    """Return the photos that the bundled release has an opinion on, with that opinion."""
    classifier = Classifier.load(bundled)
    said = ((content, classifier.classify(content).label) for content in contents)
    known = classifier.manifest.label_set.ids
    return tuple(Photo(content, label) for content, label in said if label in known)


class FullPhone:
    """For one thread at a time."""

    def __init__(self, person: Person, world: World, bundled: Path, things: Sequence[Photo]) -> None:
        """Raise `UpdateRefused` if not even the bundled release runs here."""
        self.person, self._world, self._things, self._day = person, world, things, 0
        folder = world.scratch / f"full-phone-{person.number}"
        self._phone = Phone(folder, world.server_url, world.trusted_root, bundled, clock=self._clock)
        self.person = replace(person, device_id=self._phone.register().device_id)
        self.ever_ran: set[int] = set()

    @property
    def release(self) -> int:
        return self._phone.release

    def close(self) -> None:
        self._phone.close()

    def live(self, day: int) -> PhoneDay:
        self._day = day
        lived, dice = PhoneDay(self.release), people.chance(self._world.seed, "full", self.person.number, day)
        if self.person.is_online(day):
            lived.is_online = True
            self._visit(lived, Surroundings(is_unmetered=dice.random() < self.person.network.unmetered_fraction))
        count = residents.photos(dice, _PHOTOS_PER_DAY)
        uses = [self._photograph(dice.choice(self._things), dice) for _ in range(count)]
        lived.use = _total(uses)
        lived.release, lived.arm = self.release, self._phone.arm
        return lived

    def _clock(self) -> datetime:
        return datetime.combine(self._world.date_of(self._day), _EVENING) + self.person.clock_error

    def _visit(self, lived: PhoneDay, around: Surroundings) -> None:
        before = self.release
        try:
            self._phone.send(attempts=1)
            state = self._phone.update(around)
        except UpdateRefused as refused:
            lived.refused = refused.reason
        except ServerUnreachable:
            return  # The next visit may do better.
        else:
            lived.postponed = state is UpdateState.POSTPONED
        if self.release != before:
            lived.installed = self.release
            self.ever_ran |= {self.release} - {self._world.bundled.version}

    def _photograph(self, thing: Photo, dice: random.Random) -> Day:
        """Ask the phone, and tell it what the resident thinks, if they say anything."""
        answer = self._phone.classify(thing.content)
        said = residents.react(dice, is_right=answer.label == thing.truth)
        if said is None:
            return Day(answers=1)
        label = answer.label if said else self._correction(answer, thing, dice)
        self._phone.keep(thing.content, answer, Submission(correction=label))
        return Day(answers=1, corrected=int(not said), accepted=int(said))

    def _correction(self, answer: Answer, thing: Photo, dice: random.Random) -> str:
        """Return the truth, or where the answer was the truth any other label, by mistake."""
        if answer.label != thing.truth:
            return thing.truth
        return dice.choice([label for label in self._phone.labels if label != thing.truth])


def _total(days: Sequence[Day]) -> Day:
    return Day(sum(day.answers for day in days), sum(day.corrected for day in days), sum(day.accepted for day in days))
