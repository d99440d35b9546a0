"""`/console/guidance/<city>/edit/<part>`: the form of a bin, a label or a thing, with the phone's screen beside it.

Guarantees: the preview and the buttons that add and remove rules change nothing; only saving does, as a new draft. A
form that cannot be saved comes back as it was sent, with a word at each field that is wrong. Where somebody else has
changed the same piece meanwhile, both are shown, and saving again is a decision.
"""

import re
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from sqlmodel import Session

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages
from backend.console.guidance import piece_draft, terms, view
from backend.console.guidance.piece_draft import Draft, DraftProblem
from backend.console.guidance.view import GUIDANCE, City, Screen, Shown
from backend.console.typed_form import Typed
from backend.console.visitor import GuideEditor, Visitor
from backend.database import Text
from backend.errors import DomainError, NotFound
from backend.guides import guidance, guide_changes
from backend.guides.guide_changes import Change, Difference, Part
from mobile_models.guide import Bin, GuideAnswer, GuideItem, Rule, Symbol, answer_about

router = APIRouter(include_in_schema=False)
_FORM = f"{GUIDANCE}/{{city}}/edit/{{part}}"


@dataclass(frozen=True)
class Edit:
    """A form on its way: what it is about, what stands in it, and what is wrong with it."""

    shown: Shown
    draft: Draft
    based_on: int
    sent: dict[str, str]
    problems: dict[str, str]
    refused: DomainError | None = None
    theirs: Difference | None = None
    """What somebody else has changed meanwhile."""

    @property
    def name(self) -> str:
        """What the piece is called now, in the reader's language."""
        if self.draft.piece_id in guide_changes.pieces(self.shown.guide, self.draft.part):
            return self.shown.called(self.draft.part, self.draft.piece_id)
        return piece_draft.first_name(self.draft)

    @property
    def language(self) -> str:
        wished = self.sent.get("preview_language", "")
        languages = self.shown.guide.languages
        return wished if wished in languages else self.shown.guide.fallbacks(self.shown.reader.code)[0]

    @property
    def screen(self) -> Screen | None:
        """None where the form is not complete yet."""
        try:
            piece = piece_draft.piece_of(self.draft, self.draft.piece_id or "new")
            change = Change(self.draft.part, piece.id, piece)
            guide = guide_changes.changed(self.shown.guide, change)
        except ValueError:
            return None
        day = view.day_of(self.shown.reader, self.sent.get("preview_day", ""))
        if isinstance(piece, Bin):
            answers: list[GuideAnswer | None] = [_of_bin(guide, piece, self.language, day)]
        else:
            answers = [answer_about(guide, piece, self.language, day)]
        return view.screen(self.shown.reader, self.language, answers)


@router.get(_FORM)
def form(city: City, part: Part, visitor: GuideEditor, parts: PartsOfServer, id: Text = "") -> Response:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    draft = _draft(shown, part, id)
    return _page(visitor, parts, Edit(shown, draft, shown.row.number, {}, {}))


@router.post(_FORM)
def act(city: City, part: Part, visitor: GuideEditor, parts: PartsOfServer, sent: Typed) -> Response:
    """Save; or, by the button that was pressed, show the form again with one rule more or fewer, or its preview."""
    edit = _edit(city, part, visitor, parts, sent)
    wish, _, place = sent.get("do", "").partition(":")
    if wish == "add_rule":
        return _page(visitor, parts, _with(edit, edit.draft.with_rule()))
    if wish == "remove_rule":
        return _page(visitor, parts, _with(edit, edit.draft.without_rule(int(place) if place.isdecimal() else -1)))
    if wish == "preview":
        return _page(visitor, parts, edit)
    return _save(edit, visitor, parts)


@router.post(f"{_FORM}/preview")
def preview(city: City, part: Part, visitor: GuideEditor, parts: PartsOfServer, sent: Typed) -> Response:
    """The phone's screen alone, for the script."""
    edit = _edit(city, part, visitor, parts, sent)
    return pages.render("guidance/screen.html", visitor, parts.settings, screen=edit.screen, **view.words())


@router.post(f"{_FORM}/delete")
def delete(city: City, part: Part, visitor: GuideEditor, parts: PartsOfServer, sent: Typed) -> Response:
    edit = _edit(city, part, visitor, parts, sent)
    gone = Change(part, edit.draft.piece_id, None)
    try:
        with transaction_of(parts) as session:
            guidance.change(session, visitor.person, city, gone, based_on=edit.based_on, reason=sent.get("reason", ""))
    except DomainError as refused:
        return _page(visitor, parts, _refused(edit, _draft(edit.shown, part, edit.draft.piece_id), refused, parts))
    return pages.redirect(f"{GUIDANCE}/{city}", said=visitor.language.texts.gettext("Taken out, as a draft."))


def _save(edit: Edit, visitor: Visitor, parts: Parts) -> Response:
    draft, shown = edit.draft, edit.shown
    piece_id = draft.piece_id or guide_changes.free_id(shown.guide, draft.part, piece_draft.first_name(draft))
    try:
        change = Change(draft.part, piece_id, piece_draft.piece_of(draft, piece_id))
    except DraftProblem as problem:
        return _page(visitor, parts, _with(edit, draft, dict(problem.fields)))
    reason = edit.sent.get("reason", "")
    try:
        with transaction_of(parts) as session:
            guidance.change(session, visitor.person, shown.guide.city, change, based_on=edit.based_on, reason=reason)
    except DomainError as refused:
        return _page(visitor, parts, _refused(edit, draft, refused, parts))
    return pages.redirect(f"{GUIDANCE}/{shown.guide.city}", said=visitor.language.texts.gettext("Saved as a draft."))


def _edit(city: str, part: Part, visitor: Visitor, parts: Parts, sent: dict[str, str]) -> Edit:
    with transaction_of(parts) as session:
        shown = view.shown(session, visitor, city)
    draft = piece_draft.of_form(part, sent, shown.guide.languages)
    if part == Part.LABELS:
        _draft(shown, part, draft.piece_id)  # Anything else may have been taken out meanwhile, and come back by this.
    return Edit(shown, draft, min(_number(sent, "based_on"), shown.row.number), sent, {})


def _with(edit: Edit, draft: Draft, problems: dict[str, str] | None = None) -> Edit:
    return Edit(edit.shown, draft, edit.based_on, edit.sent, problems or {})


def _refused(edit: Edit, draft: Draft, refused: DomainError, parts: Parts) -> Edit:
    """Show the form again; of an edit that came too late, what the others did since, and what it is based on now."""
    with transaction_of(parts) as session:
        theirs = _meanwhile(session, edit) if refused.code == "edited_meanwhile" else None
    based_on = edit.shown.row.number if theirs else edit.based_on
    return Edit(edit.shown, draft, based_on, edit.sent, {}, refused, theirs)


def _meanwhile(session: Session, edit: Edit) -> Difference | None:
    before = guidance.guide_of(guidance.version(session, edit.shown.guide.city, edit.based_on))
    found = guide_changes.differences(before, edit.shown.guide)
    mine = (edit.draft.part, edit.draft.piece_id)
    return next((each for each in found if (each.part, each.piece_id) == mine), None)


def _draft(shown: Shown, part: Part, piece_id: str) -> Draft:
    """Return what the form begins with: the piece, or an empty one; raise `NotFound` for what there cannot be."""
    found = guide_changes.pieces(shown.guide, part).get(piece_id)
    if found is not None:
        return piece_draft.of_piece(part, found)
    rules = () if part == Part.BINS else (piece_draft.RuleDraft(),)
    if part == Part.LABELS:
        label = next((name for label, name in shown.unwritten if label == piece_id), None)
        if label is None:
            raise NotFound("There is no such label.")
        return Draft(part, piece_id, {shown.guide.languages[0]: label}, rules=rules)
    if piece_id:
        raise NotFound("There is no such thing in this guide.")
    return Draft(part, rules=rules)


def _of_bin(guide: Any, piece: Bin, language: str, day: Any) -> GuideAnswer | None:
    """Show a bin as the answer about the first thing that goes there, or about nothing in particular."""
    for thing in guide.things:
        found = answer_about(guide, thing, language, day)
        if found is not None and found.bin == piece.id:
            return found
    stand_in = GuideItem(id="new", names={language: ("…",)}, rules=(Rule(bin=piece.id),))
    return answer_about(guide, stand_in, language, day)


def _page(visitor: Visitor, parts: Parts, edit: Edit) -> Response:
    refused, gettext = edit.refused, visitor.language.texts.gettext
    problem = terms.said(visitor.language, refused) if refused else ""
    if edit.problems:
        problem = gettext("Not saved: something in the form is not right.")
    return pages.render(
        "guidance/piece.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 422 if edit.problems else 200,
        edit=edit,
        shown=edit.shown,
        draft=edit.draft,
        screen=edit.screen,
        problem=problem,
        problems={name: gettext(terms.PROBLEMS[word]) for name, word in edit.problems.items()},
        texts=piece_draft.TEXTS,
        symbols=list(Symbol),
        preview_day=view.day_of(visitor.language, edit.sent.get("preview_day", "")),
        reason=edit.sent.get("reason", ""),
        **view.words(),
    )


def _number(sent: dict[str, str], name: str) -> int:
    given = sent.get(name, "")
    return max(int(given), 1) if re.fullmatch(r"[0-9]{1,9}", given) else 1
