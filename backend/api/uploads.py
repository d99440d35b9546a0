"""Photos in multipart bodies.

Guarantees: a body is spooled to disk while it arrives, within the limits of `body_limit`; a body that is cut short
raises before anything has been done with it. What a photo costs in memory is paid by a few at a time.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import anyio.to_thread
from fastapi import Request
from starlette.datastructures import UploadFile

from backend.api.dependencies import Parts
from backend.errors import DomainError

MAX_TEXT_BYTES = 64 * 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Upload:
    photo: BinaryIO
    texts: dict[str, str]


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[Upload]:
    """Read the whole body, with the file part `photo` and any text parts; the file is gone afterwards."""
    async with request.form(max_files=1, max_fields=4, max_part_size=MAX_TEXT_BYTES) as form:
        photo = form.get("photo")
        if not isinstance(photo, UploadFile):
            raise DomainError("Send the photo as the file part 'photo' of multipart/form-data.", code="no_photo")
        yield Upload(photo.file, {name: value for name, value in form.items() if isinstance(value, str)})


async def work(parts: Parts, act: Callable[[], T]) -> T:
    """Run `act`, which holds a photo in memory, in a thread; as many at once as photos can be decoded at once."""
    return await anyio.to_thread.run_sync(act, limiter=parts.photo_threads)


def body(**texts: dict[str, Any]) -> dict[str, Any]:
    """Describe such a body for the API's documentation: `photo` and `texts` (name to JSON schema)."""
    properties = {"photo": {"type": "string", "format": "binary"}, **texts}
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
