"""Crashes while a model is loaded or gives its first answer.

Guarantees: if the process dies within `watching`, however it dies, the next start finds out which release it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from mobile_models import durable_file
from mobile_models.document import Document, Sha256


class Attempt(Document):
    """`loading.json`, there only while a model is tried."""

    version: int
    manifest: Sha256 | None
    """Its digest; null for the bundled release."""


class LoadWatch:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def watching(self, attempt: Attempt) -> Iterator[None]:
        """What ends with an exception has not crashed."""
        with suppress(OSError):  # A full disk must not keep the phone from answering.
            durable_file.write(self._path, attempt.to_bytes())
        try:
            yield
        finally:
            self.clear()

    def left_over(self) -> Attempt | None:
        """Return what the process before this one died of."""
        try:
            return Attempt.read(self._path)
        except (FileNotFoundError, ValidationError):
            return None

    def clear(self) -> None:
        durable_file.remove(self._path)
