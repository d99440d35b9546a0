"""The second factor: a code of an authenticator app (TOTP, RFC 6238), or a backup code in its place.

Guarantees: the secret is stored sealed, and told only while it is set up. A code is taken once: neither it nor an
older one is taken again, also where two use it at the same moment. Backup codes are told once, kept as digests (80
random bits each), and each works once. How often one may try is counted by `sign_ins`.
"""

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import delete, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.database import now
from backend.errors import Conflict, DomainError, NotFound, Unavailable
from backend.people import sealing
from backend.people.sealing import Seal
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import StaffBackupCode, StaffCode
from mobile_models.document import Sha256, sha256

BACKUP_CODES = 10
ISSUER = "Wastelens"
WRONG_CODE = "wrong_code"
_SECONDS = 30
_TOLERATED_STEPS = 1
"""A clock may be off by half a minute (RFC 6238, 5.2)."""
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 of them, without those that look alike: five bits each."""
_BACKUP_LENGTH = 16


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs, by hand or as a QR code."""

    secret: str
    address: str
    """`otpauth://totp/...`"""

    @property
    def grouped(self) -> str:
        """The secret as people type it."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


def seal(settings: Settings) -> Seal:
    return sealing.seal(settings, "second factor")


def is_set(session: Session, staff_id: int) -> bool:
    found = session.get(StaffCode, staff_id)
    return found is not None and found.confirmed_at is not None


def begin(session: Session, sealed_with: Seal, staff_id: int) -> None:
    """Make the secret that an app is to take; the same until it is confirmed."""
    row = session.get(StaffCode, staff_id, with_for_update=True)
    if row is not None and row.confirmed_at is not None:
        raise Conflict("There is a second factor already. Remove it first.", code="second_factor_set")
    if row is None:
        made = StaffCode(staff_id=staff_id, sealed_secret=sealed_with.close(pyotp.random_base32()))
        with suppress(IntegrityError), session.begin_nested():  # Who began a moment ago has made it.
            session.add(made)


def pending(session: Session, sealed_with: Seal, staff_id: int, name: str) -> Enrolment:
    """Return what to enrol, after `begin` and before `confirm`; raise `NotFound` at any other time."""
    row = session.get(StaffCode, staff_id)
    if row is None or row.confirmed_at is not None:
        raise NotFound("There is nothing to set up.")
    secret = _opened(sealed_with, row)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm(session: Session, sealed_with: Seal, staff_id: int, code: str, *, by: str) -> list[str]:
    """Take the first code of the app, and return new backup codes. From now on it is asked for."""
    row = session.get(StaffCode, staff_id, with_for_update=True)
    if row is None or row.confirmed_at is not None or not _take_code(session, sealed_with, row, code):
        raise wrong_code()
    row.confirmed_at = now()
    session.add(row)
    session.flush()
    audit_log.record(session, by, "staff.second_factor_set", f"staff/{staff_id}")
    return _new_backup_codes(session, staff_id)


def check(session: Session, sealed_with: Seal, staff_id: int, code: str, *, by: str) -> None:
    """Raise `DomainError` unless this is a code of now that was not used before, or an unused backup code."""
    row = session.get(StaffCode, staff_id)
    if row is None or row.confirmed_at is None:
        raise wrong_code()
    if _take_code(session, sealed_with, row, code):
        return
    if not _take_backup_code(session, staff_id, code):
        raise wrong_code()
    audit_log.record(
        session, by, "staff.backup_code_used", f"staff/{staff_id}", left=backup_codes_left(session, staff_id)
    )


def renew_backup_codes(session: Session, staff_id: int, *, by: str) -> list[str]:
    """Return new backup codes; those of before work no more."""
    if not is_set(session, staff_id):
        raise Conflict("There is no second factor.", code="no_second_factor")
    audit_log.record(session, by, "staff.backup_codes_renewed", f"staff/{staff_id}")
    return _new_backup_codes(session, staff_id)


def remove(session: Session, staff_id: int, *, by: str) -> None:
    session.connection().execute(delete(StaffBackupCode).where(col(StaffBackupCode.staff_id) == staff_id))
    session.connection().execute(delete(StaffCode).where(col(StaffCode.staff_id) == staff_id))
    session.expire_all()
    audit_log.record(session, by, "staff.second_factor_removed", f"staff/{staff_id}")


def backup_codes_left(session: Session, staff_id: int) -> int:
    return session.exec(select(func.count()).where(StaffBackupCode.staff_id == staff_id)).one()


def wrong_code() -> DomainError:
    return DomainError("This code does not fit, or it was used already.", code=WRONG_CODE)


def _take_code(session: Session, sealed_with: Seal, row: StaffCode, code: str) -> bool:
    """Compare-and-set of the newest step, so that of two who bring one code only one is let in."""
    step = _step_of(_opened(sealed_with, row), re.sub(r"\s", "", code), now())
    if step is None:
        return False
    newer = update(StaffCode).where(col(StaffCode.staff_id) == row.staff_id, col(StaffCode.last_step) < step)
    taken = session.connection().execute(newer.values(last_step=step)).rowcount == 1
    session.refresh(row)
    return taken


def _opened(sealed_with: Seal, row: StaffCode) -> str:
    try:
        return sealed_with.open(row.sealed_secret)
    except sealing.Unreadable:
        raise Unavailable("The key of this installation has changed. Have your second factor reset.") from None


def _step_of(secret: str, code: str, moment: datetime) -> int | None:
    """Return the step of time whose code this is, of those that are tolerated."""
    app, step = pyotp.TOTP(secret, interval=_SECONDS), int(moment.timestamp()) // _SECONDS
    for near in range(step - _TOLERATED_STEPS, step + _TOLERATED_STEPS + 1):
        if secrets.compare_digest(app.generate_otp(near).encode(), code.encode()):
            return near
    return None


def _new_backup_codes(session: Session, staff_id: int) -> list[str]:
    session.connection().execute(delete(StaffBackupCode).where(col(StaffBackupCode.staff_id) == staff_id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_BACKUP_LENGTH)) for _ in range(BACKUP_CODES)]
    session.add_all(StaffBackupCode(staff_id=staff_id, code_sha256=_digest(code)) for code in codes)
    session.flush()
    return ["-".join(code[at : at + 4] for at in range(0, _BACKUP_LENGTH, 4)) for code in codes]


def _take_backup_code(session: Session, staff_id: int, code: str) -> bool:
    plain = re.sub(r"[\s-]", "", code).lower()
    which = delete(StaffBackupCode).where(
        col(StaffBackupCode.staff_id) == staff_id, col(StaffBackupCode.code_sha256) == _digest(plain)
    )
    return session.connection().execute(which).rowcount == 1


def _digest(code: str) -> Sha256:
    return sha256(code.encode())
