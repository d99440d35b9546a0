"""Channels: which release a phone should run.

Guarantees: a phone decides alone and always alike, from its own id and a signed document. Raising `rollout_percent`
only ever adds phones to a cohort. A phone that follows a pointer can only reach a release that `targets` has signed.
"""

import hashlib
import operator

from pydantic import Field, model_validator

from mobile_models.document import Document

STABLE, BETA = "stable", "beta"


class DownloadConditions(Document):
    """When a phone may download a model."""

    unmetered_only: bool = False
    charging_only: bool = False
    idle_only: bool = Field(default=False, exclude_if=operator.not_, description="while nobody uses the phone")


def _are_none(conditions: object) -> bool:
    return conditions == DownloadConditions()


class Candidate(Document):
    version: int = Field(ge=1)
    rollout_percent: float = Field(ge=0, le=100, description="share of phones, in steps of 0.01")
    salt: str = Field(min_length=1, max_length=64, description="of this rollout, so that not always the same are first")
    conditions: DownloadConditions = DownloadConditions()


class ChannelPointer(Document):
    """`channels/<channel>.json`. Halting a rollout removes the candidate: phones go back to `current`."""

    format_version: int = Field(default=1, ge=1)
    current: int | None = Field(default=None, ge=1, description="release for everyone; null: the bundled one")
    conditions: DownloadConditions = Field(
        default=DownloadConditions(), exclude_if=_are_none, description="for the current release"
    )
    candidate: Candidate | None = None
    return_to_bundled: bool = Field(default=False, description="everyone runs the release that came with the app")

    @model_validator(mode="after")
    def _candidate_is_another_release(self) -> "ChannelPointer":
        if self.candidate is not None and self.candidate.version == self.current:
            raise ValueError("the candidate is the current release already")
        return self

    @property
    def versions(self) -> frozenset[int]:
        """The releases that phones may be sent to."""
        named = (self.current, self.candidate.version if self.candidate else None)
        return frozenset(version for version in named if version is not None)


def target_path(channel: str) -> str:
    return f"channels/{channel}.json"


def in_cohort(device_id: str, salt: str, rollout_percent: float) -> bool:
    """Whether the first 32 bits of SHA-256(device_id:salt), modulo 10,000, are below 100 times the percentage."""
    digest = hashlib.sha256(f"{device_id}:{salt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 10_000 < round(rollout_percent * 100)


def choose(pointer: ChannelPointer, device_id: str) -> int | None:
    """Return the release that this phone should run; None for the one that came with the app."""
    if pointer.return_to_bundled:
        return None
    candidate = pointer.candidate
    if candidate is not None and in_cohort(device_id, candidate.salt, candidate.rollout_percent):
        return candidate.version
    return pointer.current
