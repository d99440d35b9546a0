"""`/console/account`: one's own password, sessions and tokens."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals
from backend.console.visitor import SIGN_IN, AnyStaff, Visitor, forget_session
from backend.database import Text
from backend.errors import DomainError
from backend.people import passkeys, passwords, second_factor, sign_ins, staff, staff_sessions
from backend.tables import SignInWay, Staff

router = APIRouter(include_in_schema=False)
ACCOUNT = "/console/account"


@router.get(ACCOUNT)
def account(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    return _page(visitor, parts)


@router.post(f"{ACCOUNT}/password")
def change_password(
    request: Request,
    visitor: AnyStaff,
    parts: PartsOfServer,
    current: Annotated[Text, Form(max_length=passwords.MAXIMUM_LENGTH)],
    new: Annotated[Text, Form(max_length=passwords.MAXIMUM_LENGTH + 1)],
) -> Response:
    """It ends all of one's sessions, this one too."""
    try:
        parts.sign_ins.check(origin.address_of(request))
        passwords.check(new)
        _check_current(parts, visitor.person.name, current)
        with transaction_of(parts) as session:
            staff.set_password(session, visitor.person.name, new, by=visitor.person.name)
    except DomainError as refused:
        return _page(visitor, parts, refused)
    said = visitor.language.texts.gettext("Your password is set. Sign in with it.")
    answer = pages.redirect(SIGN_IN, said=said)
    forget_session(answer, parts.settings)
    return answer


@router.post(f"{ACCOUNT}/sessions/{{handle}}/revoke")
def revoke(handle: Text, visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.revoke(session, visitor.person.id, handle, by=visitor.person)
    return pages.redirect(ACCOUNT, said=visitor.language.texts.gettext("The session has ended."))


@router.post(f"{ACCOUNT}/sessions/revoke")
def revoke_all(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.revoke_all(session, visitor.person.id, by=visitor.person)
    answer = pages.redirect(SIGN_IN, said=visitor.language.texts.gettext("You are signed out everywhere."))
    forget_session(answer, parts.settings)
    return answer


@router.post(f"{ACCOUNT}/token")
def make_token(request: Request, visitor: AnyStaff, parts: PartsOfServer) -> Response:
    """A session for the `wastelens` command, shown once."""
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        row = session.get_one(Staff, visitor.person.id)
        way, whence = SignInWay.COMMAND_LINE, origin.origin_of(request)
        opened = sign_ins.opened(session, parts.settings, row, way, whence)
    return pages.render(
        "people/shown_once.html",
        visitor,
        parts.settings,
        heading=visitor.language.texts.gettext("Token for the command line"),
        hint=visitor.language.texts.gettext("Put it into WASTELENS_TOKEN. It ends like a session."),
        secret=opened.token,
        back=ACCOUNT,
    )


def _check_current(parts: Parts, name: str, password: str) -> None:
    """The attempt is committed first, and the password looked at outside of any transaction: that takes its time."""
    with transaction_of(parts) as session:
        attempt = sign_ins.attempt(session, name)
    if not attempt.fits(password):
        raise sign_ins.wrong_password()


def _page(visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    person = visitor.person
    with transaction_of(parts) as session:
        row = session.get_one(Staff, person.id)
        shown = {
            "has_password": row.password_hash != passwords.NONE and parts.settings.password_sign_in,
            "has_code": second_factor.is_set(session, person.id),
            "must_have_code": person.role in sign_ins.roles_with_second_factor(parts.settings),
            "codes_left": second_factor.backup_codes_left(session, person.id),
            "passkeys": passkeys.of(session, person.id),
            "sessions": [
                (each, staff_sessions.handle(each), staff_sessions.is_of(each, visitor.token))
                for each in staff_sessions.of(session, parts.settings, person.id)
            ],
        }
    problem = refusals.said(visitor.language, refused) if refused else ""
    status = refused.status if refused else 200
    return pages.render("people/account.html", visitor, parts.settings, status=status, problem=problem, **shown)
