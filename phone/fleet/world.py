"""What all phones of a simulated city share: the way to the server, its mirrors, and what is true of the releases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from mobile_models.document import Sha256
from mobile_models.manifest import ReleaseManifest
from phone.fleet.mirrors import Mirror
from phone.fleet.people import Mischief, Person
from phone.fleet.scenarios import Truth
from phone.fleet.shared_looks import SharedLooks


@dataclass(frozen=True)
class World:
    server_url: str
    way: httpx.BaseTransport
    """To the server, for everybody; kept open."""
    mirrors: Mapping[Mischief, Mirror]
    looks: SharedLooks
    truths: Mapping[int, Truth]
    models: Mapping[int, Sha256]
    """Digest of the model that the city really published under each version."""
    bundled: ReleaseManifest
    model_files: Path
    """Models by digest; phones that have the same one share the file."""
    scratch: Path
    trusted_root: bytes
    seed: int
    first_day: date
    clock: datetime
    """What time it is on every phone whose clock is right. It stands still: signatures are made while the city lives,
    which takes minutes, and hold for days; the days of the city are only in the reports and in the residents' lives."""
    sends_reports: bool = True

    def date_of(self, day: int) -> date:
        return self.first_day + timedelta(days=day)

    def way_of(self, person: Person) -> httpx.BaseTransport:
        return self.way if person.mischief is None else self.mirrors[person.mischief]

    def clock_of(self, person: Person) -> datetime:
        """Behind a mirror that has frozen the city's metadata, time passes all the same."""
        frozen = timedelta(0) if person.mischief is None else self.mirrors[person.mischief].frozen
        return self.clock + person.clock_error + frozen

    def phone_date_of(self, person: Person, day: int) -> date:
        """Return what the phone takes for the UTC day, at noon."""
        noon = datetime.combine(self.date_of(day), datetime.min.time(), UTC) + timedelta(hours=12)
        return (noon + person.clock_error).date()
