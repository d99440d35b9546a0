"""The life of the city: day after day, all phones live, then the staff and the schedule do their part.

Guarantees: phones of one day run side by side and share no state but the server's; the order of threads changes nothing
that is counted, as far as the server answers alike.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from phone.fleet.diary import CityDay, Diary, RolloutNow
from phone.fleet.phone_day import PhoneDay
from phone.fleet.world import World

AT_ONCE = 6
_CHUNK = 32


class Resident(Protocol):
    """A phone with its owner, light or full."""

    def live(self, day: int) -> PhoneDay: ...


class Office(Protocol):
    """The city's side, between two days."""

    def begin(self, day: int) -> None:
        """Do what people of the city do on the morning of this day."""

    def end(self, day: int) -> RolloutNow | None:
        """Let the schedule look at the rollout, as it does every few minutes, and say what came of it."""


def live(world: World, phones: Sequence[Resident], office: Office, days: int, each: Callable[[CityDay], None]) -> Diary:
    """Let the city live; `each` is told of every day."""
    diary, pool = Diary(), ThreadPoolExecutor(AT_ONCE)
    try:
        for number in range(days):
            started = time.monotonic()
            for mirror in world.mirrors.values():
                mirror.day = number
            office.begin(number)
            day = diary.write(number, _lived(pool, phones, number))
            day.rollout = office.end(number)
            day.seconds = time.monotonic() - started
            each(day)
    finally:
        pool.shutdown(cancel_futures=True)  # Whoever interrupts a city does not wait for the end of its day.
    return diary


def _lived(pool: ThreadPoolExecutor, phones: Sequence[Resident], day: int) -> Iterator[PhoneDay]:
    """A future for each phone would cost more than many of their days."""
    chunks = (phones[start : start + _CHUNK] for start in range(0, len(phones), _CHUNK))
    for lived in pool.map(lambda chunk: [phone.live(day) for phone in chunk], chunks):
        yield from lived
