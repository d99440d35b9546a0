"""Photos that wait for review, with pictures that a browser can show."""

import uuid
from typing import Any

import numpy as np
from obstore.store import ObjectStore
from sqlmodel import Session

from backend.intake import near_duplicates, photo_store
from backend.review_weights import ReviewWeights
from backend.reviewing.opinions import Evidence, ModelOpinion, value_parts
from backend.tables import Photo, PhotoId
from mobile_models.document import sha256
from tests.backend import staff_world
from tests.pictures import COLOURS, jpeg

LABELS = tuple(COLOURS)


def waiting(session: Session, storage: ObjectStore, shows: str = "glass", seed: int = 0, **columns: Any) -> Photo:
    """A photo whose phone took it for what it shows, with a picture, an embedding and a value."""
    content = jpeg(shows, seed, size=(480, 640))
    scores = {shows: 0.6, "trash" if shows != "trash" else "paper": 0.4}
    parts = value_parts(Evidence(ModelOpinion(shows, scores), None, None), {})
    values = {
        "sha256": sha256(content),
        "width": 480,
        "height": 640,
        "review_parts": parts,
        "review_value": ReviewWeights().value_of(parts),
        "embedding": near_duplicates.pack(look(shows, seed)),
        "embedding_release": 1,
        "predicted_label": shows,
    }
    row = staff_world.photo(session, phone=shows, scores=scores, **(values | columns))
    photo_store.put(storage, PhotoId(row.id), content)
    return row


def many(session: Session, storage: ObjectStore, count: int) -> list[Photo]:
    return [waiting(session, storage, LABELS[number % 6], number) for number in range(count)]


def gold(session: Session, storage: ObjectStore, shows: str, seed: int = 0, **columns: Any) -> Photo:
    decided = {"gold_label": shows, "gold_labelled_at": staff_world.now(), "gold_is_sure": True}
    return waiting(session, storage, shows, seed, **(decided | columns))


def look(shows: str, seed: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Things of a class point in one direction, each a little aside."""
    direction = np.zeros(32, dtype=np.float32)
    direction[LABELS.index(shows)] = 1
    return direction + np.random.default_rng(seed).normal(0, 0.02, 32).astype(np.float32)


def unknown() -> str:
    return str(uuid.uuid4())
