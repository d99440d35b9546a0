"""The time that a phone judges expiry by, although its clock may be wrong.

Guarantees: `now` is never before a moment that is known to have passed: the making of the app, the newest signed
release, the newest time at which all metadata was still good. A clock that was set back, or lost its battery, brings no
expired metadata back to life that this phone once saw expire. What is remembered always lies before the expiry of the
timestamp that proved it, so that a clock which was ahead for a while locks no phone out for longer than that; and it
ends with the root keys it was proven by, as TUF's other memories do (specification 1.0.31, 5.3.11).

The server's `Date` is signed by nobody: it decides nothing here, and only helps to say what is wrong.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from mobile_models import durable_file
from mobile_models.document import Document

Clock = Callable[[], datetime]
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NOTICEABLE = timedelta(hours=1)


class _Known(Document):
    """`known_time.json`"""

    moment: AwareDatetime
    root_version: int


def system_clock() -> datetime:
    return datetime.now(UTC)


class KnownTime:
    """Remembered in the file `path`; `not_before` came with the app."""

    def __init__(self, path: Path, clock: Clock = system_clock, not_before: datetime = LONG_AGO) -> None:
        self._path = path
        self._clock = clock
        self._not_before = not_before

    def now(self, root_version: int = 0) -> datetime:
        """Return the time to judge by; what an older root than `root_version` has proven does not count."""
        known = self._known()
        remembered = known.moment if known is not None and known.root_version >= root_version else LONG_AGO
        return max(self._clock(), remembered, self._not_before)

    def learn(self, moment: datetime, *, root_version: int, expires: datetime) -> None:
        """Remember that `moment` has passed, proven by a timestamp that holds until `expires`.

        Whole hours are enough, and wear the phone's storage less.
        """
        known, hour = self._known(), moment.replace(minute=0, second=0, microsecond=0)
        is_newer = known is None or known.root_version < root_version or known.moment < hour
        if moment < expires and is_newer:
            durable_file.write(self._path, _Known(moment=hour, root_version=root_version).to_bytes())

    def explain(self, server_date: datetime | None) -> str:
        """Return what to tell a person about the clock where metadata looks expired; empty if it looks right."""
        clock = self._clock()
        if server_date is None or abs(clock - server_date) < _NOTICEABLE:
            return ""
        return (
            f"; this phone's clock says {clock:%Y-%m-%d %H:%M} UTC and the server's {server_date:%Y-%m-%d %H:%M}: "
            "set the clock if it is the wrong one"
        )

    def _known(self) -> _Known | None:
        """A file that cannot be read is as good as none: it only ever made this phone stricter."""
        try:
            return _Known.read(self._path)
        except (FileNotFoundError, ValidationError):
            return None
