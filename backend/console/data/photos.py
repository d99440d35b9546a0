"""`/console/data`: photos found by filters, and their pictures.

Guarantees: a page changes nothing, and its address tells all that was asked for. A picture is shown only to who may
see that photo now: the browser may keep it, and asks each time whether it still may show it.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from backend.api import etags
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages, safety
from backend.console.data.filters import AskedFor, Choices
from backend.console.visitor import DataReader, Visitor
from backend.database import Text
from backend.errors import DomainError, Forbidden
from backend.intake import thumbnails
from backend.reviewing.review_items import found_by
from backend.searching import photo_details, photo_search
from backend.searching.photo_search import Mark, Search
from backend.tables import Photo, PhotoId

router = APIRouter(include_in_schema=False)
DATA = "/console/data"
_PAGE = 48
_COUNTED = 500


@router.get(DATA)
def photos(
    visitor: DataReader, parts: PartsOfServer, asked: AskedFor, after: Annotated[Text, Query(max_length=100)] = ""
) -> Response:
    wanted = asked.search(visitor)
    with transaction_of(parts) as session:
        found = photo_search.page(session, visitor.person, wanted, limit=_PAGE + 1, after=_mark(after))
        shown = [(photo, photo_details.may_be_seen(visitor.person, photo)) for photo in found[:_PAGE]]
        number = _count(session, visitor, wanted, len(found), after)
        choices = Choices(session, visitor)
    return pages.render(
        "data/photos.html",
        visitor,
        parts.settings,
        asked=asked,
        choices=choices,
        photos=shown,
        number=number,
        more_than=number is not None and number >= _COUNTED,
        first=f"{DATA}?{urlencode(asked.query)}" if after else "",
        older=_older(asked.query, found[_PAGE - 1]) if len(found) > _PAGE else "",
    )


@router.get(f"{DATA}/photos/{{photo_id}}/small")
def small(photo_id: UUID, request: Request, visitor: DataReader, parts: PartsOfServer) -> Response:
    row = _seen(parts, visitor, photo_id)
    return _picture(request, f"{row.sha256[:32]}-small", lambda: _thumbnail(parts, row))


@router.get(f"{DATA}/photos/{{photo_id}}/image")
def image(photo_id: UUID, request: Request, visitor: DataReader, parts: PartsOfServer) -> Response:
    row = _seen(parts, visitor, photo_id)
    return _picture(request, row.sha256[:32], lambda: thumbnails.original(parts.storage, PhotoId(row.id)))


def _count(session: Session, visitor: Visitor, wanted: Search, found: int, after: str) -> int | None:
    if after:
        return None
    return found if found <= _PAGE else photo_search.count(session, visitor.person, wanted, _COUNTED)


def _mark(after: str) -> Mark | None:
    try:
        return Mark.parse(after) if after else None
    except (ValueError, OverflowError):
        raise DomainError("This page does not exist (any longer). Search again.", code="bad_page") from None


def _older(query: dict[str, str], last: Photo) -> str:
    return f"{DATA}?{urlencode(query | {'after': str(Mark(last.received_at, PhotoId(last.id)))})}"


def _seen(parts: Parts, visitor: Visitor, photo_id: UUID) -> Photo:
    """It ends its transaction before the storage is asked, which may take long."""
    with transaction_of(parts) as session:
        row = found_by(session, visitor.person, PhotoId(str(photo_id)))
    if not photo_details.may_be_seen(visitor.person, row):
        raise Forbidden("This photo may not be looked at.", code="not_to_be_seen")
    return row


def _thumbnail(parts: Parts, row: Photo) -> bytes:
    return parts.thumbnails.of(parts.storage, PhotoId(row.id), row.sha256)


def _picture(request: Request, tag: str, read: Callable[[], bytes]) -> Response:
    headers = safety.headers() | {"Cache-Control": "private, no-cache", "ETag": f'"{tag}"'}
    if etags.names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(read(), media_type="image/jpeg", headers=headers)
