"""JSON documents of the published format.

Guarantees: every document is immutable, refuses unknown fields, and has exactly one byte form
(sorted keys, no spaces, UTF-8, one newline at the end), so that equal documents have equal digests. A field that joined
the format later is left out of the bytes while it is unset (`Field(default=None, exclude_if=is_unset)`): documents that
were written before keep their digests, and readers from before read all that do not need the field.
"""

import hashlib
import json
from pathlib import Path
from typing import NewType, Self

from pydantic import BaseModel, ConfigDict

Sha256 = NewType("Sha256", str)
"""A SHA-256 digest as 64 lower-case hexadecimal digits."""


def sha256(content: bytes) -> Sha256:
    return Sha256(hashlib.sha256(content).hexdigest())


def file_sha256(path: Path) -> Sha256:
    with path.open("rb") as file:
        return Sha256(hashlib.file_digest(file, "sha256").hexdigest())


def is_unset(value: object) -> bool:
    return value is None


class Document(BaseModel):
    """Base of every published JSON document."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def to_bytes(self) -> bytes:
        content = self.model_dump(mode="json")
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"

    @property
    def digest(self) -> Sha256:
        return sha256(self.to_bytes())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raise `OSError` if the file cannot be read and `ValueError` if it is not such a document."""
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Replace `path` whole: a reader sees the old document or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(self.to_bytes())
        partial.replace(path)
