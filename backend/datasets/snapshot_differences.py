"""What changed between two dataset snapshots, and what one of them is made of.

Guarantees: every photo of either snapshot is in exactly one of added, removed, kept; of the kept ones, relabelled and
moved (to another side of the split) are told, and one photo can be both.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, func, or_, select

from backend.people import staff
from backend.people.staff import Person
from backend.tables import DatasetSnapshotPhoto, Photo, PhotoSource

MOST_EXAMPLES = 24


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    RELABELLED = "relabelled"
    MOVED = "moved"


@dataclass(frozen=True)
class Example:
    """A photo that changed. `before` and `after` are label and split; None where it is not in that snapshot."""

    photo_id: str
    before: tuple[str, str] | None
    after: tuple[str, str] | None


@dataclass(frozen=True)
class Difference:
    kept: int
    """In both, whatever changed of them."""
    totals: dict[Change, int]
    by_label: dict[str, dict[Change, int]]
    """By the label in the newer snapshot, of removed ones in the older."""
    examples: dict[Change, list[Example]] = field(default_factory=dict)


def counts_by_source(session: Session, snapshot_id: int) -> dict[tuple[str, str], dict[PhotoSource, int]]:
    """Return split and label to the photos of each source."""
    statement = (
        select(DatasetSnapshotPhoto.split, DatasetSnapshotPhoto.label, Photo.source, func.count())
        .join(Photo, col(Photo.id) == col(DatasetSnapshotPhoto.photo_id))
        .where(DatasetSnapshotPhoto.snapshot_id == snapshot_id)
        .group_by(DatasetSnapshotPhoto.split, DatasetSnapshotPhoto.label, col(Photo.source))
    )
    found: dict[tuple[str, str], dict[PhotoSource, int]] = {}
    for split, label, source, number in session.exec(statement):
        found.setdefault((split, label), {})[PhotoSource(source)] = number
    return found


def between(session: Session, person: Person, older: int, newer: int) -> Difference:
    """Examples are those that lie where the person works; numbers are of all photos."""
    by_label: dict[str, dict[Change, int]] = {}
    for change, label, number in _numbers(session, older, newer):
        by_label.setdefault(label, {})[change] = number
    totals = Counter(dict.fromkeys(Change, 0))
    for changes in by_label.values():
        totals.update(changes)
    return Difference(
        kept=_kept(session, older, newer),
        totals=dict(totals),
        by_label=dict(sorted(by_label.items())),
        examples={change: _examples(session, person, older, newer, change) for change in Change},
    )


def _kept(session: Session, older: int, newer: int) -> int:
    one, other = aliased(DatasetSnapshotPhoto), aliased(DatasetSnapshotPhoto)
    both = select(func.count()).select_from(one).join(other, col(other.photo_id) == col(one.photo_id))
    return session.exec(both.where(one.snapshot_id == older, other.snapshot_id == newer)).one()


def _numbers(session: Session, older: int, newer: int) -> Iterator[tuple[Change, str, int]]:
    for change in Change:
        mine, condition = _changed(older, newer, change)
        statement = select(mine.label, func.count()).where(condition).group_by(col(mine.label))
        yield from ((change, label, number) for label, number in session.exec(statement))


def _changed(older: int, newer: int, change: Change):  # type: ignore[no-untyped-def]  # An alias has no name of a type.
    """Return the rows to look at, those of the newer snapshot unless they were removed, and which of them changed."""
    mine, theirs = aliased(DatasetSnapshotPhoto), aliased(DatasetSnapshotPhoto)
    here, there = (older, newer) if change == Change.REMOVED else (newer, older)
    same = and_(col(theirs.photo_id) == col(mine.photo_id), col(theirs.snapshot_id) == there)
    differs = {
        Change.RELABELLED: col(theirs.label) != col(mine.label),
        Change.MOVED: col(theirs.split) != col(mine.split),
    }.get(change)
    other = select(theirs.photo_id).where(same) if differs is None else select(theirs.photo_id).where(same, differs)
    found = other.exists() if differs is not None else ~other.exists()
    return mine, and_(col(mine.snapshot_id) == here, found)


def _examples(session: Session, person: Person, older: int, newer: int, change: Change) -> list[Example]:
    mine, condition = _changed(older, newer, change)
    statement = (
        select(mine.photo_id)
        .join(Photo, col(Photo.id) == col(mine.photo_id))
        .where(condition, staff.in_areas(person))
        .order_by(col(mine.photo_id))
        .limit(MOST_EXAMPLES)
    )
    ids = session.exec(statement).all()
    rows = session.exec(
        select(DatasetSnapshotPhoto).where(
            col(DatasetSnapshotPhoto.photo_id).in_(ids),
            or_(DatasetSnapshotPhoto.snapshot_id == older, DatasetSnapshotPhoto.snapshot_id == newer),
        )
    ).all()
    known = {(row.photo_id, row.snapshot_id): (row.label, row.split) for row in rows}
    return [Example(each, known.get((each, older)), known.get((each, newer))) for each in ids]
