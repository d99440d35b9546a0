"""Who looks at a page: a member of the staff by cookie, in a language, with light or dark colours.

Guarantees: the session's cookie is never readable by script, never sent by other sites' forms, and over HTTPS never
sent without it. Whoever is not signed in is sent to the sign-in page and comes back to where they wanted to go. Who
somebody is and what they may do is known before anything of a form is read. What a page asks for by itself keeps no
session from ending.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from backend.api.dependencies import Parts, PartsOfServer
from backend.console import language, safety
from backend.console.language import Language
from backend.database import transaction
from backend.errors import NotSignedIn
from backend.people import staff, staff_sessions
from backend.people.permissions import Permission
from backend.people.staff import Person
from backend.settings import Settings

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")
SIGN_IN = "/console/sign-in"
SAID = "wastelens_said"
_LANGUAGE, _THEME = "wastelens_language", "wastelens_theme"
_SCRIPTED = "HX-Request"
_YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Reader:
    """Anybody who reads a page, signed in or not."""

    language: Language
    theme: Theme
    said: str
    """What the last form has to say, shown once."""
    address: str
    """Where they are, or can come back to after a form."""


@dataclass(frozen=True)
class Visitor(Reader):
    """Somebody of the staff."""

    person: Person
    token: str

    @property
    def csrf(self) -> str:
        return safety.secret_of(self.token)

    def may(self, permission: str) -> bool:
        """For templates: `visitor.may('models')`."""
        return self.person.may(Permission(permission))


class SignInNeeded(NotSignedIn):
    """`then` is where the visitor wanted to go."""

    def __init__(self, then: str) -> None:
        super().__init__("Sign in to see this page.")
        self.then = then

    @property
    def location(self) -> str:
        return f"{SIGN_IN}?then={quote(self.then)}"


def reader_of(request: Request, settings: Settings) -> Reader:
    code = language.choose(request.cookies.get(_LANGUAGE), request.headers.get("accept-language", ""))
    theme: Theme = next((each for each in THEMES if each == request.cookies.get(_THEME)), "auto")
    said = _said(request.cookies.get(SAID, ""))
    return Reader(language.language(code, ZoneInfo(settings.timezone)), theme, said, _address(request))


async def reader(request: Request, parts: PartsOfServer) -> Reader:
    safety.check_origin(request)
    return reader_of(request, parts.settings)


AnyReader = Annotated[Reader, Depends(reader)]


async def by_cookie(request: Request, parts: PartsOfServer, read: AnyReader) -> Visitor:
    """A dependency: whose cookie it is. Whoever takes something from them checks the secret of the form, too."""
    token = request.cookies.get(cookie_name(parts.settings), "")
    if not token:
        raise SignInNeeded(read.address)
    try:
        person = await run_in_threadpool(_person, parts, token, not _asks_by_itself(request))
    except NotSignedIn:
        raise SignInNeeded(read.address) from None
    visitor = Visitor(read.language, read.theme, read.said, read.address, person, token)
    request.state.visitor = visitor
    return visitor


ByCookie = Annotated[Visitor, Depends(by_cookie)]


async def any_staff(request: Request, visitor: ByCookie) -> Visitor:
    """A dependency: the visitor, whoever of the staff it is."""
    await safety.check_secret(request, visitor.token)
    return visitor


AnyStaff = Annotated[Visitor, Depends(any_staff)]


def permitted(permission: Permission) -> Callable[[Request, Visitor], Awaitable[Visitor]]:
    """A dependency: the visitor, who has this permission."""

    async def dependency(request: Request, visitor: ByCookie) -> Visitor:
        staff.require(visitor.person, permission)
        await safety.check_secret(request, visitor.token)
        return visitor

    return dependency


Reviewer = Annotated[Visitor, Depends(permitted(Permission.REVIEW))]
DataReader = Annotated[Visitor, Depends(permitted(Permission.SEE_DATA))]
DataKeeper = Annotated[Visitor, Depends(permitted(Permission.CHANGE_DATA))]
GuideEditor = Annotated[Visitor, Depends(permitted(Permission.GUIDE))]
Engineer = Annotated[Visitor, Depends(permitted(Permission.MODELS))]
Administrator = Annotated[Visitor, Depends(permitted(Permission.STAFF))]
Auditor = Annotated[Visitor, Depends(permitted(Permission.AUDIT))]


def cookie_name(settings: Settings) -> str:
    """Over HTTPS a `__Host-` cookie, which no neighbouring host can set (RFC 6265bis, 4.1.3)."""
    return "__Host-wastelens" if is_secure(settings) else "wastelens"


def is_secure(settings: Settings) -> bool:
    return settings.resolved_public_url.startswith("https://")


def remember_session(answer: Response, settings: Settings, token: str) -> None:
    answer.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.staff_session_hours * 3600,
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def forget_session(answer: Response, settings: Settings) -> None:
    answer.delete_cookie(cookie_name(settings), path="/", secure=is_secure(settings), httponly=True, samesite="lax")


def remember_preferences(answer: Response, settings: Settings, code: str, theme: Theme) -> None:
    for name, value in ((_LANGUAGE, code), (_THEME, theme)):
        answer.set_cookie(
            name, value, max_age=_YEAR_SECONDS, path="/", secure=is_secure(settings), httponly=True, samesite="lax"
        )


def _said(cookie: str) -> str:
    try:
        return bytes.fromhex(cookie).decode()
    except ValueError:  # Not ours.
        return ""


def _person(parts: Parts, token: str, is_seen: bool) -> Person:
    with transaction(parts.engine) as session:
        return staff_sessions.authenticate(session, parts.settings, token, is_seen=is_seen)


def _asks_by_itself(request: Request) -> bool:
    """Pages with a part that changes load it every few seconds, whether anybody looks or not."""
    return request.url.path.endswith("/live")


def _address(request: Request) -> str:
    """The script asks for parts of a page: then it is the page."""
    if _SCRIPTED in request.headers:
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
    elif request.method == "GET":
        page = urlsplit(str(request.url))
    else:  # A form may have been sent from any page.
        return "/console"
    return (page.path or "/console") + (f"?{page.query}" if page.query else "")
