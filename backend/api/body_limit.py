"""A limit on what is sent, kept while it arrives.

Guarantees: a body that says or turns out to be longer than `max_bytes` is answered with 413 as soon as somebody
reads it, and no more of it is read.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import TooLarge


class BodyLimit:
    """ASGI middleware. The error is raised where the body is read, so that it becomes a problem document there."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        announced = int(dict(scope["headers"]).get(b"content-length", b"0"))

        async def limited() -> Message:
            nonlocal received
            if announced > self._max_bytes:
                raise self._refusal()
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._refusal()
            return message

        await self._app(scope, limited, send)

    def _refusal(self) -> TooLarge:
        return TooLarge(f"The body has more than {self._max_bytes} bytes.", code="too_many_bytes")
