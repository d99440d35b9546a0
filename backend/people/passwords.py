"""Passwords: hashing and looking at them.

Guarantees: what is stored is an Argon2 hash. A password that is looked at takes 64 MiB for as long, so that only two
are at once, whoever asks: guesses cannot fill memory.
"""

import secrets
import threading
from functools import cache

from pwdlib import PasswordHash

from backend.errors import DomainError

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 200
NONE = "!"
"""In the place of a hash: no password fits, since no hash has this form."""

_hasher = PasswordHash.recommended()
_hashing = threading.BoundedSemaphore(2)


@cache
def nobodys_hash() -> str:
    """To be looked at where a name is unknown, so that the answer takes as long."""
    return _hasher.hash(secrets.token_urlsafe(16))


def check(password: str) -> None:
    """Raise `DomainError` unless it may be somebody's password."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise DomainError(f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters.", code="bad_password")


def hashed(password: str) -> str:
    """Slow on purpose, as `fits`: call them outside of any transaction where you can."""
    check(password)
    with _hashing:
        return _hasher.hash(password)


def fits(password: str, stored: str) -> bool:
    if len(password) > MAXIMUM_LENGTH:
        return False
    with _hashing:
        return _hasher.verify(password, nobodys_hash() if stored == NONE else stored) and stored != NONE
