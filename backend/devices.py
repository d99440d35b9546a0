"""Devices: phones that are known by a random id and nothing else.

Guarantees: a token is 256 random bits, is told once, and only its digest is kept, so that a copy of the database
lets nobody in. Nothing personal is asked or stored.
"""

import secrets
from dataclasses import dataclass

from sqlmodel import Session, select

from backend.errors import NotSignedIn
from backend.tables import Device, DeviceId
from mobile_models.document import Sha256, sha256

_TOKEN_BYTES = 32


@dataclass(frozen=True)
class Registration:
    device_id: DeviceId
    token: str


def token_digest(token: str) -> Sha256:
    """A plain digest is enough: nobody guesses 256 random bits, however fast the hash."""
    return sha256(token.encode())


def register(session: Session) -> Registration:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = Device(token_sha256=token_digest(token))
    session.add(row)
    session.flush()
    return Registration(DeviceId(row.id), token)


def recognise(session: Session, token: str) -> DeviceId:
    """Raise `NotSignedIn` for a token that was never given out."""
    found = session.exec(select(Device.id).where(Device.token_sha256 == token_digest(token))).one_or_none()
    if found is None:
        raise NotSignedIn("This device is not known here. Register it again with POST /v1/devices.")
    return DeviceId(found)


def check_known(session: Session, device: DeviceId) -> None:
    """Raise `NotSignedIn` for a device that was forgotten since it was recognised."""
    if session.exec(select(Device.id).where(Device.id == device)).one_or_none() is None:
        raise NotSignedIn("This device is not known here any more. Register it again with POST /v1/devices.")
