"""`/console/sign-in/passkey`: in without a password."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import origin, pages, safety
from backend.console.signing_in.sign_in import sign_in_page
from backend.console.visitor import SIGN_IN, AnyReader, remember_session
from backend.database import Text
from backend.errors import DomainError
from backend.people import passkeys

router = APIRouter(include_in_schema=False)
LONGEST_ANSWER = 20_000


@router.post(f"{SIGN_IN}/passkey/challenge")
def challenge(request: Request, _: AnyReader, parts: PartsOfServer) -> Response:
    """What the browser is asked for: JSON, for the script that passes it on."""
    parts.sign_ins.check(origin.address_of(request))
    with transaction_of(parts) as session:
        asked = passkeys.sign_in_challenge(session, origin.relying_party(request, parts.settings))
    return JSONResponse(vars(asked), headers=safety.headers())


@router.post(f"{SIGN_IN}/passkey")
def sign_in(
    request: Request,
    read: AnyReader,
    parts: PartsOfServer,
    ticket: Annotated[Text, Form(max_length=100)],
    answer: Annotated[Text, Form(max_length=LONGEST_ANSWER)],
    then: Annotated[Text, Form()] = "/console",
) -> Response:
    party, whence = origin.relying_party(request, parts.settings), origin.origin_of(request)
    try:
        with transaction_of(parts) as session:
            opened = passkeys.sign_in(session, parts.settings, party, ticket, answer, whence)
    except DomainError as refused:
        return sign_in_page(read, parts, then, refused)
    redirect = pages.redirect(pages.here(then))
    remember_session(redirect, parts.settings, opened.token)
    return redirect
