"""Inspect a photo that came in: near-duplicates, the server's opinion, its value for review.

Guarantees: an inspected photo has its group, its value for review and, where the server has a model, the server's
`Prediction`, all committed at once. A photo that cannot be inspected is quarantined with the reason: nobody sees it.
"""

import hashlib
from dataclasses import dataclass

from PIL import Image
from sqlmodel import Session, select

from backend.database import now
from backend.errors import Unavailable
from backend.intake import near_duplicates, photo_store
from backend.intake.near_duplicates import Look
from backend.reviewing import labelling
from backend.searching import photo_search
from backend.settings import Settings
from backend.tables import Opinionated, Photo, PhotoId, PhotoState, Prediction
from mobile_models import photo as photos
from mobile_models.classifier import Classification
from mobile_models.document import sha256
from workers.claim import CannotBeDone, Settle, Task, Work


@dataclass(frozen=True)
class ServerOpinion:
    release: int
    classification: Classification


def _inspect(work: Work) -> Settle:
    photo_id = PhotoId(work.subject)
    with work.place.transaction() as session:
        photo = session.get(Photo, photo_id)
        expected = photo.sha256 if photo is not None and photo.state == PhotoState.RECEIVED else None
    if expected is None:
        return _nothing_to_do
    image = _read(work, photo_id, expected)
    opinion = _opinion(work, image)
    look = Look.of(
        image,
        None if opinion is None else opinion.classification.embedding,
        None if opinion is None else opinion.release,
    )
    return lambda session: _settle(session, work.place.settings, photo_id, expected, look, opinion)


def _nothing_to_do(_: Session) -> None:
    """It was withdrawn, or inspected before."""


def _read(work: Work, photo_id: PhotoId, expected: str) -> Image.Image:
    """The stored file is one that our own sandbox wrote, which its digest proves; so it is decoded right here."""
    content = photo_store.read(work.place.storage, photo_id)
    if sha256(content) != expected:  # Perhaps it is being covered, and the row will say so in a moment.
        raise Unavailable("The stored file is not the one that was received.")
    try:
        return photos.decode(content)
    except photos.PhotoError as error:
        raise CannotBeDone(f"The stored file cannot be read: {error}") from error


def _opinion(work: Work, image: Image.Image) -> ServerOpinion | None:
    try:
        classifier = work.place.model.classifier()
    except Unavailable:  # A fresh city has no model yet; its photos are inspected all the same.
        return None
    return ServerOpinion(classifier.manifest.version, classifier.classify_image(image))


def _settle(
    session: Session,
    settings: Settings,
    photo_id: PhotoId,
    digest: str,
    look: Look,
    opinion: ServerOpinion | None,
) -> None:
    """Write down what was seen in the bytes with this digest; if they were covered meanwhile, it is done anew."""
    near_duplicates.one_at_a_time(session)
    photo = session.get_one(Photo, photo_id, with_for_update=True, populate_existing=True)
    if photo.state != PhotoState.RECEIVED or photo.sha256 != digest:
        return
    if opinion is not None:
        _add_prediction(session, photo, opinion)
    near_duplicates.join_group(session, photo, look)
    photo.in_random_share = in_random_share(photo_id, settings.review_random_fraction)
    photo.state, photo.inspected_at = PhotoState.INSPECTED, now()
    photo.novelty = None if opinion is None else opinion.classification.novelty
    session.flush()
    labelling.revalue(session, settings.review_weights, photo)


def _add_prediction(session: Session, photo: Photo, opinion: ServerOpinion) -> None:
    """A photo that was covered is inspected again; what the same release said of it before stays as it was."""
    said = opinion.classification
    same = (Prediction.photo_id == photo.id, Prediction.made_by == Opinionated.SERVER)
    before = select(Prediction.id).where(*same, Prediction.release_version == opinion.release)
    if session.exec(before).first() is None:
        session.add(
            Prediction(
                photo_id=photo.id,
                made_by=Opinionated.SERVER,
                release_version=opinion.release,
                label=said.label,
                scores=said.scores,
            )
        )
    photo_search.remember_prediction(photo, said.label, opinion.release, said.scores)


def in_random_share(photo_id: PhotoId, fraction: float) -> bool:
    """A share of all photos, drawn by their id: the same answer each time, whatever the photo shows."""
    drawn = int.from_bytes(hashlib.sha256(f"random share:{photo_id}".encode()).digest()[:4], "big")
    return drawn < fraction * 2**32


def _quarantine(session: Session, photo_id: str, reason: str) -> None:
    photo = session.get(Photo, photo_id, with_for_update=True)
    if photo is not None and photo.state == PhotoState.RECEIVED:
        photo.state, photo.quarantine_reason = PhotoState.QUARANTINED, reason


INSPECT_PHOTO = Task(act=_inspect, give_up=_quarantine)
