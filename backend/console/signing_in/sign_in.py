"""`/console/sign-in`: in by password, and out; language and colours for anybody."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals
from backend.console.language import LANGUAGES
from backend.console.signing_in import half_way
from backend.console.visitor import (
    SIGN_IN,
    THEMES,
    AnyReader,
    AnyStaff,
    Reader,
    forget_session,
    remember_preferences,
    remember_session,
)
from backend.database import Text
from backend.errors import DomainError
from backend.people import passwords, sign_ins, staff_sessions
from backend.people.sign_ins import SecondStep
from backend.people.staff_sessions import Origin, SignedIn

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def form(read: AnyReader, parts: PartsOfServer, then: Text = "/console") -> Response:
    return sign_in_page(read, parts, then)


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    read: AnyReader,
    parts: PartsOfServer,
    name: Annotated[Text, Form(max_length=80)],
    password: Annotated[Text, Form(max_length=passwords.MAXIMUM_LENGTH)],
    then: Annotated[Text, Form()] = "/console",
) -> Response:
    try:
        parts.sign_ins.check(origin.address_of(request))
        sign_ins.check_allowed(parts.settings)
        opened = await run_in_threadpool(_opened, parts, name, password, origin.origin_of(request))
    except DomainError as refused:
        return sign_in_page(read, parts, then, refused)
    if isinstance(opened, SecondStep):
        answer = pages.redirect(f"{half_way.SECOND_STEP}?then={quote(pages.here(then))}")
        half_way.remember(answer, parts.settings, opened.token)
        return answer
    answer = pages.redirect(pages.here(then))
    remember_session(answer, parts.settings, opened.token)
    return answer


def sign_in_page(read: Reader, parts: Parts, then: str, refused: DomainError | None = None) -> Response:
    """The page on which every way of signing in begins, with what went wrong the last time."""
    return pages.render(
        "signing_in/sign_in.html",
        read,
        parts.settings,
        status=refused.status if refused else 200,
        then=pages.here(then),
        problem=refusals.said(read.language, refused) if refused else "",
        with_password=parts.settings.password_sign_in,
        single_sign_on=parts.single_sign_on is not None,
        label=parts.settings.oidc_label,
    )


def _opened(parts: Parts, name: str, password: str, whence: Origin) -> SignedIn | SecondStep:
    """The attempt is committed first, and the password looked at outside of any transaction: that takes its time."""
    with transaction_of(parts) as session:
        attempt = sign_ins.attempt(session, name)
    if not attempt.fits(password):
        raise sign_ins.wrong_password()
    with transaction_of(parts) as session:
        return sign_ins.with_password(session, parts.settings, attempt, whence)


@router.post("/console/sign-out")
def sign_out(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff_sessions.sign_out(session, visitor.token)
    answer = pages.redirect(SIGN_IN)
    forget_session(answer, parts.settings)
    return answer


@router.post("/console/preferences")
def prefer(
    read: AnyReader,
    parts: PartsOfServer,
    language: Annotated[Text, Form()],
    theme: Annotated[Text, Form()] = "auto",
    then: Annotated[Text, Form()] = "/console",
) -> Response:
    """Language and colours, kept in the browser. They are nobody's secret, so no session is needed."""
    answer = pages.redirect(pages.here(then))
    code = language if language in LANGUAGES else read.language.code
    remember_preferences(answer, parts.settings, code, next((each for each in THEMES if each == theme), read.theme))
    return answer
