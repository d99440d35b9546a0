"""Counting photos: over time by label, by place, and by where on the map they lie.

Guarantees: what is counted is what `photo_search` finds for the same person and the same search, within a year:
nobody's question reads the whole table. Without a filter by anything but date, place and label, only the index
`ix_photos_counted` is read.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Label, case, func
from sqlmodel import Session, col, select

from backend.database import now
from backend.people.staff import Person
from backend.searching import photo_search
from backend.searching.photo_search import Search
from backend.tables import Photo

LONGEST = timedelta(days=366)
MOST_PLACES = 500
MOST_CELLS = 2000
_CELLS_PER_DEGREE = 100
"""Cells of a hundredth of a degree, about a kilometre: the coarsest precision that a resident can choose."""

Step = Literal["day", "week"]


@dataclass(frozen=True)
class PlaceCount:
    """Photos of one place; `latitude` and `longitude` are the middle of those that have any."""

    place: str | None
    photos: int
    corrected: int
    """Those of which the resident said something else than the model."""
    latitude: float | None
    longitude: float | None

    @property
    def corrected_fraction(self) -> float:
        return self.corrected / self.photos if self.photos else 0.0


@dataclass(frozen=True)
class Cell:
    """Photos near each other. The position is the middle of its square, whatever the precision of the photos."""

    latitude: float
    longitude: float
    photos: int
    corrected: int


@dataclass(frozen=True)
class OverTime:
    """Label to the photos of each step; every step is there, also one without a photo. Most frequent label first."""

    steps: tuple[date, ...]
    photos: dict[str | None, tuple[int, ...]]
    """None: photos that nobody has said anything about."""


def within_a_year(wanted: Search) -> Search:
    """Return the search with both its ends, the earlier one moved to be at most a year before the later one."""
    until = wanted.until or now()
    earliest = until - LONGEST
    return replace(wanted, until=until, since=max(wanted.since or earliest, earliest))


def by_place(session: Session, person: Person, wanted: Search) -> list[PlaceCount]:
    """Return the places with the most photos first."""
    number = func.count().label("photos")
    middle = func.avg(Photo.latitude), func.avg(Photo.longitude)
    columns: tuple[Any, ...] = (Photo.place, number, _corrected(), *middle)
    statement = (
        select(*columns)
        .where(photo_search.where(person, within_a_year(wanted)))
        .group_by(col(Photo.place))
        .order_by(number.desc(), col(Photo.place))
        .limit(MOST_PLACES)
    )
    rows: Any = session.exec(statement)
    return [PlaceCount(*row) for row in rows]


def by_cell(session: Session, person: Person, wanted: Search) -> list[Cell]:
    """Return the cells with the most photos first. The database counts; no photo's own position leaves it."""
    across, up = (func.floor(col(each) * _CELLS_PER_DEGREE) for each in (Photo.longitude, Photo.latitude))
    number = func.count().label("photos")
    statement = (
        select(up, across, number, _corrected())
        .where(photo_search.where(person, within_a_year(wanted)), col(Photo.latitude).is_not(None))
        .group_by(up, across)
        .order_by(number.desc())
        .limit(MOST_CELLS)
    )
    return [Cell(_middle(row[0]), _middle(row[1]), row[2], row[3]) for row in session.exec(statement)]


def over_time(session: Session, person: Person, wanted: Search, step: Step) -> OverTime:
    """`wanted.since` and `wanted.until` limit the steps; days are those of UTC, weeks begin on Mondays."""
    day = _day(session)
    label = func.coalesce(Photo.gold_label, Photo.corrected_label, Photo.predicted_label)
    statement = (
        select(day, label, func.count()).where(photo_search.where(person, within_a_year(wanted))).group_by(day, label)
    )
    counts: dict[str | None, Counter[date]] = {}
    for when, name, number in session.exec(statement):
        counts.setdefault(name, Counter())[_begin(_date(when), step)] += number
    return _filled(counts, step)


def _filled(counts: dict[str | None, Counter[date]], step: Step) -> OverTime:
    seen = {when for each in counts.values() for when in each}
    if not seen:
        return OverTime((), {})
    gap = timedelta(days=7 if step == "week" else 1)
    steps = tuple(min(seen) + gap * place for place in range((max(seen) - min(seen)) // gap + 1))
    most_first = sorted(counts, key=lambda label: (-counts[label].total(), label or ""))
    return OverTime(steps, {label: tuple(counts[label][when] for when in steps) for label in most_first})


def _corrected() -> Label[int]:
    return func.sum(case((photo_search.disagrees(), 1), else_=0)).label("corrected")


def _day(session: Session) -> Any:
    """The moment's day in UTC. SQLite keeps moments without a zone, and all of them are UTC."""
    if session.get_bind().dialect.name == "postgresql":
        return func.date(func.timezone("UTC", col(Photo.received_at)))
    return func.date(col(Photo.received_at))


def _date(found: date | str) -> date:
    return date.fromisoformat(found) if isinstance(found, str) else found


def _begin(day: date, step: Step) -> date:
    return day - timedelta(days=day.weekday()) if step == "week" else day


def _middle(cell: float) -> float:
    return round((float(cell) + 0.5) / _CELLS_PER_DEGREE, 3)
