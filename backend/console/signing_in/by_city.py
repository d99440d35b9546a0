"""`/console/sign-in/single`: in by the city's own sign-in (OpenID Connect), and back from there.

Guarantees: the way there changes nothing here; what has to be remembered is in a sealed cookie of the browser.
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import origin, pages, safety
from backend.console.signing_in import half_way
from backend.console.signing_in.sign_in import sign_in_page
from backend.console.visitor import SIGN_IN, AnyReader, remember_session
from backend.database import Text
from backend.errors import DomainError, NotFound
from backend.people import single_sign_on
from backend.people.single_sign_on import Identity, SingleSignOn
from backend.people.staff_sessions import Origin, SignedIn

router = APIRouter(include_in_schema=False)
_BACK = f"{SIGN_IN}/single/back"


@router.get(f"{SIGN_IN}/single")
def go(request: Request, read: AnyReader, parts: PartsOfServer, then: Text = "/console") -> Response:
    try:
        begun = _of(parts).begin(origin.own_address(request, parts.settings) + _BACK, pages.here(then))
    except DomainError as refused:
        return sign_in_page(read, parts, then, refused)
    answer = RedirectResponse(begun.location, 303, headers=safety.headers())
    half_way.remember_away(answer, parts.settings, begun.cookie)
    return answer


@router.get(_BACK)
def back(request: Request, read: AnyReader, parts: PartsOfServer) -> Response:
    try:
        identity = _of(parts).finish(request.cookies.get(half_way.AWAY_COOKIE, ""), request.query_params)
        opened = _opened(parts, identity, origin.origin_of(request))
    except DomainError as refused:
        return sign_in_page(read, parts, "/console", refused)
    answer = pages.redirect(pages.here(identity.then))
    remember_session(answer, parts.settings, opened.token)
    half_way.forget(answer, parts.settings)
    return answer


def _opened(parts: Parts, identity: Identity, whence: Origin) -> SignedIn:
    if identity.role is None:
        with transaction_of(parts) as session:  # Committed, whatever is answered.
            single_sign_on.end_sessions(session, identity)
    with transaction_of(parts) as session:
        return single_sign_on.sign_in(session, parts.settings, identity, whence)


def _of(parts: Parts) -> SingleSignOn:
    if parts.single_sign_on is None:
        raise NotFound("Single sign-on is not set up here.")
    return parts.single_sign_on
