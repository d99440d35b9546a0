"""What an update repository should hold: a plain value, computed by whoever publishes.

Guarantees: it says all that phones may be given; what it does not name is taken away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mobile_models.document import Sha256
from mobile_models.updates.staged_targets import StagedSignature
from mobile_models.updates.update_channel import ChannelPointer


@dataclass(frozen=True)
class DesiredRelease:
    """A release that phones may be given."""

    version: int
    manifest: bytes
    """manifest.json to the byte: its digest is what gets signed."""
    read_model: Callable[[], bytes]
    """Called only while the model is not in the repository."""
    staged: bytes | None = None
    """What `Outcome.awaiting` gave for this release the last time."""
    signatures: tuple[StagedSignature, ...] = ()


@dataclass(frozen=True)
class DesiredPatch:
    """A patch between two models that phones may be given (`patches`)."""

    path: str
    """`patches.target_path` of both models."""
    length: int
    sha256: Sha256
    read: Callable[[], bytes]
    """Called only while the patch is not in the repository."""


@dataclass(frozen=True)
class DesiredState:
    releases: tuple[DesiredRelease, ...]
    """All that may be given to phones. Another one that is published leaves `targets` when that is signed next."""
    channels: Mapping[str, ChannelPointer]
    unreadable: frozenset[int] = frozenset()
    """Further ones, whose files cannot be had at the moment: they stay as they are, published or not."""
    patches: tuple[DesiredPatch, ...] = ()
    """All that there should be; another one that is published leaves."""
    guides: Mapping[str, bytes] | None = None
    """City to its guide, all that there should be; None: those that are published stay."""

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(release.version for release in self.releases) | self.unreadable


@dataclass(frozen=True)
class Awaiting:
    """A release that needs more signatures of `targets` than the keys at hand can give."""

    staged: bytes
    missing: int
    signed_by: frozenset[str]
    """Ids of the keys that have signed."""
