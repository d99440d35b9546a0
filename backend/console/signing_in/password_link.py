"""`/console/sign-in/link/...`: choosing a password with a link that an administrator passed on."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, refusals
from backend.console.signing_in.sign_in import sign_in_page
from backend.console.visitor import SIGN_IN, AnyReader, Reader
from backend.database import Text
from backend.errors import DomainError, NotSignedIn
from backend.people import password_links, passwords

router = APIRouter(include_in_schema=False)
PATH = f"{SIGN_IN}/link"


@router.get(f"{PATH}/{{token}}")
def form(token: Text, read: AnyReader, parts: PartsOfServer) -> Response:
    return _page(read, parts, token)


@router.post(f"{PATH}/{{token}}")
def choose(
    request: Request,
    token: Text,
    read: AnyReader,
    parts: PartsOfServer,
    password: Annotated[Text, Form(max_length=passwords.MAXIMUM_LENGTH + 1)],
) -> Response:
    try:
        parts.sign_ins.check(origin.address_of(request))
        with transaction_of(parts) as session:
            password_links.use(session, token, password)
    except NotSignedIn as gone:
        return sign_in_page(read, parts, "/console", gone)
    except DomainError as refused:
        return _page(read, parts, token, refused)
    return pages.redirect(SIGN_IN, said=read.language.texts.gettext("Your password is set. Sign in with it."))


def _page(read: Reader, parts: Parts, token: str, refused: DomainError | None = None) -> Response:
    try:
        with transaction_of(parts) as session:
            name = password_links.owner(session, token).name
    except NotSignedIn as gone:
        return sign_in_page(read, parts, "/console", gone)
    problem = refusals.said(read.language, refused) if refused else ""
    status = refused.status if refused else 200
    return pages.render(
        "signing_in/password_link.html", read, parts.settings, status=status, name=name, token=token, problem=problem
    )
