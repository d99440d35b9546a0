"""Who makes one of the service's calls, with which arguments.

Guarantees: a call is made with the cookie of a session, and then with its secret, or by a program with a bearer token,
which no other site's page can send. Nothing of a body is read before that person is known to be allowed to. Arguments
come as a form or as JSON; one that nobody knows is refused.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from backend.api.dependencies import Parts, PartsOfServer
from backend.console import safety
from backend.console.visitor import AnyReader, Reader, Visitor, by_cookie
from backend.database import transaction
from backend.datasets import photo_folders
from backend.errors import DomainError
from backend.people import staff, staff_sessions
from backend.people.permissions import Permission
from backend.people.staff import Person

FILES = "files"
Given = TypeVar("Given", bound=BaseModel)


class Arguments(BaseModel):
    """Of one call. A form sends what was left empty as an empty text: then the default holds."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Call:
    """What came with a request."""

    texts: dict[str, Any]
    files: tuple[UploadFile, ...] = ()

    def parsed(self, kind: type[Given]) -> Given:
        """Raise `RequestValidationError` naming each argument that cannot be."""
        try:
            return kind.model_validate(self.texts)
        except ValidationError as error:
            found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_context=False)]
            raise RequestValidationError(found) from None


async def read(request: Request) -> Call:
    """Read a form or a JSON object."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return Call(_json_object(await request.body()))
    form = await request.form()
    files = tuple(each for each in form.getlist(FILES) if isinstance(each, UploadFile) and each.filename)
    texts = {name: value for name, value in form.items() if isinstance(value, str) and value != ""}
    texts.pop(safety.FIELD, None)
    return Call(texts, files)


@contextmanager
def laid_out(files: tuple[UploadFile, ...]) -> Iterator[Path]:
    """Lay what was sent into a folder, ZIPs unpacked, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wastelens-sent-"))
    try:
        laid = photo_folders.Laid(folder)
        for each in files:
            if zipfile.is_zipfile(each.file):
                laid.unpack(each.file)
            else:
                each.file.seek(0)
                laid.put(each.filename or "", each.file)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def folder_of(parts: Parts, name: str, files: tuple[UploadFile, ...]) -> Iterator[Path]:
    """Give the folder that is named, or what was sent; raise `DomainError` for both and for neither."""
    if bool(name) == bool(files):
        raise DomainError("Name a folder, or send photos or a ZIP as 'files'; not both.", code="one_folder")
    if name:
        yield photo_folders.find(parts.settings, name)
        return
    with laid_out(files) as folder:
        yield folder


def permitted(permission: Permission) -> Callable[..., AsyncIterator[Visitor]]:
    """A dependency: whoever calls, who has this permission. What was sent is gone when the request ends."""

    async def dependency(request: Request, parts: PartsOfServer, read: AnyReader) -> AsyncIterator[Visitor]:
        try:
            visitor, by_program = await _caller(request, parts, read)
            staff.require(visitor.person, permission)
            if not by_program:
                await safety.check_secret(request, visitor.token)
            yield visitor
        finally:
            await request.close()

    return dependency


EngineerCalls = Annotated[Visitor, Depends(permitted(Permission.MODELS))]
DataReaderCalls = Annotated[Visitor, Depends(permitted(Permission.SEE_DATA))]


async def _caller(request: Request, parts: Parts, read: Reader) -> tuple[Visitor, bool]:
    """Return who calls, and whether it is a program, with a token of its own."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return await by_cookie(request, parts, read), False
    person = await run_in_threadpool(_person, parts, token.strip())
    return Visitor(read.language, read.theme, read.said, read.address, person, token.strip()), True


def _person(parts: Parts, token: str) -> Person:
    with transaction(parts.engine) as session:
        return staff_sessions.authenticate(session, parts.settings, token)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DomainError("Send a JSON object, or a form.", code="bad_json")
    return found
