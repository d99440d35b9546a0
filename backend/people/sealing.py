"""What is stored or sent sealed: only who has the key of this installation reads or changes it.

Guarantees: authenticated encryption (Fernet: AES-128-CBC and HMAC-SHA-256), under keys that are derived for each
purpose from `settings.secret_key`. Without that setting the key is made once, in a file that only this user reads, and
kept there: several servers on one folder agree on it.
"""

import base64
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.settings import Settings


class Unreadable(ValueError):
    """It was sealed with another key, for another purpose, too long ago, or is no seal at all."""


class Seal:
    """Seals for one purpose: what is sealed for one is unreadable for every other."""

    def __init__(self, key: str, purpose: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"wastelens {purpose}".encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))

    def close(self, content: str) -> str:
        return self._fernet.encrypt(content.encode()).decode()

    def open(self, sealed: str, seconds: int | None = None) -> str:
        """Raise `Unreadable` for what is not from `close` of this key and purpose, or older than `seconds`."""
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=seconds).decode()
        except InvalidToken:
            raise Unreadable("this was not sealed here, or too long ago") from None


def seal(settings: Settings, purpose: str) -> Seal:
    return Seal(key_of(settings), purpose)


def key_of(settings: Settings) -> str:
    """Return the key of this installation; make it at the first time, if it is not set."""
    return settings.secret_key or _kept(settings.data_dir.resolve() / "secret.key")


def _kept(file: Path) -> str:
    if not file.exists():
        _make(file)
    return file.read_text().strip()


def _make(file: Path) -> None:
    """Of any number of processes that make it at once, the first one wins, and nobody reads half a key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, whole = tempfile.mkstemp(dir=file.parent)  # Readable for this user alone.
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_urlsafe(48))
    try:
        os.link(whole, file)
    except FileExistsError:
        pass
    finally:
        Path(whole).unlink()
