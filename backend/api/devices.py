"""`/v1/devices`: a phone registers itself without any personal data, is told what is kept of it, and is forgotten."""

from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from backend import devices
from backend.api.dependencies import KnownDevice, PartsOfServer, Transaction, transaction_of
from backend.intake import own_data
from backend.intake.own_data import DeviceExport

router = APIRouter(prefix="/v1/devices", tags=["phones"])


class Registered(BaseModel):
    device_id: str
    token: str
    """Told this once. Send it as `Authorization: Bearer <token>`."""


class Forgotten(BaseModel):
    withdrawn: int
    """Photos that this call withdrew."""


@router.post("", status_code=201)
def register(request: Request, parts: PartsOfServer, session: Transaction) -> Registered:
    """Register this phone. The token is told once and stored nowhere in the clear."""
    parts.registrations.check(request.client.host if request.client else "")
    registration = devices.register(session)
    return Registered(device_id=registration.device_id, token=registration.token)


@router.get("/me/export")
def export(device: KnownDevice, session: Transaction, response: Response) -> DeviceExport:
    """All that the server holds of this phone; the photos themselves are at `/v1/submissions/{photo_id}/photo`."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = 'attachment; filename="wastelens.json"'
    return own_data.export(session, device)


@router.delete("/me")
def forget(device: KnownDevice, parts: PartsOfServer) -> Forgotten:
    """Withdraw every photo of this phone and forget the phone: its token is good for nothing afterwards.

    Where this is interrupted, asking again goes on with the rest.
    """
    return Forgotten(withdrawn=own_data.forget(partial(transaction_of, parts), parts.storage, device))
