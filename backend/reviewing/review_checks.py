"""Checks: photos that are decided already, mixed in with those that wait.

Guarantees: only photos whose gold label is sure are shown so, and to nobody who has had a part in it; what is said of
one changes no gold label; nobody is told before the verdict.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import exists, not_
from sqlmodel import Session, col, select

from backend.people import staff
from backend.people.staff import Person
from backend.tables import GoldCheck, Photo, PhotoId, PhotoState, Review, ReviewClaim, ReviewSkip, ReviewVerdict


def candidates(session: Session, person: Person, most: int) -> list[PhotoId]:
    """Return up to `most` photos that the person could be checked with, from a point of chance onwards."""
    reviewable = (
        col(Photo.gold_is_sure).is_(True),
        col(Photo.gold_label).is_not(None),
        col(Photo.state) == PhotoState.INSPECTED,
        col(Photo.allow_review).is_(True),
        staff.in_areas(person),
    )
    fresh = [
        not_(exists().where(col(table.photo_id) == col(Photo.id), col(table.staff_id) == person.id))
        for table in (Review, GoldCheck, ReviewSkip)
    ]
    free = not_(exists().where(col(ReviewClaim.photo_id) == col(Photo.id)))
    wanted = select(Photo.id).where(*reviewable, *fresh, free).order_by(col(Photo.id)).limit(most)
    here = str(uuid.uuid4())
    found = session.exec(wanted.where(col(Photo.id) >= here)).all() or session.exec(wanted).all()
    return [PhotoId(photo_id) for photo_id in found]


def record(session: Session, person: Person, photo: Photo, verdict: ReviewVerdict, label: str | None) -> GoldCheck:
    row = GoldCheck(
        photo_id=photo.id,
        staff_id=person.id,
        verdict=verdict,
        said=label,
        expected=photo.gold_label or "",
        is_right=label is not None and label == photo.gold_label,
    )
    session.add(row)
    session.flush()
    return row


def newest(session: Session, person: Person, photo_id: PhotoId) -> GoldCheck | None:
    """Return what the person said of the photo when it was a check."""
    mine = select(GoldCheck).where(GoldCheck.photo_id == photo_id, GoldCheck.staff_id == person.id)
    return session.exec(mine.order_by(col(GoldCheck.id).desc()).limit(1)).one_or_none()


def latest(session: Session, person: Person, most: int) -> Sequence[GoldCheck]:
    """Return the person's newest checks, to be looked at again and learnt from."""
    mine = select(GoldCheck).where(GoldCheck.staff_id == person.id)
    return session.exec(mine.order_by(col(GoldCheck.id).desc()).limit(most)).all()
