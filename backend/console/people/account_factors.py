"""`/console/account/second-factor` and `/console/account/passkeys`: how one signs in, changed by oneself.

Guarantees: whoever signed in long ago signs in again first.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals, safety
from backend.console.people.account import ACCOUNT
from backend.console.signing_in.by_passkey import LONGEST_ANSWER
from backend.console.signing_in.second_step import LONGEST_CODE, qr_code
from backend.console.visitor import AnyStaff, Visitor
from backend.database import RowNumber, Text
from backend.errors import Conflict, DomainError
from backend.people import passkeys, second_factor, sign_ins, staff_sessions

router = APIRouter(include_in_schema=False)
_CODE, _PASSKEYS = f"{ACCOUNT}/second-factor", f"{ACCOUNT}/passkeys"


@router.post(f"{_CODE}/begin")
def begin(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        second_factor.begin(session, second_factor.seal(parts.settings), visitor.person.id)
    return pages.redirect(_CODE)


@router.get(_CODE)
def enrolment(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    """What the app is to take, until a code has confirmed it."""
    return _enrolment(visitor, parts)


@router.post(f"{_CODE}/confirm")
def confirm(visitor: AnyStaff, parts: PartsOfServer, code: Annotated[Text, Form(max_length=LONGEST_CODE)]) -> Response:
    person = visitor.person
    try:
        with transaction_of(parts) as session:
            staff_sessions.check_fresh(session, visitor.token)
            seal = second_factor.seal(parts.settings)
            codes = second_factor.confirm(session, seal, person.id, code, by=person.name)
    except DomainError as refused:
        if refused.code != second_factor.WRONG_CODE:
            raise
        return _enrolment(visitor, parts, refused)
    return pages.render("people/backup_codes.html", visitor, parts.settings, codes=codes, then=ACCOUNT)


@router.post(f"{_CODE}/backup-codes")
def renew_backup_codes(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        codes = second_factor.renew_backup_codes(session, visitor.person.id, by=visitor.person.name)
    return pages.render("people/backup_codes.html", visitor, parts.settings, codes=codes, then=ACCOUNT)


@router.post(f"{_CODE}/remove")
def remove_code(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    if visitor.person.role in sign_ins.roles_with_second_factor(parts.settings):
        raise Conflict("Your role needs a second factor.", code="factor_needed_by_role")
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        second_factor.remove(session, visitor.person.id, by=visitor.person.name)
    return pages.redirect(ACCOUNT, said=visitor.language.texts.gettext("The second factor is removed."))


@router.post(f"{_PASSKEYS}/challenge")
def challenge(request: Request, visitor: AnyStaff, parts: PartsOfServer) -> Response:
    """What the browser is asked for: JSON, for the script that passes it on."""
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        asked = passkeys.registration(session, origin.relying_party(request, parts.settings), visitor.person)
    return JSONResponse(vars(asked), headers=safety.headers())


@router.post(_PASSKEYS)
def add_passkey(
    request: Request,
    visitor: AnyStaff,
    parts: PartsOfServer,
    ticket: Annotated[Text, Form(max_length=100)],
    answer: Annotated[Text, Form(max_length=LONGEST_ANSWER)],
    passkey_name: Annotated[Text, Form(max_length=passkeys.LONGEST_NAME)] = "",
) -> Response:
    party = origin.relying_party(request, parts.settings)
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        passkeys.register(session, party, visitor.person, ticket, answer, passkey_name)
    return pages.redirect(ACCOUNT, said=visitor.language.texts.gettext("The passkey is set up."))


@router.post(f"{_PASSKEYS}/{{passkey_id}}/remove")
def remove_passkey(passkey_id: RowNumber, visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        passkeys.remove(session, visitor.person.id, passkey_id, by=visitor.person.name)
    return pages.redirect(ACCOUNT, said=visitor.language.texts.gettext("The passkey is removed."))


def _enrolment(visitor: Visitor, parts: Parts, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.check_fresh(session, visitor.token)
        seal, person = second_factor.seal(parts.settings), visitor.person
        pending = second_factor.pending(session, seal, person.id, person.name)
    return pages.render(
        "signing_in/enrol.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=refusals.said(visitor.language, refused) if refused else "",
        enrolment=pending,
        qr=qr_code(pending.address),
    )
