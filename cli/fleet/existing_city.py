"""A fleet that follows a city which exists: it looks, downloads and verifies, and changes nothing there.

Guarantees: these phones do not register and send no reports, so that nobody's rollout is judged by invented residents.
What the city has published is learnt by an observer whose way to the server is the straight one; phones behind mirrors
are held against that.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from cli.fleet import worlds
from cli.fleet.play import APP_VERSION, Played, Wanted
from cli.fleet.worlds import Source
from mobile_models.document import Sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates import staged_targets
from mobile_models.updates.following.updater import UpdateRefused
from phone.fleet import life, people, scenarios
from phone.fleet.diary import CityDay, RolloutNow
from phone.fleet.light_phone import LightPhone
from phone.fleet.outcome import Outcome
from phone.fleet.scenarios import Truth
from phone.fleet.shared_looks import Looker, Memory, SharedLooks

_OBSERVER = "observer"
_DAY = timedelta(days=1)


class CannotBeFollowed(Exception):
    """The server does not give signed updates under this root; the message says what it gives."""


class Published(dict[int, Sha256]):
    """Digest of each model that the city has signed; looks again for a version that it does not know."""

    def __init__(self, looks: SharedLooks, bundled: ReleaseManifest) -> None:
        super().__init__({bundled.version: bundled.model.sha256})
        self._looks = looks
        self._memory = Memory()

    def __missing__(self, version: int) -> Sha256:
        self.look()
        return dict(self)[version]

    def look(self) -> None:
        """Raise `CannotBeFollowed`."""
        with httpx.HTTPTransport() as way:
            looked = self._looks.look_alone(way, Looker(self._memory, _OBSERVER, datetime.now(UTC), ()))
        if isinstance(looked.refused, UpdateRefused):
            raise CannotBeFollowed(f"The city cannot be followed: {looked.refused}")
        self._memory = looked.memory
        self.update(_models(looked.memory))


class Truths(dict[int, Truth]):
    """Nobody knows how good the releases of a real city are; all are taken for alike."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, version: int) -> Truth:
        return self.setdefault(version, scenarios.bundled_truth(version, self._labels))


class Watcher:
    """Stands in for the office: looks what is published, and decides nothing."""

    def __init__(self, published: Published) -> None:
        self._published = published

    def begin(self, _: int) -> None:
        self._published.look()

    def end(self, _: int) -> RolloutNow | None:
        return None


def follow(wanted: Wanted, source: Source, each: Callable[[CityDay], None]) -> Played:
    """Let the fleet follow the city at `source`; raise `CannotBeFollowed`."""
    scratch = wanted.directory / "observer"
    scratch.mkdir(parents=True)
    bundled = ReleaseManifest.read(source.bundled / "manifest.json")
    observer = SharedLooks(f"{source.url}/updates", source.root, "stable", scratch)
    published = Published(observer, bundled)
    with worlds.world(
        wanted.directory,
        source,
        truths=Truths(bundled.label_set.ids),
        models=published,
        seed=wanted.seed,
        first_day=datetime.now(UTC).date() - wanted.days * _DAY,
        sends_reports=False,
    ) as world:
        phones = [LightPhone(person, world) for person in people.people(wanted.phones, wanted.seed, APP_VERSION)]
        diary = life.live(world, phones, Watcher(published), wanted.days, each)
    newest = max(published)
    outcome = Outcome(
        scenario=wanted.scenario,
        phones=len(phones),
        days=wanted.days,
        candidate=newest,
        ever_ran=sum(newest in phone.ever_ran for phone in phones),
        run_at_the_end=sum(phone.release == newest for phone in phones),
        would_have_run=0,
        stopped_on_day=None,
        reason="",
        breaches=tuple(diary.breaches),
        tricked_phones=sum(phone.person.mischief is not None for phone in phones),
    )
    return Played(wanted, diary, outcome, bundled.version, world.looks.looks, world.looks.verified)


def read_root(path: Path) -> bytes:
    """Raise `CannotBeFollowed` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotBeFollowed(f"{path} cannot be read: {error.strerror}") from error


def _models(memory: Memory) -> dict[int, Sha256]:
    """Read the models that the verified `targets` metadata names."""
    targets = json.loads(dict(memory.files)["metadata/targets.json"])["signed"]["targets"]
    versions = (int(path.split("/")[1]) for path in targets if path.startswith("models/"))
    return {version: Sha256(targets[staged_targets.model_path(version)]["hashes"]["sha256"]) for version in versions}
