"""A few photos by chance, to look at.

Guarantees: only inspected photos whose senders let staff look at them, from where the person works. Ids are random, so
that those that follow a random one are a random sample, which no index has to be read whole for.
"""

import uuid
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from backend.people import staff
from backend.people.staff import Person
from backend.tables import Photo, PhotoState


def draw(session: Session, person: Person, number: int, start: Callable[[], uuid.UUID] = uuid.uuid4) -> Sequence[Photo]:
    """Return up to `number` photos."""
    first = str(start())
    shown = (col(Photo.state) == PhotoState.INSPECTED, col(Photo.allow_review).is_(True), staff.in_areas(person))
    by_id = select(Photo).where(*shown).order_by(col(Photo.id))
    found = list(session.exec(by_id.where(col(Photo.id) >= first).limit(number)).all())
    if len(found) < number:
        found += session.exec(by_id.where(col(Photo.id) < first).limit(number - len(found))).all()
    return found
