"""Where a request of a browser comes from, and what this console is called there.

Guarantees: where `public_url` is set, its address is the console's, whatever a request says in `Host`.
"""

from urllib.parse import urlsplit

from fastapi import Request

from backend.people.passkeys import RelyingParty
from backend.people.staff_sessions import Origin
from backend.settings import Settings


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def origin_of(request: Request) -> Origin:
    return Origin.of(request.headers.get("user-agent", ""), address_of(request))


def own_address(request: Request, settings: Settings) -> str:
    """Return scheme, host and port under which browsers find this console, without a slash at the end."""
    return (settings.public_url or str(request.base_url)).rstrip("/")


def relying_party(request: Request, settings: Settings) -> RelyingParty:
    parts = urlsplit(own_address(request, settings))
    return RelyingParty(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")
