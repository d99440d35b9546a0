"""What one phone did on one day of the city, for the diary."""

from dataclasses import dataclass, field

from mobile_models.field_report import Arm
from mobile_models.updates.following.updater import RefusalReason
from phone.fleet.networks import Traffic
from phone.fleet.residents import Day


@dataclass(frozen=True)
class Download:
    """A model that came whole or as a patch. `whole_bytes` is what it would have cost without patches."""

    version: int
    moved_bytes: int
    whole_bytes: int
    by_patch: bool


@dataclass
class PhoneDay:
    """`release` is the one that answers at the end of the day."""

    release: int
    is_online: bool = False
    arm: Arm = Arm.UNSEEN
    use: Day = field(default_factory=Day)
    traffic: Traffic = field(default_factory=Traffic)
    refused: RefusalReason | None = None
    refused_version: int | None = None
    """None where it was refused before a release was known."""
    refused_arm: Arm = Arm.UNSEEN
    installed: int | None = None
    crashed: bool = False
    postponed: bool = False
    download: Download | None = None
    reports_sent: int = 0
    reports_refused: int = 0
    breach: str | None = None
    """How this phone was harmed by somebody on the way; nobody may ever be."""
