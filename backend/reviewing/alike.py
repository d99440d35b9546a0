"""Photos that look alike, to be decided together.

Guarantees: whoever decides them holds each of them, so nobody else does meanwhile; each gets a review of its own, and
one that cannot be decided (any longer) keeps none of the others from it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.database import now
from backend.errors import Conflict, NotFound
from backend.people.staff import Person
from backend.reviewing import labelling, review_items, review_queue
from backend.reviewing.labelling import Verdict
from backend.settings import Settings
from backend.tables import Photo, PhotoId, ReviewClaim, ReviewVerdict

MOST = 40
"""Photos on one page."""
_REACH = 4000
"""The most valuable photos of the queue, among which those that are alike are looked for."""


@dataclass(frozen=True)
class Offer:
    """Photos that wait and could be decided together: a group of near-duplicates, or all that were taken for one
    label."""

    key: str
    photos: int


@dataclass(frozen=True)
class Offers:
    groups: tuple[Offer, ...]
    labels: tuple[Offer, ...]


@dataclass(frozen=True)
class Decided:
    photos: int
    refused: int
    """Those that had changed hands, or were withdrawn."""


def offers(session: Session, person: Person, most: int = 12) -> Offers:
    nearest = (
        select(Photo.group_id, Photo.predicted_label)
        .where(review_queue.is_open_for(person))
        .order_by(col(Photo.review_value).desc())
        .limit(_REACH)
    )
    rows = session.exec(nearest).all()
    groups, labels = Counter(group for group, _ in rows), Counter(label for _, label in rows if label)
    return Offers(_largest(groups, most), _largest(labels, most))


def claim_group(session: Session, settings: Settings, person: Person, group_id: str) -> list[PhotoId]:
    """Hold the near-duplicates of a group that nobody else holds."""
    wanted = _open(person, col(Photo.group_id) == group_id).limit(MOST)
    return _claimed(session, settings, person, [row.id for row in session.exec(wanted)])


def claim_label(session: Session, settings: Settings, person: Person, label: str) -> list[PhotoId]:
    """Hold the most valuable photo that was taken for `label`, and those that look most like it."""
    found = session.exec(_open(person, col(Photo.predicted_label) == label).limit(_REACH)).all()
    return _claimed(session, settings, person, [row.id for row in _nearest_first(found)[:MOST]])


def held(session: Session, person: Person, *, group_id: str | None = None, label: str | None = None) -> list[PhotoId]:
    """Return what the person holds of a group, or of what was taken for a label."""
    of_it = col(Photo.group_id) == group_id if group_id else col(Photo.predicted_label) == label
    statement = (
        select(Photo.id)
        .join(ReviewClaim, col(ReviewClaim.photo_id) == col(Photo.id))
        .where(
            ReviewClaim.staff_id == person.id,
            col(ReviewClaim.expires_at) > now(),
            col(ReviewClaim.is_check).is_(False),
            review_queue.waits(),
            of_it,
        )
        .order_by(col(Photo.received_at), col(Photo.id))
        .limit(MOST)
    )
    return [PhotoId(photo_id) for photo_id in session.exec(statement)]


def decide(
    session: Session, settings: Settings, person: Person, photo_ids: Sequence[PhotoId], given: Verdict
) -> Decided:
    """Give the same verdict on each photo. Giving a label that is the one shown means to agree.

    Photos are locked by their ids' order, as everywhere: else two who decide many could wait for each other.
    """
    refused = 0
    for photo_id in sorted(photo_ids[:MOST]):
        try:
            with session.begin_nested():
                labelling.give_verdict(session, settings, person, photo_id, _for(session, photo_id, given))
        except (Conflict, NotFound):
            refused += 1
    return Decided(len(photo_ids[:MOST]) - refused, refused)


def _for(session: Session, photo_id: PhotoId, given: Verdict) -> Verdict:
    agrees = given.label is not None and review_items.shown_label(session, photo_id) == given.label
    return Verdict(ReviewVerdict.AGREE, given.label) if agrees else given


def _largest(counts: Counter[str], most: int) -> tuple[Offer, ...]:
    return tuple(Offer(key, photos) for key, photos in counts.most_common(most) if photos > 1)


def _open(person: Person, condition: ColumnElement[bool]) -> SelectOfScalar[Photo]:
    return select(Photo).where(review_queue.is_open_for(person), condition).order_by(col(Photo.review_value).desc())


def _nearest_first(found: Sequence[Photo]) -> list[Photo]:
    """Order by likeness to the first one; photos without an embedding of the same release come last, as they came."""
    first = found[0] if found else None
    if first is None or first.embedding is None:
        return list(found)
    own = np.frombuffer(first.embedding, dtype="<f2").astype(np.float32)
    comparable = [row for row in found if row.embedding and row.embedding_release == first.embedding_release]
    others = np.frombuffer(b"".join(row.embedding or b"" for row in comparable), dtype="<f2")
    likeness = others.reshape(len(comparable), -1).astype(np.float32) @ own
    ordered = [comparable[index] for index in np.argsort(-likeness, kind="stable")]
    rest = {row.id for row in comparable}
    return ordered + [row for row in found if row.id not in rest]


def _claimed(session: Session, settings: Settings, person: Person, photo_ids: Sequence[str]) -> list[PhotoId]:
    """Claim those that are still open; those that others are claiming at this moment are theirs: nobody waits."""
    expires_at = now() + timedelta(minutes=settings.review_claim_minutes)
    statement = select(Photo.id).where(review_queue.is_open_for(person), col(Photo.id).in_(photo_ids))
    still_open = set(session.exec(statement.with_for_update(skip_locked=True)))
    return [
        PhotoId(photo_id)
        for photo_id in photo_ids
        if photo_id in still_open and review_queue.try_claim(session, person, PhotoId(photo_id), expires_at)
    ]
