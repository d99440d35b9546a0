"""`/console/guidance/<city>/versions`: what differs from what phones have, publishing, and going back.

Guarantees: a version is published with a reason by the person who saw what it changes: if it is not the newest any
more, nothing is published.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages
from backend.console.guidance import terms, view
from backend.console.guidance.view import GUIDANCE, City
from backend.console.visitor import GuideEditor, Visitor
from backend.database import RowNumber, Text, now
from backend.errors import DomainError
from backend.guides import guidance, guide_changes

router = APIRouter(include_in_schema=False)
_VERSIONS = f"{GUIDANCE}/{{city}}/versions"
Reason = Annotated[Text, Form(max_length=guidance.MOST_REASON)]


@router.get(_VERSIONS)
def every(city: City, visitor: GuideEditor, parts: PartsOfServer, before: RowNumber | None = None) -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
        rows = guidance.history(session, city, before=before)
    return pages.render("guidance/versions.html", visitor, parts.settings, shown=shown, rows=rows, **view.words())


@router.get(f"{GUIDANCE}/{{city}}/publish")
def compare(city: City, visitor: GuideEditor, parts: PartsOfServer) -> Response:
    return _compare(city, visitor, parts)


@router.post(f"{GUIDANCE}/{{city}}/publish")
def publish(
    city: City,
    visitor: GuideEditor,
    parts: PartsOfServer,
    number: Annotated[RowNumber, Form()],
    reason: Reason = "",
) -> Response:
    try:
        with transaction_of(parts) as session:
            guidance.publish(session, visitor.person, city, number, reason, now().astimezone(visitor.language.timezone))
    except DomainError as refused:
        return _compare(city, visitor, parts, refused, reason)
    said = visitor.language.texts.gettext("Published. Phones take it the next time they look for updates.")
    return pages.redirect(f"{GUIDANCE}/{city}", said=said)


@router.get(f"{_VERSIONS}/{{number}}")
def one(city: City, number: RowNumber, visitor: GuideEditor, parts: PartsOfServer) -> Response:
    return _version(city, number, visitor, parts)


@router.post(f"{_VERSIONS}/{{number}}/restore")
def restore(city: City, number: RowNumber, visitor: GuideEditor, parts: PartsOfServer, reason: Reason = "") -> Response:
    try:
        with transaction_of(parts) as session:
            guidance.go_back(session, visitor.person, city, number, reason)
    except DomainError as refused:
        return _version(city, number, visitor, parts, refused)
    said = visitor.language.texts.gettext("Brought back as a draft. Phones get it when it is published.")
    return pages.redirect(f"{GUIDANCE}/{city}/publish", said=said)


def _compare(
    city: str, visitor: Visitor, parts: Parts, refused: DomainError | None = None, reason: str = ""
) -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    before = shown.guide.model_copy(update={"bins": (), "labels": (), "items": (), "names": {}})
    if shown.published is not None:
        before = guidance.guide_of(shown.published)
    return pages.render(
        "guidance/publish.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=terms.said(visitor.language, refused) if refused else "",
        shown=shown,
        reason=reason,
        differences=guide_changes.differences(before, shown.guide),
        **view.words(),
    )


def _version(city: str, number: int, visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
        row = guidance.version(session, city, number)
    return pages.render(
        "guidance/version.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=terms.said(visitor.language, refused) if refused else "",
        shown=shown,
        row=row,
        differences=guide_changes.differences(guidance.guide_of(row), shown.guide),
        **view.words(),
    )
