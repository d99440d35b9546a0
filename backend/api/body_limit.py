"""A limit on what is sent, kept while it arrives.

Guarantees: a body that says or turns out to be longer than `max_bytes`, or than what `larger` says for its path, is
answered with 413 as soon as somebody reads it, and no more of it is read.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import TooLarge


class BodyLimit:
    """ASGI middleware. The error is raised where the body is read, so that it becomes a problem document there."""

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self._app, self._max_bytes, self._larger = app, max_bytes, larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received, most = 0, self._larger.get(scope["path"], self._max_bytes)
        announced = int(dict(scope["headers"]).get(b"content-length", b"0"))

        async def limited() -> Message:
            nonlocal received
            if announced > most:
                raise _refusal(most)
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _refusal(most)
            return message

        await self._app(scope, limited, send)


def _refusal(most: int) -> TooLarge:
    return TooLarge(f"The body has more than {most} bytes.", code="too_many_bytes")
