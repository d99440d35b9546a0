"""What staff do about photos that should not be seen: cover a region, hide, block a device; and notes on photos.

Guarantees: what is covered is gone for good: no stored byte, thumbnail or likeness of it is left here, and the photo
is inspected anew before anybody reviews or trains on it. Hiding keeps a photo from review and training until it is
shown again. All of it is in the permanent history, without the content of notes.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

from obstore.store import ObjectStore
from pydantic import StringConstraints
from sqlalchemy import update
from sqlmodel import Session, col, select

from backend import device_blocks, job_queue
from backend.database import Text, now
from backend.errors import Conflict, DomainError
from backend.intake import photo_store, thumbnails
from backend.intake.photo_sandbox import PhotoSandbox, Region
from backend.people import staff
from backend.people.staff import Person
from backend.records import audit_log
from backend.reviewing.review_items import found_by
from backend.searching import note_words
from backend.tables import DeviceBlock, DeviceId, JobKind, Photo, PhotoId, PhotoNote, PhotoState, ReviewClaim
from mobile_models.document import sha256

Reason = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Note = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
LEAST_PIXELS = 4
"""Of an edge of a region: less is a slip of the hand."""
MOST_REGIONS = 20


def redact(
    begin: Callable[[], AbstractContextManager[Session]],
    storage: ObjectStore,
    sandbox: PhotoSandbox,
    person: Person,
    photo_id: PhotoId,
    regions: Sequence[Region],
) -> Photo:
    """Cover `regions` of the stored photo. Raise `DomainError` for regions outside of it.

    `begin` opens a transaction: two short ones, with the decoding between them. The bytes are written before the
    second commit: if that fails, the content is gone all the same, and asking again brings the row in line with it.
    """
    with begin() as session:
        photo = found_by(session, person, photo_id)
        inside = _all_inside(photo, regions)
    covered = sandbox.cover(thumbnails.original(storage, photo_id), inside).content
    with begin() as session:
        row = found_by(session, person, photo_id, lock=True)
        if row.sha256 != photo.sha256 or row.state == PhotoState.WITHDRAWN:
            raise Conflict("The photo was changed a moment ago. Look at it again.", code="changed_meanwhile")
        _take_in(session, row, covered)
        flat = [number for region in inside for number in region]
        audit_log.record(session, person.name, "photo.redacted", _subject(photo_id), regions=flat, sha256=row.sha256)
        session.flush()
        photo_store.put(storage, photo_id, covered)
        thumbnails.forget(storage, photo_id)
    return row


def hide(session: Session, person: Person, photo_id: PhotoId, reason: str) -> Photo:
    photo = found_by(session, person, photo_id, lock=True)
    if photo.state not in (PhotoState.INSPECTED, PhotoState.RECEIVED):
        raise Conflict("This photo is kept from everybody already.", code="not_shown")
    photo.state, photo.hidden_at, photo.hidden_reason = PhotoState.HIDDEN, now(), reason
    session.add(photo)
    _unclaim(session, photo_id)
    audit_log.record(session, person.name, "photo.hidden", _subject(photo_id), reason=reason)
    session.flush()
    return photo


def show(session: Session, person: Person, photo_id: PhotoId) -> Photo:
    """Undo `hide`."""
    photo = found_by(session, person, photo_id, lock=True)
    if photo.state != PhotoState.HIDDEN:
        raise Conflict("This photo is not hidden.", code="not_hidden")
    photo.state, photo.hidden_at, photo.hidden_reason = PhotoState.INSPECTED, None, None
    if photo.inspected_at is None:
        _inspect_again(session, photo)
    session.add(photo)
    audit_log.record(session, person.name, "photo.shown_again", _subject(photo_id))
    session.flush()
    return photo


def block_device(session: Session, person: Person, photo_id: PhotoId, reason: str, *, hide_earlier: bool) -> int:
    """Take nothing more from the device that sent the photo; return how many of its photos were hidden."""
    photo = found_by(session, person, photo_id)
    if photo.device_id is None:
        raise Conflict("This photo was imported: no device sent it.", code="no_device")
    row = device_blocks.block(session, DeviceId(photo.device_id), reason, by=person.name)
    hidden = _hide_all(session, person, photo.device_id, reason) if hide_earlier else 0
    audit_log.record(
        session,
        person.name,
        "device.blocked",
        f"device-block/{row.id}",
        reason=reason,
        because_of=_subject(photo_id),
        hidden=hidden,
    )
    return hidden


def lift_block(session: Session, person: Person, block_id: int) -> DeviceBlock:
    row = device_blocks.lift(session, block_id)
    audit_log.record(session, person.name, "device.block_lifted", f"device-block/{block_id}")
    return row


def add_note(session: Session, person: Person, photo_id: PhotoId, text: str) -> PhotoNote:
    photo = found_by(session, person, photo_id, lock=True)
    if photo.state == PhotoState.WITHDRAWN:
        raise Conflict("This photo was withdrawn.", code="withdrawn")
    row = PhotoNote(photo_id=photo_id, staff_id=person.id, text=text)
    session.add(row)
    note_words.remember(session, photo_id, text)
    audit_log.record(session, person.name, "photo.noted", _subject(photo_id))
    return row


def _hide_all(session: Session, person: Person, device: str, reason: str) -> int:
    """Those in the areas of the person: of others nobody is told."""
    shown = (
        select(Photo)
        .where(Photo.device_id == device, col(Photo.state).in_([PhotoState.RECEIVED, PhotoState.INSPECTED]))
        .where(staff.in_areas(person))
    )
    ids = [row.id for row in session.exec(shown.order_by(col(Photo.id)).with_for_update())]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        hidden = {"state": PhotoState.HIDDEN, "hidden_at": now(), "hidden_reason": reason}
        session.connection().execute(update(Photo).where(col(Photo.id).in_(some)).values(**hidden))
    session.expire_all()
    return len(ids)


def _take_in(session: Session, photo: Photo, covered: bytes) -> None:
    photo.sha256, photo.size_bytes = sha256(covered), len(covered)
    photo.perceptual_hash = photo.embedding = photo.embedding_release = None
    photo.inspected_at = None
    if photo.state in (PhotoState.INSPECTED, PhotoState.RECEIVED):
        _inspect_again(session, photo)
    _unclaim(session, PhotoId(photo.id))
    session.add(photo)


def _inspect_again(session: Session, photo: Photo) -> None:
    photo.state = PhotoState.RECEIVED
    job_queue.enqueue(session, JobKind.INSPECT, photo.id)


def _unclaim(session: Session, photo_id: PhotoId) -> None:
    claim = session.get(ReviewClaim, photo_id)
    if claim is not None:
        session.delete(claim)


def _all_inside(photo: Photo, regions: Sequence[Region]) -> list[Region]:
    if photo.state == PhotoState.WITHDRAWN:
        raise Conflict("This photo was withdrawn.", code="withdrawn")
    if not 1 <= len(regions) <= MOST_REGIONS:
        raise DomainError(f"Give 1 to {MOST_REGIONS} regions.", code="bad_region")
    return [_inside(photo, each) for each in regions]


def _inside(photo: Photo, region: Region) -> Region:
    """Return the part of `region` that lies on the photo."""
    left, top, right, bottom = region
    left, right = max(0, left), min(photo.width, right)
    top, bottom = max(0, top), min(photo.height, bottom)
    if right - left < LEAST_PIXELS or bottom - top < LEAST_PIXELS:
        detail = (
            f"A region lies on the photo ({photo.width} x {photo.height}) and is {LEAST_PIXELS} pixels wide and high."
        )
        raise DomainError(detail, code="bad_region")
    return left, top, right, bottom


def _subject(photo_id: PhotoId) -> str:
    return f"photo/{photo_id}"
