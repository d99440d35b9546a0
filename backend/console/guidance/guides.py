"""`/console/guidance`: the guides of cities, what each lacks, and what a phone would answer.

Guarantees: looking changes nothing; what is edited reaches phones only when it is published (`versions`).
"""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages
from backend.console.guidance import terms, view
from backend.console.guidance.view import GUIDANCE, City
from backend.console.visitor import GuideEditor, Visitor
from backend.database import Text
from backend.errors import DomainError
from backend.guides import guidance
from backend.guides.guide_changes import Part
from mobile_models import guide_search
from mobile_models.guide import EXAMPLE, Guide

router = APIRouter(include_in_schema=False)
_EXAMPLE = "example_city"
"""As a choice of what to begin with: the one that comes with the program, whatever became of it here."""


@router.get(GUIDANCE)
def cities(visitor: GuideEditor, parts: PartsOfServer) -> Response:
    return _cities(visitor, parts)


@router.post(GUIDANCE)
def create(
    visitor: GuideEditor,
    parts: PartsOfServer,
    city: Annotated[Text, Form(max_length=80)],
    name: Annotated[Text, Form(max_length=200)],
    languages: Annotated[Text, Form(max_length=200)],
    like: Annotated[Text, Form(max_length=80)] = "",
) -> Response:
    codes = _codes(languages)
    try:
        with transaction_of(parts) as session:
            model = None
            if like:
                model = Guide.read(EXAMPLE) if like == _EXAMPLE else guidance.guide_of(guidance.newest(session, like))
            names = dict.fromkeys(codes[:1], name)
            guidance.create(session, visitor.person, city.strip(), names, codes, model)
    except DomainError as refused:
        given = {"city": city, "name": name, "languages": languages, "like": like}
        return _cities(visitor, parts, refused, given)
    return pages.redirect(f"{GUIDANCE}/{city.strip()}", said=visitor.language.texts.gettext("The guide is begun."))


@router.get(f"{GUIDANCE}/{{city}}")
def one(
    city: City, visitor: GuideEditor, parts: PartsOfServer, find: Annotated[Text, Query(max_length=200)] = ""
) -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    rows = {Part.LABELS: shown.rows(Part.LABELS), Part.ITEMS: shown.rows(Part.ITEMS, called=find)}
    return pages.render(
        "guidance/guide.html",
        visitor,
        parts.settings,
        shown=shown,
        rows=rows,
        find=find,
        **view.words(),
    )


@router.get(f"{GUIDANCE}/{{city}}/missing")
def missing(city: City, visitor: GuideEditor, parts: PartsOfServer, language: Text = "") -> Response:
    """All that is not written in a language yet, each with the way to its form."""
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    code = language if language in shown.guide.languages else shown.guide.languages[0]
    return pages.render("guidance/missing.html", visitor, parts.settings, shown=shown, code=code, **view.words())


@router.get(f"{GUIDANCE}/{{city}}/try")
def ask(
    city: City,
    visitor: GuideEditor,
    parts: PartsOfServer,
    words: Annotated[Text, Query(max_length=200)] = "",
    language: Text = "",
    day: Text = "",
) -> Response:
    """What a phone answers to a search, from the newest version."""
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    code = language if language in shown.guide.languages else shown.guide.fallbacks(visitor.language.code)[0]
    on = view.day_of(visitor.language, day)
    found = guide_search.search(shown.guide, words, code, on)
    screen = view.screen(visitor.language, code, found, words)
    return pages.render(
        "guidance/try.html",
        visitor,
        parts.settings,
        shown=shown,
        screen=screen,
        question=words,
        day=on,
        **view.words(),
    )


@router.get(f"{GUIDANCE}/{{city}}/settings")
def settings(city: City, visitor: GuideEditor, parts: PartsOfServer) -> Response:
    return _settings(city, visitor, parts)


@router.post(f"{GUIDANCE}/{{city}}/settings")
def change_settings(
    city: City,
    visitor: GuideEditor,
    parts: PartsOfServer,
    names: Annotated[Text, Form(max_length=2000)],
    languages: Annotated[Text, Form(max_length=200)],
    based_on: Annotated[int, Form(ge=1, lt=2**31)],
) -> Response:
    try:
        with transaction_of(parts) as session:
            guidance.change_city(session, visitor.person, city, _names(names), _codes(languages), based_on=based_on)
    except DomainError as refused:
        return _settings(city, visitor, parts, refused, {"names": names, "languages": languages})
    return pages.redirect(f"{GUIDANCE}/{city}", said=visitor.language.texts.gettext("Saved as a draft."))


def _codes(text: str) -> list[str]:
    return [each for each in text.replace(",", " ").split() if each]


def _names(text: str) -> dict[str, str]:
    """One in each line: `en: Hue`."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {code.strip(): name.strip() for code, _colon, name in pairs}


def _cities(
    visitor: Visitor, parts: Parts, refused: DomainError | None = None, given: dict[str, str] | None = None
) -> Response:
    with transaction_of(parts) as session:
        every = [view.shown(session, visitor, each.city) for each in guidance.cities(session)]
    return pages.render(
        "guidance/guides.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=terms.said(visitor.language, refused) if refused else "",
        every=every,
        example=_EXAMPLE,
        given=given or {"city": "", "name": "", "languages": "en, vi, zh", "like": _EXAMPLE},
        **view.words(),
    )


def _settings(
    city: str, visitor: Visitor, parts: Parts, refused: DomainError | None = None, given: dict[str, str] | None = None
) -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    now_so = {
        "names": "\n".join(f"{code}: {name}" for code, name in shown.guide.names.items()),
        "languages": ", ".join(shown.guide.languages),
    }
    return pages.render(
        "guidance/settings.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=terms.said(visitor.language, refused) if refused else "",
        shown=shown,
        given=given or now_so,
        **view.words(),
    )
