"""Submissions of residents: taking a photo in, correcting it, withdrawing it.

Guarantees: an id that a phone made is one submission for ever, however often and by however many connections it is
sent. A photo's row is never committed without its bytes in storage. A withdrawn photo has lost its bytes before
anybody is told so; what stays is a tombstone, so that the same id cannot come back.
"""

from dataclasses import dataclass
from datetime import timedelta

from obstore.store import ObjectStore
from sqlalchemy import delete, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend import device_blocks, devices, job_queue, known_labels
from backend.database import now
from backend.errors import Conflict, TooMany
from backend.intake import own_photos, photo_store, thumbnails
from backend.intake.photo_sandbox import CleanPhoto
from backend.intake.submission import Submission
from backend.review_weights import ReviewWeights
from backend.reviewing import labelling
from backend.reviewing.review_items import newest_correction
from backend.searching import note_words, photo_search
from backend.tables import (
    Correction,
    CorrectionReason,
    DeviceId,
    JobKind,
    Opinionated,
    Photo,
    PhotoId,
    PhotoNote,
    PhotoSource,
    PhotoState,
    Prediction,
    ReviewClaim,
)
from mobile_models.document import Sha256, sha256
from mobile_models.label_set import UNSURE


@dataclass(frozen=True)
class Incoming:
    """A submission that has arrived. `origin` is the digest of the photo's bytes as they came."""

    device: DeviceId
    photo_id: PhotoId
    origin: Sha256
    submission: Submission

    @property
    def fingerprint(self) -> Sha256:
        """The digest of all that was sent; two equal ones are the same submission.

        Defaults are left out, so that a version that knows more fields still recognises what was sent before it.
        """
        said = self.submission.model_dump_json(exclude_defaults=True)
        return sha256(self.origin.encode() + b"\n" + said.encode())


def find_same(session: Session, incoming: Incoming) -> Photo | None:
    """Return the submission if it is there already; raise `Conflict` if its id is taken by anything else."""
    found = session.get(Photo, incoming.photo_id)
    if found is not None and (found.device_id != incoming.device or found.fingerprint != incoming.fingerprint):
        raise Conflict("This id was used for another submission. Make a new UUID.", code="id_taken")
    return found


def check(session: Session, incoming: Incoming, daily_limit: int) -> None:
    """Raise `Forbidden` for a device that is blocked, `TooMany` beyond its daily limit, `unknown_label` for labels that
    nobody knows."""
    device_blocks.check(session, incoming.device)
    since = now() - timedelta(days=1)
    statement = select(func.count()).where(Photo.device_id == incoming.device, col(Photo.received_at) > since)
    if session.exec(statement).one() >= daily_limit:
        raise TooMany(f"At most {daily_limit} photos in 24 hours. The phone sends the rest later.")
    said = incoming.submission.prediction
    labels = known_labels.label_set(session, said.release if said is not None else None)
    named = set() if said is None else {*said.scores, said.label} - {UNSURE}
    if incoming.submission.correction is not None:
        named.add(incoming.submission.correction)
    for label in sorted(named):
        known_labels.check(labels, label)


def accept(session: Session, storage: ObjectStore, incoming: Incoming, photo: CleanPhoto) -> tuple[Photo, bool]:
    """Take the photo in; return it and whether it is new.

    The row takes its id before the bytes are stored, so that of two connections only one ever writes them. The bytes
    are stored before the commit; if that fails they are an orphan without a row, which the upkeep removes.
    """
    found = find_same(session, incoming)
    if found is not None:
        return found, False
    row = _row(incoming, photo)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # Another connection took the id a moment ago, or has let the device be forgotten.
        found = find_same(session, incoming)
        if found is None:
            devices.check_known(session, incoming.device)
            raise
        return found, False
    _add_opinions(session, incoming.photo_id, incoming.submission)
    if incoming.submission.note is not None:
        note_words.remember(session, incoming.photo_id, incoming.submission.note)
    job_queue.enqueue(session, JobKind.INSPECT, incoming.photo_id)
    photo_store.put(storage, incoming.photo_id, photo.content)
    return row, True


def correct(
    session: Session,
    weights: ReviewWeights,
    device: DeviceId,
    photo_id: PhotoId,
    label: str,
    reason: CorrectionReason | None = None,
) -> Photo:
    """Add the resident's opinion; saying the same again changes nothing. Its value for review is computed anew."""
    photo = own_photos.find(session, device, photo_id, lock=True)
    if photo.state == PhotoState.WITHDRAWN:
        raise Conflict("This photo was withdrawn.", code="withdrawn")
    prediction = session.exec(
        select(Prediction).where(Prediction.photo_id == photo_id, Prediction.made_by == Opinionated.PHONE)
    ).first()
    known_labels.check(known_labels.label_set(session, prediction.release_version if prediction else None), label)
    before = newest_correction(session, photo_id)
    if before is not None and (before.label, before.reason) == (label, reason):
        return photo
    session.add(Correction(photo_id=photo_id, label=label, reason=reason))
    photo.corrected_label = label
    session.add(photo)
    if photo.state == PhotoState.INSPECTED:  # Before that, the inspection that is to come does it.
        session.flush()
        labelling.revalue(session, weights, photo)
    session.flush()
    return photo


def withdraw(session: Session, storage: ObjectStore, device: DeviceId, photo_id: PhotoId) -> Photo:
    """Delete the photo's bytes, what it looks like, when and where it was taken, all notes on it, and its gold label.

    Opinions and digests stay with the tombstone. Doing it again changes nothing.

    The bytes go before the commit: if that then fails, the sender is told so and asks again.
    """
    photo = own_photos.find(session, device, photo_id, lock=True)
    if photo.state != PhotoState.WITHDRAWN:
        photo.state, photo.withdrawn_at = PhotoState.WITHDRAWN, now()
        photo.allow_review = photo.allow_training = False
        photo.captured_on = photo.place = photo.quarantine_reason = photo.note = None
        photo.latitude = photo.longitude = photo.location_precision = None
        photo.perceptual_hash = photo.embedding = photo.embedding_release = None
        photo.gold_label = photo.gold_labelled_at = None
        photo.review_value, photo.review_parts, photo.novelty = 0.0, None, None
        photo.gold_is_sure = photo.needs_second_opinion = False
        session.add(photo)
        claim = session.get(ReviewClaim, photo_id)
        if claim is not None:
            session.delete(claim)
        session.connection().execute(delete(PhotoNote).where(col(PhotoNote.photo_id) == photo_id))
        note_words.forget(session, photo_id)
        session.flush()
        photo_store.delete(storage, photo_id)
        thumbnails.forget(storage, photo_id)
    return photo


def _row(incoming: Incoming, photo: CleanPhoto) -> Photo:
    submission, where = incoming.submission, incoming.submission.location
    latitude, longitude = where.rounded if where is not None else (None, None)
    row = Photo(
        id=incoming.photo_id,
        source=PhotoSource.SUBMISSION,
        device_id=incoming.device,
        fingerprint=incoming.fingerprint,
        sha256=sha256(photo.content),
        origin_sha256=incoming.origin,
        width=photo.width,
        height=photo.height,
        size_bytes=len(photo.content),
        captured_on=submission.captured_on,
        place=submission.place,
        latitude=latitude,
        longitude=longitude,
        location_precision=where.precision if where is not None else None,
        note=submission.note,
        corrected_label=submission.correction,
        allow_review=submission.allow_review,
        allow_training=submission.allow_training,
        group_id=incoming.photo_id,
    )
    said = submission.prediction
    if said is not None:
        photo_search.remember_prediction(row, said.label, said.release, said.scores)
    return row


def _add_opinions(session: Session, photo_id: PhotoId, submission: Submission) -> None:
    said = submission.prediction
    if said is not None:
        session.add(
            Prediction(
                photo_id=photo_id,
                made_by=Opinionated.PHONE,
                release_version=said.release,
                label=said.label,
                scores=said.scores,
            )
        )
    if submission.correction is not None:
        reason = submission.correction_reason
        session.add(Correction(photo_id=photo_id, label=submission.correction, reason=reason))
