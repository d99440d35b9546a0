"""`/console/people`: who belongs to the staff, what they may do and where.

Guarantees: no administrator ever learns or chooses somebody's password; what is shown once is shown to whoever asked
for it, and nowhere kept in readable form.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session, col

from backend import distinct_values
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals
from backend.console.pages import _
from backend.console.signing_in import password_link
from backend.console.visitor import Administrator, Visitor
from backend.database import RowNumber, Text
from backend.errors import DomainError
from backend.people import passkeys, password_links, second_factor, staff, staff_sessions
from backend.records import audit_log
from backend.tables import Photo, Role

router = APIRouter(include_in_schema=False)
PEOPLE = "/console/people"
ROLES = {
    Role.REVIEWER: _("Reviewer"),
    Role.ENGINEER: _("ML engineer"),
    Role.GUIDE_EDITOR: _("Guide editor"),
    Role.AUDITOR: _("Auditor"),
    Role.ADMINISTRATOR: _("Administrator"),
}
_HINTED_AREAS = 40
_SHOWN_EVENTS = 20
_Where = Annotated[Literal["everywhere", "areas"], Form()]
"""Always to be said: nobody gets all areas by leaving a field empty."""
_Areas = Annotated[Text, Form(max_length=20_000)]


@router.get(PEOPLE)
def everybody(visitor: Administrator, parts: PartsOfServer) -> Response:
    return _list(visitor, parts)


@router.post(PEOPLE)
def add(
    request: Request,
    visitor: Administrator,
    parts: PartsOfServer,
    name: Annotated[Text, Form(max_length=80)],
    role: Annotated[Role, Form()],
    where: _Where,
    areas: _Areas = "",
) -> Response:
    try:
        with transaction_of(parts) as session:
            person = staff.add(session, name, role, None, by=visitor.person.name, areas=_areas(where, areas))
            token = password_links.make(session, person.id, by=visitor.person)
    except DomainError as refused:
        return _list(visitor, parts, refused)
    return _link_page(request, visitor, parts, person.name, token)


@router.get(f"{PEOPLE}/{{staff_id}}")
def one(staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    return _person(staff_id, visitor, parts)


@router.post(f"{PEOPLE}/{{staff_id}}/change")
def change(
    staff_id: RowNumber,
    visitor: Administrator,
    parts: PartsOfServer,
    role: Annotated[Role, Form()],
    where: _Where,
    areas: _Areas = "",
) -> Response:
    def act(session: Session) -> None:
        staff.change(session, staff_id, role, _areas(where, areas), by=visitor.person)

    return _act(staff_id, visitor, parts, act, visitor.language.texts.gettext("Changed. Open sessions have ended."))


@router.post(f"{PEOPLE}/{{staff_id}}/password-link")
def make_link(request: Request, staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    try:
        with transaction_of(parts) as session:
            name = staff.found(session, staff_id).name
            token = password_links.make(session, staff_id, by=visitor.person)
    except DomainError as refused:
        return _person(staff_id, visitor, parts, refused)
    return _link_page(request, visitor, parts, name, token)


@router.post(f"{PEOPLE}/{{staff_id}}/reset-factors")
def reset_factors(staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    """Somebody has lost the phone: second factor and passkeys go, and sessions end."""

    def act(session: Session) -> None:
        staff_sessions.revoke_all(session, staff_id, by=visitor.person, reason="factors reset")
        second_factor.remove(session, staff_id, by=visitor.person.name)
        passkeys.remove_all(session, staff_id, by=visitor.person.name)

    said = visitor.language.texts.gettext("Second factor and passkeys are removed.")
    return _act(staff_id, visitor, parts, act, said)


@router.post(f"{PEOPLE}/{{staff_id}}/revoke-sessions")
def revoke_sessions(staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    def act(session: Session) -> None:
        staff_sessions.revoke_all(session, staff_id, by=visitor.person)

    return _act(staff_id, visitor, parts, act, visitor.language.texts.gettext("All sessions have ended."))


@router.post(f"{PEOPLE}/{{staff_id}}/disable")
def disable(staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    def act(session: Session) -> None:
        staff.disable(session, staff_id, by=visitor.person)

    return _act(staff_id, visitor, parts, act, visitor.language.texts.gettext("This person may sign in no more."))


@router.post(f"{PEOPLE}/{{staff_id}}/enable")
def enable(staff_id: RowNumber, visitor: Administrator, parts: PartsOfServer) -> Response:
    def act(session: Session) -> None:
        staff.enable(session, staff_id, by=visitor.person)

    return _act(staff_id, visitor, parts, act, visitor.language.texts.gettext("This person may sign in again."))


def _act(staff_id: int, visitor: Visitor, parts: Parts, act: Callable[[Session], None], said: str) -> Response:
    try:
        with transaction_of(parts) as session:
            act(session)
    except DomainError as refused:
        return _person(staff_id, visitor, parts, refused)
    return pages.redirect(f"{PEOPLE}/{staff_id}", said=said)


def _areas(where: str, text: str) -> list[str] | None:
    """One in each line."""
    return text.splitlines() if where == "areas" else None


def _list(visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        rows = [(row, second_factor.is_set(session, row.id or 0)) for row in staff.everybody(session)]
        known_areas = _known_areas(session)
    return pages.render(
        "people/members.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=refusals.said(visitor.language, refused) if refused else "",
        people=rows,
        roles=_roles(visitor),
        known_areas=known_areas,
    )


def _person(staff_id: int, visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        row = staff.found(session, staff_id)
        shown = {
            "has_code": second_factor.is_set(session, staff_id),
            "passkeys": passkeys.of(session, staff_id),
            "sessions": staff_sessions.of(session, parts.settings, staff_id),
            "events": list(reversed(audit_log.history(session, f"staff/{staff_id}", _SHOWN_EVENTS))),
            "known_areas": _known_areas(session),
        }
    return pages.render(
        "people/member.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=refusals.said(visitor.language, refused) if refused else "",
        person=row,
        roles=_roles(visitor),
        **shown,
    )


def _link_page(request: Request, visitor: Visitor, parts: Parts, name: str, token: str) -> Response:
    texts = visitor.language.texts
    return pages.render(
        "people/shown_once.html",
        visitor,
        parts.settings,
        heading=texts.gettext("Link for %(name)s") % {"name": name},
        hint=texts.gettext("Pass it on safely. It works once, for 24 hours, and lets them choose a password."),
        secret=f"{origin.own_address(request, parts.settings)}{password_link.PATH}/{token}",
        back=PEOPLE,
    )


def _roles(visitor: Visitor) -> list[tuple[Role, str]]:
    return [(role, visitor.language.texts.gettext(text)) for role, text in ROLES.items()]


def _known_areas(session: Session) -> list[str]:
    """Places that photos have, as a help for spelling."""
    return distinct_values.of(session, col(Photo.place), _HINTED_AREAS)
