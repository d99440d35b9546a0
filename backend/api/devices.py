"""`POST /v1/devices`: a phone registers itself, without any personal data."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from backend import devices
from backend.api.dependencies import PartsOfServer, Transaction

router = APIRouter(prefix="/v1/devices", tags=["phones"])


class Registered(BaseModel):
    device_id: str
    token: str
    """Told this once. Send it as `Authorization: Bearer <token>`."""


@router.post("", status_code=201)
def register(request: Request, parts: PartsOfServer, session: Transaction) -> Registered:
    """Register this phone. The token is told once and stored nowhere in the clear."""
    parts.registrations.check(request.client.host if request.client else "")
    registration = devices.register(session)
    return Registered(device_id=registration.device_id, token=registration.token)
