"""What every answer below `/app` says to browsers.

Guarantees: the app runs isolated from other origins, which gives its model shared memory and threads; it loads nothing
from anywhere else but the signed updates, where the city serves those elsewhere, and is framed by nobody. Errors say
the same as files.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

APP = "/app"
_CONNECT = "connect-src 'self' blob:"
_POLICY = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    _CONNECT,
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
HEADERS: Final = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def headers(updates_url: str) -> dict[str, str]:
    """Return `HEADERS` for an app that fetches updates from this address, too; empty: from this server alone."""
    if not updates_url:
        return HEADERS
    address = urlsplit(updates_url)
    policy = HEADERS["Content-Security-Policy"].replace(_CONNECT, f"{_CONNECT} {address.scheme}://{address.netloc}")
    return HEADERS | {"Content-Security-Policy": policy}


class WebAppHeaders:
    """ASGI middleware. An answer that says nothing of caches is asked for anew each time."""

    def __init__(self, app: ASGIApp, updates_url: str) -> None:
        self._app = app
        self._headers = headers(updates_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] == APP or scope["path"].startswith(f"{APP}/")):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update(self._headers)
                answered.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)
