"""Devices from which nothing is taken any more.

Guarantees: nobody is told which device is blocked, or whose it is: a block is known by its own number and by the
photo on which it was decided. A device has at most one open block.
"""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import Conflict, Forbidden, NotFound
from backend.tables import DeviceBlock, DeviceId


def check(session: Session, device: DeviceId) -> None:
    """Raise `Forbidden` for a device that is blocked."""
    if _open(session, device) is not None:
        raise Forbidden("The city takes no photos of this device any more.", code="device_blocked")


def block(session: Session, device: DeviceId, reason: str, *, by: str) -> DeviceBlock:
    """Raise `Conflict` if it is blocked already."""
    row = DeviceBlock(device_id=device, reason=reason, blocked_by=by)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("This device is blocked already.", code="blocked_already") from None
    return row


def lift(session: Session, block_id: int) -> DeviceBlock:
    """Lifting one that is lifted changes nothing."""
    row = session.get(DeviceBlock, block_id, with_for_update=True)
    if row is None:
        raise NotFound("There is no such block.")
    row.lifted_at = row.lifted_at or now()
    session.add(row)
    session.flush()
    return row


def newest(session: Session, limit: int = 100) -> Sequence[DeviceBlock]:
    """Those that are open first."""
    order = (col(DeviceBlock.lifted_at).is_not(None), col(DeviceBlock.id).desc())
    return session.exec(select(DeviceBlock).order_by(*order).limit(limit)).all()


def is_blocked(session: Session, device: str | None) -> bool:
    return device is not None and _open(session, DeviceId(device)) is not None


def _open(session: Session, device: DeviceId) -> DeviceBlock | None:
    statement = select(DeviceBlock).where(DeviceBlock.device_id == device, col(DeviceBlock.lifted_at).is_(None))
    return session.exec(statement).one_or_none()
