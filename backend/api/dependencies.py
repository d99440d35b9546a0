"""What a request needs: the parts of this server, a transaction, the device that asks.

Guarantees: one request is one transaction, committed before the answer is sent, so that nothing is answered that a
crash could still undo. A device is recognised in a short transaction of its own, before any body is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session

from backend import devices
from backend.database import transaction
from backend.doorbell import BackgroundDoorbell
from backend.errors import NotSignedIn
from backend.intake.photo_sandbox import PhotoSandbox
from backend.intake.thumbnails import Thumbnails
from backend.people.single_sign_on import SingleSignOn
from backend.rate_limit import RateLimit
from backend.releasing.current_model import CurrentModel
from backend.releasing.update_files import UpdateFiles
from backend.reviewing.neighbours import Neighbours
from backend.settings import Settings
from backend.tables import DeviceId


@dataclass(frozen=True)
class Parts:
    """All that one server process is made of."""

    settings: Settings
    engine: Engine
    doorbell: BackgroundDoorbell
    storage: ObjectStore
    updates: ObjectStore
    update_files: UpdateFiles
    sandbox: PhotoSandbox
    photo_threads: CapacityLimiter
    current_model: CurrentModel
    registrations: RateLimit
    sign_ins: RateLimit
    single_sign_on: SingleSignOn | None
    classifications: RateLimit
    field_reports: RateLimit
    neighbours: Neighbours = field(default_factory=Neighbours)
    thumbnails: Thumbnails = field(default_factory=Thumbnails)


async def parts(request: Request) -> Parts:
    """Asynchronous, like `settings`, for speed alone: FastAPI sends anything else through a thread."""
    found: Parts = request.app.state.parts
    return found


PartsOfServer = Annotated[Parts, Depends(parts)]


async def settings(given: PartsOfServer) -> Settings:
    return given.settings


@contextmanager
def transaction_of(given: Parts) -> Iterator[Session]:
    """A transaction whose jobs ring this server's doorbell."""
    with transaction(given.engine) as opened:
        opened.info["doorbell"] = given.doorbell
        yield opened


def session(given: PartsOfServer) -> Iterator[Session]:
    with transaction_of(given) as opened:
        yield opened


_bearer = HTTPBearer(auto_error=False, description="From POST /v1/devices, or from POST /v1/staff/sign-in.")


def bearer_token(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Raise `NotSignedIn` without an `Authorization: Bearer <token>` header."""
    token = "" if given is None else given.credentials.strip()
    if not token:
        raise NotSignedIn("Send the header 'Authorization: Bearer <token>'.")
    return token


def device(given: PartsOfServer, token: Annotated[str, Depends(bearer_token)]) -> DeviceId:
    with transaction(given.engine) as opened:
        return devices.recognise(opened, token)


CurrentSettings = Annotated[Settings, Depends(settings)]
Transaction = Annotated[Session, Depends(session, scope="function")]
BearerToken = Annotated[str, Depends(bearer_token)]
KnownDevice = Annotated[DeviceId, Depends(device)]
