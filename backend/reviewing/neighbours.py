"""The reviewed photos that look most like one.

Guarantees: only photos that the person may see, and never the photo itself. Each process keeps the embeddings of the
newest `MOST` decided photos of two releases, at most, since photos of both wait where a new model has just come, and
reads them anew after `KEPT_SECONDS`; it asks the database again about each photo that it names.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from backend.people import staff
from backend.people.staff import Person
from backend.tables import Photo, PhotoId, PhotoState

MOST = 10_000
"""Photos with embeddings of 1,280 values take 26 MB."""
KEPT_SECONDS = 60.0
LEAST = 0.5
"""Cosine from which a photo counts as alike at all."""
_REACH = 6
_KEPT_RELEASES = 2


@dataclass(frozen=True)
class Neighbour:
    photo_id: PhotoId
    gold_label: str
    likeness: float
    """Cosine of the embeddings"""


@dataclass(frozen=True)
class _Known:
    read_at: float
    ids: list[str]
    directions: NDArray[np.float16]
    """[photos, embedding length], each of length 1"""


class Neighbours:
    """Any number of threads may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._reading = clock, threading.Lock()
        self._known: dict[int, _Known] = {}
        """By release, the one asked for last at the end."""

    def of(self, session: Session, person: Person, photo: Photo, most: int = 4) -> tuple[Neighbour, ...]:
        """Return the most alike first; nothing for a photo without an embedding."""
        if photo.embedding is None or photo.embedding_release is None:
            return ()
        known = self._of_release(session, photo.embedding_release)
        if not known.ids:
            return ()
        own = np.frombuffer(photo.embedding, dtype="<f2").astype(np.float32)
        likeness = known.directions.astype(np.float32) @ own
        nearest = np.argsort(-likeness)[: most * _REACH + 1]
        alike = {
            known.ids[index]: float(likeness[index])
            for index in nearest
            if known.ids[index] != photo.id and likeness[index] >= LEAST
        }
        return tuple(_visible(session, person, alike)[:most])

    def _of_release(self, session: Session, release: int) -> _Known:
        with self._reading:
            known = self._known.pop(release, None)
            if known is None or self._clock() - known.read_at > KEPT_SECONDS:
                known = _read(session, release, self._clock())
            self._known[release] = known
            if len(self._known) > _KEPT_RELEASES:
                del self._known[next(iter(self._known))]
            return known


def _read(session: Session, release: int, moment: float) -> _Known:
    statement = (
        select(Photo.id, Photo.embedding)
        .where(
            col(Photo.gold_label).is_not(None),
            col(Photo.embedding).is_not(None),
            Photo.embedding_release == release,
            Photo.state == PhotoState.INSPECTED,
        )
        .order_by(col(Photo.gold_labelled_at).desc())
        .limit(MOST)
    )
    rows = session.exec(statement).all()
    packed = b"".join(embedding for _, embedding in rows if embedding is not None)
    directions = np.frombuffer(packed, dtype="<f2").reshape(len(rows), -1) if rows else np.zeros((0, 0), np.float16)
    return _Known(moment, [photo_id for photo_id, _ in rows], directions)


def _visible(session: Session, person: Person, alike: dict[str, float]) -> list[Neighbour]:
    """Ask about each again: since they were read they may have been withdrawn or decided anew."""
    statement = select(Photo.id, Photo.gold_label).where(
        col(Photo.id).in_(alike),
        col(Photo.gold_label).is_not(None),
        Photo.state == PhotoState.INSPECTED,
        col(Photo.allow_review).is_(True),
        staff.in_areas(person),
    )
    found = [
        Neighbour(PhotoId(photo_id), label, alike[photo_id]) for photo_id, label in session.exec(statement) if label
    ]
    return sorted(found, key=lambda each: -each.likeness)
