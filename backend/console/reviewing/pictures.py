"""The pictures of the review pages: a photo, a small one, and where the model looked.

Guarantees: shown only to who may see the photo now, and kept by nobody on the way.
"""

from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import safety
from backend.console.reviewing.queue import REVIEW
from backend.console.visitor import Reviewer
from backend.errors import NotFound
from backend.intake import photo_store, thumbnails
from backend.people.staff import Person
from backend.reviewing import review_items
from backend.tables import Photo, PhotoId

router = APIRouter(include_in_schema=False)
_ONE = f"{REVIEW}/photos/{{photo_id}}"


@router.get(f"{_ONE}/image")
def image(photo_id: UUID, visitor: Reviewer, parts: PartsOfServer) -> Response:
    row = _seen(parts, visitor.person, photo_id)
    return _picture(thumbnails.original(parts.storage, PhotoId(row.id)))


@router.get(f"{_ONE}/small")
def small(photo_id: UUID, visitor: Reviewer, parts: PartsOfServer) -> Response:
    row = _seen(parts, visitor.person, photo_id)
    return _picture(parts.thumbnails.of(parts.storage, PhotoId(row.id), row.sha256))


@router.get(f"{_ONE}/overlay")
def overlay(photo_id: UUID, visitor: Reviewer, parts: PartsOfServer) -> Response:
    """Where the model looked, as soon as a worker has found out."""
    _seen(parts, visitor.person, photo_id)
    try:
        content = photo_store.read_overlay(parts.storage, PhotoId(str(photo_id)))
    except FileNotFoundError:
        raise NotFound("Nobody has looked into the model for this photo.") from None
    return _picture(content)


def _seen(parts: Parts, person: Person, photo_id: UUID) -> Photo:
    """It ends its transaction before the storage is asked, which may take long."""
    with transaction_of(parts) as session:
        row = review_items.found_by(session, person, PhotoId(str(photo_id)))
        review_items.check_reviewable(row)
        return row


def _picture(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg", headers=safety.headers() | {"Cache-Control": "private, no-store"})
