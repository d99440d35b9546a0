"""Who lives in the city: phones that differ, and the habits of those who hold them.

Guarantees: the same seed gives the same city, and phone n is the same in a city of any size. Shares and figures are
those of an invented city, chosen so that everything that may go wrong with an update goes wrong for somebody.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar


@dataclass(frozen=True)
class PhoneModel:
    """What the maker sells. `milliseconds` is the median time of one answer."""

    name: str
    share: float
    milliseconds: float
    memory_gigabytes: int
    runtime_version: str


@dataclass(frozen=True)
class Network:
    """What a phone has to live with. Loss is per request; a cut ends a long download at any byte."""

    name: str
    share: float
    round_trip_seconds: float
    loss_fraction: float
    cut_fraction: float
    unmetered_fraction: float
    """Of visits."""


@dataclass(frozen=True)
class Habit:
    name: str
    share: float
    online_every_days: int
    photos_per_day: float


class Mischief(StrEnum):
    """What a mirror between the phone and the server does."""

    TAMPERS_METADATA = "tampers_metadata"
    TAMPERS_MODELS = "tampers_models"
    REPLAYS = "replays"
    FREEZES = "freezes"
    ENDLESS = "endless"


OLD_APP_SHARE, OLD_APP, OLD_RUNTIME = 0.04, "0.0", "1.4"
"""Too old for every release but the one that came with the app."""
MODELS = (
    PhoneModel("Aster 12", 0.30, 14, 8, "2.3"),
    PhoneModel("Aster 9", 0.22, 31, 6, "2.3"),
    PhoneModel("Birch Mini", 0.18, 55, 4, "2.3"),
    PhoneModel("Cedar Go", 0.15, 120, 2, "2.3"),
    PhoneModel("Dahlia X", 0.10, 22, 6, "2.3"),
    PhoneModel("Elder 5", 0.05, 210, 2, OLD_RUNTIME),
)
NETWORKS = (
    Network("home", 0.62, 0.03, 0.002, 0.005, 0.95),
    Network("mobile", 0.28, 0.12, 0.02, 0.05, 0.35),
    Network("cellar", 0.10, 0.60, 0.12, 0.30, 0.50),
)
HABITS = (
    Habit("daily", 0.60, 1, 2.0),
    Habit("weekly", 0.28, 7, 0.8),
    Habit("monthly", 0.12, 28, 0.3),
)
CLOCK_ERRORS = (
    (timedelta(0), 0.95),
    (timedelta(hours=-9), 0.02),
    (timedelta(days=-900), 0.015),
    (timedelta(days=900), 0.015),
)
MISCHIEF_SHARE = 0.02
_PLACES = uuid.UUID("5d0f6e0e-1a55-4c3e-9d7b-6c3c5f0a7a11")

Kind = TypeVar("Kind", PhoneModel, Network, Habit)


@dataclass(frozen=True)
class Person:
    """A resident and the phone that they hold."""

    number: int
    device_id: str
    model: PhoneModel
    network: Network
    habit: Habit
    clock_error: timedelta
    app_version: str
    mischief: Mischief | None

    @property
    def can_run_new_releases(self) -> bool:
        """Whether app, runtime and clock allow it."""
        is_new = self.app_version != OLD_APP and self.model.runtime_version != OLD_RUNTIME
        return is_new and self.clock_error < timedelta(days=1)

    def is_online(self, day: int) -> bool:
        """Whether the phone sees the server on this day of the city; everybody is spread over their own period."""
        return (day + self.number) % self.habit.online_every_days == 0


def people(count: int, seed: int, app_version: str) -> tuple[Person, ...]:
    return tuple(_person(number, seed, app_version) for number in range(count))


def enthusiast(person: Person, app_version: str) -> Person:
    """Return them with a new phone, a good network and the habit to use both: what a full phone needs."""
    return replace(
        person,
        model=MODELS[0],
        network=NETWORKS[0],
        habit=HABITS[0],
        clock_error=timedelta(0),
        app_version=app_version,
        mischief=None,
    )


def chance(seed: int, *place: int | str) -> random.Random:
    """Return randomness of its own for each place, so that the order of threads changes nothing."""
    return random.Random(":".join(map(str, (seed, *place))))  # noqa: S311  # Not a secret.


def _person(number: int, seed: int, app_version: str) -> Person:
    dice = chance(seed, "person", number)
    return Person(
        number=number,
        device_id=str(uuid.uuid5(_PLACES, f"{seed}:{number}")),
        model=_one_of(MODELS, dice),
        network=_one_of(NETWORKS, dice),
        habit=_one_of(HABITS, dice),
        clock_error=dice.choices([error for error, _ in CLOCK_ERRORS], [share for _, share in CLOCK_ERRORS])[0],
        app_version=OLD_APP if dice.random() < OLD_APP_SHARE else app_version,
        mischief=dice.choice(list(Mischief)) if dice.random() < MISCHIEF_SHARE else None,
    )


def _one_of(kinds: Sequence[Kind], dice: random.Random) -> Kind:
    return dice.choices(kinds, [kind.share for kind in kinds])[0]
