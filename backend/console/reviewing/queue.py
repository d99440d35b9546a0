"""`/console/review`: the queue, one photo after the other.

Guarantees: a page shows only what its reader holds. Verdicts, undo and skipping are forms that lead on to the next
photo; a script that sends them in the background, with `Accept: application/json`, is answered in words instead.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from backend import known_labels
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import label_names, pages, refusals, safety
from backend.console.pages import _
from backend.console.problem_pages import wants_page
from backend.console.reviewing import view
from backend.console.visitor import Reviewer, Visitor
from backend.database import Text
from backend.errors import DomainError
from backend.reviewing import explanations, labelling, reliability, review_checks, review_queue
from backend.reviewing.labelling import Verdict
from backend.reviewing.review_items import Item
from backend.tables import PhotoId, RejectReason, ReviewVerdict

router = APIRouter(include_in_schema=False)
REVIEW = "/console/review"
_ONE = f"{REVIEW}/photos/{{photo_id}}"
_BATCH = 6
"""Photos that a page holds ready."""
_PREVIEW, _LATEST = 5, 5


Choice = Annotated[Text, Form(max_length=80)]
"""What a button says: the verdict, and behind a colon the label or the reason."""


def verdict_of(choice: str) -> Verdict:
    kind, _, detail = choice.partition(":")
    try:
        verdict = ReviewVerdict(kind)
        if verdict == ReviewVerdict.REJECT:
            return Verdict(verdict, reason=RejectReason(detail) if detail else None)
    except ValueError:
        raise DomainError("There is no such answer.", code="bad_verdict") from None
    return Verdict(verdict, detail or None)


@router.get(REVIEW)
def queue(visitor: Reviewer, parts: PartsOfServer) -> Response:
    person = visitor.person
    with transaction_of(parts) as session:
        labels = known_labels.label_set(session)
        shown: dict[str, Any] = {
            "counts": review_queue.queue_counts(session, person),
            "next_ones": view.views(
                session,
                parts.settings,
                person,
                visitor.language,
                review_queue.preview(session, person, _PREVIEW),
                None,
                labels,
            ),
            "reliability": reliability.of_reviewer(session, person.id),
            "checks": review_checks.latest(session, person, _LATEST),
            "names": label_names.of(visitor.language, labels),
        }
    return pages.render("reviewing/queue.html", visitor, parts.settings, **shown)


@router.post(f"{REVIEW}/claim")
def claim(visitor: Reviewer, parts: PartsOfServer) -> Response:
    return _next(visitor, parts)


@router.get(_ONE)
def photo(photo_id: UUID, visitor: Reviewer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        item = review_queue.held_item(session, visitor.person, PhotoId(str(photo_id)))
        shown = _shown(session, parts, visitor, [item])
    return pages.render("reviewing/photo.html", visitor, parts.settings, **shown)


@router.post(f"{REVIEW}/batch")
def batch(visitor: Reviewer, parts: PartsOfServer, count: Annotated[int, Form(ge=1)] = _BATCH) -> Response:
    """For the script: what one holds and the next ones, as pieces of a page."""
    with transaction_of(parts) as session:
        held = review_queue.claim(session, parts.settings, visitor.person, count)
        if parts.settings.review_overlays:
            explanations.ask(session, [item.photo_id for item in held])
        shown = _shown(session, parts, visitor, held)
    return pages.render("reviewing/batch.html", visitor, parts.settings, **shown)


@router.post(f"{_ONE}/verdict")
def verdict(
    photo_id: UUID,
    request: Request,
    visitor: Reviewer,
    parts: PartsOfServer,
    choice: Choice,
) -> Response:
    wanted = PhotoId(str(photo_id))
    try:
        with transaction_of(parts) as session:
            given = verdict_of(choice)
            decision = labelling.give_verdict(session, parts.settings, visitor.person, wanted, given)
            told = labelling.told(session, visitor.person, wanted)
            said, kind = view.outcome(session, visitor.language, decision, told)
    except DomainError as refused:
        return _refused(request, visitor, refused)
    return _told(said, kind) if not wants_page(request) else _next(visitor, parts, said)


@router.post(f"{_ONE}/undo")
def undo(photo_id: UUID, request: Request, visitor: Reviewer, parts: PartsOfServer) -> Response:
    text = visitor.language.texts.gettext
    wanted = PhotoId(str(photo_id))
    try:
        with transaction_of(parts) as session:
            held = labelling.undo(session, parts.settings, visitor.person, wanted)
    except DomainError as refused:
        return _refused(request, visitor, refused)
    said = text(_("Taken back.")) if held else text(_("Taken back. Somebody else is looking at it now."))
    if not wants_page(request):
        return _told(said, "" if held else "warn", held=held)
    return pages.redirect(f"{REVIEW}/photos/{wanted}" if held else REVIEW, said=said)


@router.post(f"{_ONE}/skip")
def skip(photo_id: UUID, request: Request, visitor: Reviewer, parts: PartsOfServer) -> Response:
    try:
        with transaction_of(parts) as session:
            review_queue.skip(session, visitor.person, PhotoId(str(photo_id)))
    except DomainError as refused:
        return _refused(request, visitor, refused)
    said = visitor.language.texts.gettext("Skipped. Others get it.")
    return _told(said, "") if not wants_page(request) else _next(visitor, parts, said)


@router.post(f"{REVIEW}/renew")
def renew(request: Request, visitor: Reviewer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        expires_at = review_queue.renew(session, parts.settings, visitor.person)
    if not wants_page(request):
        return JSONResponse({"expires_at": expires_at.isoformat()}, headers=safety.headers())
    return _next(visitor, parts)


def _next(visitor: Visitor, parts: Parts, said: str = "") -> Response:
    """Lead on to the next photo, or to the queue where none is left."""
    with transaction_of(parts) as session:
        held = review_queue.claim(session, parts.settings, visitor.person, 1)
    if held:
        return pages.redirect(f"{REVIEW}/photos/{held[0].photo_id}", said=said)
    done = visitor.language.texts.gettext("Nothing waits for you now.")
    return pages.redirect(REVIEW, said=f"{said} {done}".strip())


def _shown(session: Session, parts: Parts, visitor: Visitor, held: list[Item]) -> dict[str, Any]:
    labels, language, near = known_labels.label_set(session), visitor.language, parts.neighbours
    return {
        "views": view.views(session, parts.settings, visitor.person, language, held, near, labels),
        "answers": view.answers(language, labels),
        "names": label_names.of(language, labels),
        "reject_reasons": view.REJECT_REASONS,
        "last_said": labelling.last_said(session, visitor.person),
        "overlays": parts.settings.review_overlays,
        "claim_minutes": parts.settings.review_claim_minutes,
    }


def _told(said: str, kind: str, **more: object) -> Response:
    return JSONResponse({"said": said, "kind": kind} | more, headers=safety.headers())


def _refused(request: Request, visitor: Visitor, refused: DomainError) -> Response:
    if wants_page(request):
        raise refused
    said = refusals.said(visitor.language, refused)
    return JSONResponse({"said": said, "kind": "bad", "code": refused.code}, refused.status, headers=safety.headers())
