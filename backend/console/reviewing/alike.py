"""`/console/review/alike`: photos that look alike, decided together.

Guarantees: a page shows what its reader holds; what is left unmarked goes back to the queue.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from backend import known_labels
from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import label_names, pages
from backend.console.reviewing import view
from backend.console.reviewing.queue import REVIEW, Choice, verdict_of
from backend.console.visitor import Reviewer, Visitor
from backend.database import Text
from backend.reviewing import alike, review_items, review_queue
from backend.reviewing.review_items import Item
from backend.tables import PhotoId

router = APIRouter(include_in_schema=False)
ALIKE = f"{REVIEW}/alike"
_Kind = Literal["group", "label"]
_Key = Annotated[Text, Form(min_length=1, max_length=80)]


@router.get(ALIKE)
def offers(visitor: Reviewer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        found = alike.offers(session, visitor.person)
        names = label_names.of(visitor.language, known_labels.label_set(session))
    return pages.render("reviewing/alike.html", visitor, parts.settings, offers=found, names=names)


@router.post(f"{ALIKE}/claim")
def claim(visitor: Reviewer, parts: PartsOfServer, kind: Annotated[_Kind, Form()], key: _Key) -> Response:
    with transaction_of(parts) as session:
        claim_those = alike.claim_group if kind == "group" else alike.claim_label
        found = claim_those(session, parts.settings, visitor.person, key)
    if not found:
        return pages.redirect(ALIKE, said=visitor.language.texts.gettext("Nothing alike waits now."))
    return pages.redirect(f"{ALIKE}/{kind}?{urlencode({'key': key})}")


@router.get(f"{ALIKE}/{{kind}}")
def grid(
    kind: _Kind, visitor: Reviewer, parts: PartsOfServer, key: Annotated[Text, Query(min_length=1, max_length=80)]
) -> Response:
    with transaction_of(parts) as session:
        found = review_items.items(session, _held(session, visitor, kind, key))
        answers = view.answers(visitor.language, known_labels.label_set(session))
    return pages.render(
        "reviewing/grid.html",
        visitor,
        parts.settings,
        kind=kind,
        key=key,
        items=found,
        usual=_usual(found),
        answers=answers,
        names={each.label: each.name for each in answers},
        verdicts=view.VERDICTS,
    )


@router.post(f"{ALIKE}/{{kind}}")
def decide(
    kind: _Kind,
    visitor: Reviewer,
    parts: PartsOfServer,
    key: _Key,
    choice: Choice,
    photo: Annotated[list[UUID] | None, Form()] = None,
    give_back: Annotated[Text, Form(max_length=10)] = "",
) -> Response:
    marked = [] if give_back else [PhotoId(str(each)) for each in photo or ()]
    with transaction_of(parts) as session:
        shown = _held(session, visitor, kind, key)
        if marked:
            decided = alike.decide(session, parts.settings, visitor.person, marked, verdict_of(choice))
        for photo_id in shown:
            review_queue.unclaim(session, visitor.person, photo_id)
    text = visitor.language.texts
    if not marked:
        return pages.redirect(ALIKE, said=text.gettext("Given back."))
    said = text.ngettext("%(num)s photo was decided.", "%(num)s photos were decided.", decided.photos)
    said = said % {"num": decided.photos}
    if decided.refused:
        said += " " + text.gettext("Others had changed hands or were withdrawn: %(num)s.") % {"num": decided.refused}
    return pages.redirect(ALIKE, said=said)


def _held(session: Session, visitor: Visitor, kind: _Kind, key: str) -> list[PhotoId]:
    if kind == "group":
        return alike.held(session, visitor.person, group_id=key)
    return alike.held(session, visitor.person, label=key)


def _usual(items: Sequence[Item]) -> str | None:
    """The label that most of them are taken for."""
    labels = Counter(item.shown_label for item in items if item.shown_label)
    return labels.most_common(1)[0][0] if labels else None
