"""What a resident lets the city do with a photo, said anew at any time.

Guarantees: from the commit on no reviewer is shown a photo whose sender no longer lets staff look, and no verdict on it
is taken; no data set that is frozen holds one that may not be learned from, and no run begins on an older one that
does. Models that have learned from it stay, and the answer names them. Given later, consent does the same as if it had
been there at first.
"""

from sqlmodel import Session

from backend.errors import Conflict
from backend.intake import own_photos
from backend.review_weights import ReviewWeights
from backend.reviewing import labelling
from backend.tables import DeviceId, Photo, PhotoId, PhotoState, ReviewClaim


def change(
    session: Session,
    weights: ReviewWeights,
    device: DeviceId,
    photo_id: PhotoId,
    *,
    allow_review: bool,
    allow_training: bool,
) -> Photo:
    """Saying the same again changes nothing. Raise `Conflict` for a photo that was withdrawn.

    The row stays locked: a snapshot that is being frozen either has the photo already, or finds that it may not.
    """
    photo = own_photos.find(session, device, photo_id, lock=True)
    if photo.state == PhotoState.WITHDRAWN:
        raise Conflict("This photo was withdrawn.", code="withdrawn")
    if (photo.allow_review, photo.allow_training) == (allow_review, allow_training):
        return photo
    if photo.allow_review and not allow_review:
        _take_from_reviewer(session, photo_id)
    elif allow_review and not photo.allow_review and photo.state == PhotoState.INSPECTED:
        labelling.revalue(session, weights, photo)  # Rare labels may be others by now.
    photo.allow_review, photo.allow_training = allow_review, allow_training
    session.add(photo)
    session.flush()
    return photo


def _take_from_reviewer(session: Session, photo_id: PhotoId) -> None:
    claim = session.get(ReviewClaim, photo_id)
    if claim is not None:
        session.delete(claim)
