"""What protects the staff's browsers: a strict content policy, and no request of another site that changes anything.

Guarantees: a page loads script, style and pictures from this server alone, and no inline script or style runs. A
request that could change something is refused unless it comes from a page of this console (Sec-Fetch-Site or Origin)
and, within a session, carries the secret of that session.
"""

import hashlib
import hmac

from starlette.requests import Request

from backend.errors import Forbidden

FIELD, HEADER = "csrf", "X-CSRF-Token"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def headers(extra_sources: str = "") -> dict[str, str]:
    """Return the headers of every page. `extra_sources` are further hosts for pictures and data, such as map tiles."""
    more = f" {extra_sources}" if extra_sources else ""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' data: blob:{more}",
        "connect-src": f"'self'{more}",
        "font-src": "'self'",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-store",
    }


def secret_of(session_token: str) -> str:
    """Return what forms of this session carry: nobody can tell the token from it."""
    return hashlib.sha256(f"csrf:{session_token}".encode()).hexdigest()


def check_origin(request: Request) -> None:
    """Raise `Forbidden` for a request that changes something and was sent by a page of another site."""
    if request.method in _HARMLESS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        trusted = site == "same-origin"
    else:  # An old browser: it names the page's origin instead.
        trusted = request.headers.get("origin", "") in ("", f"{request.url.scheme}://{request.headers.get('host')}")
    if not trusted:
        raise Forbidden("This form was sent by another site. Open the page here and send it again.", code="cross_site")


async def check_secret(request: Request, session_token: str) -> None:
    """Raise `Forbidden` unless a request that changes something carries the secret of its session."""
    if request.method in _HARMLESS:
        return
    given = request.headers.get(HEADER)
    if given is None:
        found = (await request.form()).get(FIELD)
        given = found if isinstance(found, str) else ""
    if not hmac.compare_digest(given.encode(), secret_of(session_token).encode()):
        raise Forbidden("This form belongs to an earlier session. Load the page again.", code="stale_form")
