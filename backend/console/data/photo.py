"""`/console/data/photos/...`: all that is known of a photo, and what may be done about it.

Guarantees: whoever has looked at a photo's details may note something; covering, hiding and blocking need the
permission to change data. No page tells which device a photo came from.
"""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from backend import device_blocks, known_labels
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import label_names, pages
from backend.console.data import words
from backend.console.data.filters import SOURCES, SPLITS, STATES
from backend.console.data.photos import DATA
from backend.console.reviewing.view import CORRECTION_REASONS, VERDICTS
from backend.console.visitor import DataKeeper, DataReader, Visitor
from backend.database import RowNumber
from backend.errors import DomainError
from backend.intake import moderation
from backend.intake.moderation import Note, Reason
from backend.searching import photo_details
from backend.tables import PhotoId

router = APIRouter(include_in_schema=False)
_ONE = f"{DATA}/photos/{{photo_id}}"
_BLOCKS = f"{DATA}/blocks"
_Pixel = Annotated[int, Form(ge=0, le=100_000)]


@router.get(_ONE)
def one(photo_id: UUID, visitor: DataReader, parts: PartsOfServer) -> Response:
    return _page(photo_id, visitor, parts)


@router.post(f"{_ONE}/notes")
def note(photo_id: UUID, visitor: DataReader, parts: PartsOfServer, text: Annotated[Note, Form()]) -> Response:
    def act(session: Session, wanted: PhotoId) -> str:
        moderation.add_note(session, visitor.person, wanted, text)
        return visitor.language.texts.gettext("The note is kept.")

    return _act(photo_id, visitor, parts, act)


@router.post(f"{_ONE}/redact")
def redact(
    photo_id: UUID,
    visitor: DataKeeper,
    parts: PartsOfServer,
    left: _Pixel,
    top: _Pixel,
    right: _Pixel,
    bottom: _Pixel,
) -> Response:
    wanted, region = PhotoId(str(photo_id)), (left, top, right, bottom)
    try:
        moderation.redact(lambda: transaction_of(parts), parts.storage, parts.sandbox, visitor.person, wanted, [region])
    except DomainError as refused:
        return _page(photo_id, visitor, parts, refused)
    return _done(photo_id, visitor.language.texts.gettext("The region is covered, and what it showed is gone."))


@router.post(f"{_ONE}/hide")
def hide(photo_id: UUID, visitor: DataKeeper, parts: PartsOfServer, reason: Annotated[Reason, Form()]) -> Response:
    def act(session: Session, wanted: PhotoId) -> str:
        moderation.hide(session, visitor.person, wanted, reason)
        return visitor.language.texts.gettext("The photo is hidden.")

    return _act(photo_id, visitor, parts, act)


@router.post(f"{_ONE}/show")
def show(photo_id: UUID, visitor: DataKeeper, parts: PartsOfServer) -> Response:
    def act(session: Session, wanted: PhotoId) -> str:
        moderation.show(session, visitor.person, wanted)
        return visitor.language.texts.gettext("The photo is shown again.")

    return _act(photo_id, visitor, parts, act)


@router.post(f"{_ONE}/block-device")
def block_device(
    photo_id: UUID,
    visitor: DataKeeper,
    parts: PartsOfServer,
    reason: Annotated[Reason, Form()],
    hide_earlier: Annotated[bool, Form()] = False,
) -> Response:
    def act(session: Session, wanted: PhotoId) -> str:
        hidden = moderation.block_device(session, visitor.person, wanted, reason, hide_earlier=hide_earlier)
        texts = visitor.language.texts
        said = texts.ngettext(
            "The device is blocked, %(num)s photo is hidden.",
            "The device is blocked, %(num)s photos are hidden.",
            hidden,
        )
        return said % {"num": hidden}

    return _act(photo_id, visitor, parts, act)


@router.get(_BLOCKS)
def blocks(visitor: DataKeeper, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        rows = device_blocks.newest(session)
    return pages.render("data/blocks.html", visitor, parts.settings, blocks=rows)


@router.post(f"{_BLOCKS}/{{block_id}}/lift")
def lift(block_id: RowNumber, visitor: DataKeeper, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        moderation.lift_block(session, visitor.person, block_id)
    return pages.redirect(_BLOCKS, said=visitor.language.texts.gettext("The block is lifted."))


def _act(photo_id: UUID, visitor: Visitor, parts: Parts, act: Callable[[Session, PhotoId], str]) -> Response:
    """`act` returns what is said afterwards."""
    try:
        with transaction_of(parts) as session:
            said = act(session, PhotoId(str(photo_id)))
    except DomainError as refused:
        return _page(photo_id, visitor, parts, refused)
    return _done(photo_id, said)


def _done(photo_id: UUID, said: str) -> Response:
    return pages.redirect(f"{DATA}/photos/{photo_id}", said=said)


def _page(photo_id: UUID, visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        details = photo_details.of(session, visitor.person, PhotoId(str(photo_id)))
        names = label_names.of(visitor.language, known_labels.label_set(session))
    return pages.render(
        "data/photo.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        details=details,
        photo=details.photo,
        names=names,
        states=STATES,
        sources=SOURCES,
        splits=SPLITS,
        verdicts=VERDICTS,
        correction_reasons=CORRECTION_REASONS,
    )
