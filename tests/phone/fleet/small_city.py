"""A small city: tiny releases on a static server, and light phones that follow them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from obstore.store import LocalStore

from mobile_models.document import Sha256, sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import DesiredState
from phone.fleet import mirrors, scenarios
from phone.fleet.light_phone import LightPhone
from phone.fleet.people import HABITS, MODELS, Mischief, Network, Person
from phone.fleet.scenarios import Scenario, Truth
from phone.fleet.shared_looks import SharedLooks
from phone.fleet.straight_way import StraightWay
from phone.fleet.world import World
from tests import updates
from tests.updates import StaticServer

PERFECT = Network("perfect", 1.0, 0.0, 0.0, 0.0, 1.0)
VERSIONS = (1, 2, 3)
FIRST_DAY = date(2026, 11, 1)


def person(number: int = 0, **changes: object) -> Person:
    someone = Person(
        number=number,
        device_id=f"phone-{number}",
        model=MODELS[0],
        network=PERFECT,
        habit=HABITS[0],
        clock_error=timedelta(0),
        app_version="0.1",
        mischief=None,
    )
    return replace(someone, **changes)  # type: ignore[arg-type]


class SmallCity:
    """Release 1 is bundled; `publish` says what the channel gives."""

    def __init__(self, folder: Path, keys: KeyRing, server: StaticServer, way: httpx.BaseTransport) -> None:
        self.server, self._keys = server, keys
        self._store = LocalStore(prefix=str(server.folder / "updates"), mkdir=True)
        repository.create(self._store, keys)
        for name in ("looks", "phones", "models"):
            (folder / name).mkdir()
        self.world = World(
            server_url=server.url,
            way=way,
            mirrors=mirrors.mirrors(way),
            looks=SharedLooks(f"{server.url}/updates", keys.trusted_root, "stable", folder / "looks"),
            truths={version: scenarios.bundled_truth(version, ("glass", "paper")) for version in VERSIONS},
            models={version: sha256(updates.files(version)[1]) for version in VERSIONS},
            bundled=ReleaseManifest.model_validate_json(updates.files(1)[0]),
            model_files=folder / "models",
            scratch=folder / "phones",
            trusted_root=keys.trusted_root,
            seed=1,
            first_day=FIRST_DAY,
            clock=datetime.now(UTC),
        )
        model = updates.files(1)[1]
        (folder / "models" / sha256(model)).write_bytes(model)

    def publish(self, desired: DesiredState) -> None:
        repository.reconcile(self._store, self._keys, desired)

    def has(self, version: int, model: bytes) -> None:
        """Say that this is the model of the release."""
        models: dict[int, Sha256] = self.world.models  # type: ignore[assignment]
        models[version] = sha256(model)

    def suffers(self, scenario: Scenario) -> None:
        """Make release 2 what the scenario says."""
        truths: dict[int, Truth] = self.world.truths  # type: ignore[assignment]  # It is a dict; only we know.
        truths[2] = scenarios.candidate_truth(2, ("glass", "paper"), scenario)

    def phone(self, number: int = 0, **changes: object) -> LightPhone:
        return LightPhone(person(number, **changes), self.world)

    def behind(self, mischief: Mischief, day: int) -> None:
        self.world.mirrors[mischief].day = day


@contextmanager
def small_city(folder: Path, keys: KeyRing) -> Iterator[SmallCity]:
    with updates.serving(folder / "web") as server, StraightWay("127.0.0.1", server.server_port) as way:
        yield SmallCity(folder, keys, server, way)
