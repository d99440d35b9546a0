"""`/console/sign-in`: in and out; language and colours for anybody."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.concurrency import run_in_threadpool

from backend import staff
from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import pages
from backend.console.language import LANGUAGES
from backend.console.visitor import (
    SIGN_IN,
    THEMES,
    AnyReader,
    AnyStaff,
    forget_session,
    remember_preferences,
    remember_session,
)
from backend.errors import NotSignedIn
from backend.staff import SignedIn

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def form(read: AnyReader, parts: PartsOfServer, then: str = "/console") -> Response:
    return pages.render("sign_in.html", read, parts.settings, then=pages.here(then), problem="")


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    read: AnyReader,
    parts: PartsOfServer,
    name: Annotated[str, Form(max_length=80)],
    password: Annotated[str, Form(max_length=staff.MAXIMUM_PASSWORD_LENGTH)],
    then: Annotated[str, Form()] = "/console",
) -> Response:
    parts.sign_ins.check(request.client.host if request.client else "")
    try:
        opened = await run_in_threadpool(_opened, parts, name, password)
    except NotSignedIn as refused:
        return pages.render(
            "sign_in.html", read, parts.settings, status=401, then=pages.here(then), problem=refused.code
        )
    answer = pages.redirect(pages.here(then))
    remember_session(answer, parts.settings, opened.token)
    return answer


def _opened(parts: PartsOfServer, name: str, password: str) -> SignedIn:
    """The attempt is committed first, and the password looked at outside of any transaction: that takes its time."""
    with transaction_of(parts) as session:
        attempt = staff.attempt(session, name)
    if not attempt.fits(password):
        raise staff.wrong_password()
    with transaction_of(parts) as session:
        return staff.sign_in(session, attempt, parts.settings.staff_session_hours)


@router.post("/console/sign-out")
def sign_out(visitor: AnyStaff, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        staff.sign_out(session, visitor.token)
    answer = pages.redirect(SIGN_IN)
    forget_session(answer, parts.settings)
    return answer


@router.post("/console/preferences")
def prefer(
    read: AnyReader,
    parts: PartsOfServer,
    language: Annotated[str, Form()],
    theme: Annotated[str, Form()] = "auto",
    then: Annotated[str, Form()] = "/console",
) -> Response:
    """Language and colours, kept in the browser. They are nobody's secret, so no session is needed."""
    answer = pages.redirect(pages.here(then))
    code = language if language in LANGUAGES else read.language.code
    remember_preferences(answer, parts.settings, code, next((each for each in THEMES if each == theme), read.theme))
    return answer
