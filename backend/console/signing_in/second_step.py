"""`/console/sign-in/second`: the code that a password alone does not replace.

Guarantees: without the ticket that the password gave, nothing is shown and nothing tried. Each code that is tried
counts as an attempt for the name, before it is looked at.
"""

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals
from backend.console.signing_in import half_way
from backend.console.signing_in.sign_in import sign_in_page
from backend.console.visitor import AnyReader, Reader, remember_session
from backend.database import Text
from backend.errors import DomainError, NotSignedIn
from backend.people import second_factor, sign_ins, staff
from backend.people.second_factor import Enrolment
from backend.people.staff_sessions import Origin, SignedIn

router = APIRouter(include_in_schema=False)
LONGEST_CODE = 40


@router.get(half_way.SECOND_STEP)
def form(request: Request, read: AnyReader, parts: PartsOfServer, then: Text = "/console") -> Response:
    return _page(request, read, parts, then)


@router.post(half_way.SECOND_STEP)
async def enter(
    request: Request,
    read: AnyReader,
    parts: PartsOfServer,
    code: Annotated[Text, Form(max_length=LONGEST_CODE)],
    then: Annotated[Text, Form()] = "/console",
) -> Response:
    try:
        parts.sign_ins.check(origin.address_of(request))
        signed_in, codes = await run_in_threadpool(_entered, parts, _ticket(request), code, origin.origin_of(request))
    except DomainError as refused:
        return await run_in_threadpool(_page, request, read, parts, then, refused)
    then = pages.here(then)
    shown = pages.render("people/backup_codes.html", read, parts.settings, codes=codes, then=then) if codes else None
    answer = shown or pages.redirect(then)
    remember_session(answer, parts.settings, signed_in.token)
    half_way.forget(answer, parts.settings)
    return answer


def qr_code(address: str) -> str:
    """Return a picture for authenticator apps as a `data:` address, dark on light in both themes."""
    return segno.make(address, error="m").svg_data_uri(scale=5, border=3, dark="#000", light="#fff")


def _entered(parts: Parts, ticket: str, code: str, whence: Origin) -> tuple[SignedIn, list[str]]:
    with transaction_of(parts) as session:
        row = sign_ins.second_step(session, ticket)
        sign_ins.attempt(session, row.name)
        must_enrol = not second_factor.is_set(session, staff.known(row.id))
    with transaction_of(parts) as session:
        if must_enrol:
            return sign_ins.with_first_code(session, parts.settings, ticket, code, whence)
        return sign_ins.with_code(session, parts.settings, ticket, code, whence), []


def _page(request: Request, read: Reader, parts: Parts, then: str, refused: DomainError | None = None) -> Response:
    try:
        enrolment = _enrolment(parts, _ticket(request))
    except NotSignedIn as gone:  # Too late, or never begun: it begins anew.
        return sign_in_page(read, parts, then, gone)
    return pages.render(
        "signing_in/second_step.html",
        read,
        parts.settings,
        status=refused.status if refused else 200,
        then=pages.here(then),
        problem=refusals.said(read.language, refused) if refused else "",
        enrolment=enrolment,
        qr=qr_code(enrolment.address) if enrolment else "",
    )


def _enrolment(parts: Parts, ticket: str) -> Enrolment | None:
    with transaction_of(parts) as session:
        row = sign_ins.second_step(session, ticket)
        if second_factor.is_set(session, staff.known(row.id)):
            return None
        return second_factor.pending(session, second_factor.seal(parts.settings), staff.known(row.id), row.name)


def _ticket(request: Request) -> str:
    return request.cookies.get(half_way.STEP_COOKIE, "")
