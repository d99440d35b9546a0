"""A phone without LiteRT, of which a city may have ten thousand.

Guarantees: it verifies, chooses, downloads and refuses with the reference client's own functions, remembers what that
one would, and reports what that one would report. Only the answers of its model, and what happens when the model is
loaded, come from the scenario (`Truth`). A fault of its network ends a visit; nothing that it has is touched.
"""

import json
import shutil
from pathlib import Path

import httpx

from mobile_models import field_report
from mobile_models.document import file_sha256
from mobile_models.field_report import Arm
from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import Offer, RefusalReason, UpdateRefused, UpdateSource
from mobile_models.updates.update_channel import ChannelPointer
from phone.client import Surroundings
from phone.fleet import people, residents
from phone.fleet.networks import BadLine
from phone.fleet.people import Person
from phone.fleet.phone_day import Download, PhoneDay
from phone.fleet.reports import Reports
from phone.fleet.scenarios import Opening
from phone.fleet.shared_looks import Looker, Memory
from phone.fleet.world import World

_NO_END_BYTES = 64 * 1024 * 1024
"""More than any visit needs; a phone that reads so much was sent data without end and has not noticed."""
_REASONS = {
    Opening.BROKEN: RefusalReason.MODEL_BROKEN,
    Opening.SELF_TEST_FAILS: RefusalReason.SELF_TEST_FAILED,
    Opening.CRASHES: RefusalReason.CRASHED,
}


class LightPhone:
    """For one thread at a time."""

    def __init__(self, person: Person, world: World) -> None:
        self.person = person
        self._world = world
        self._bundled = self._previous = self.release = world.bundled.version
        self.ever_ran: set[int] = set()
        """Releases other than the bundled one, those included that ended the app while they were loaded."""
        self._memory = Memory()
        self._pointer: tuple[int, ChannelPointer] | None = None
        """The channel's pointer, and the day on which it was verified."""
        self._does_not_open: dict[int, RefusalReason] = {}
        self._reports = Reports(person)

    def live(self, day: int) -> PhoneDay:
        """Live one day: look for updates where there is a network, and answer what the resident photographs."""
        lived, dice = PhoneDay(self.release), people.chance(self._world.seed, self.person.number, day)
        if self.person.is_online(day):
            line = BadLine(self._world.way_of(self.person), self.person.network, dice, lived.traffic)
            around = Surroundings(is_unmetered=dice.random() < self.person.network.unmetered_fraction)
            with httpx.Client(base_url=self._world.server_url, transport=line, trust_env=False) as http:
                self._visit(line, http, day, around, lived)
        photos = residents.photos(dice, self.person.habit.photos_per_day)
        lived.release, lived.arm = self.release, self._arm(day, self.release)
        lived.use = residents.live(dice, photos, self._world.truths[self.release].accuracy)
        self._reports.write(self._world, day, lived)
        return lived

    def _visit(self, line: BadLine, http: httpx.Client, day: int, around: Surroundings, lived: PhoneDay) -> None:
        lived.is_online = True
        self._reports.send(http, lived)
        offer: Offer | None = None
        try:
            offer = self._look(line, day, lived)
            self._follow(http, offer, around, lived)
        except UpdateRefused as refused:
            lived.refused = refused.reason
            if offer is not None:
                lived.refused_version = offer.manifest.version
                lived.refused_arm = self._arm(day, lived.refused_version)
        if lived.traffic.received_bytes > _NO_END_BYTES:
            lived.breach = "read data without end"

    def _look(self, line: BadLine, day: int, lived: PhoneDay) -> Offer | None:
        world = self._world
        models = tuple(sorted({world.models[version] for version in self._at_hand}))
        looker = Looker(self._memory, self.person.device_id, world.clock_of(self.person), models)
        look = world.looks.look if self.person.mischief is None else world.looks.look_alone
        looked = look(line, looker)
        if self.person.mischief is not None and _age(looked.memory) < _age(self._memory):
            lived.breach = "went back to older metadata"
        self._memory = looked.memory
        if looked.refused is not None:
            raise looked.refused
        self._pointer = None if looked.memory.pointer is None else (day, looked.memory.pointer)
        return looked.offer

    def _follow(self, http: httpx.Client, offer: Offer | None, around: Surroundings, lived: PhoneDay) -> None:
        """Do what the offer says, as `phone.client` does."""
        version = self._bundled if offer is None else offer.manifest.version
        if version == self.release:
            return
        if offer is not None and version not in self._at_hand:
            self._check_fits(offer)
            if not around.allow(offer.conditions):
                lived.postponed = True
                return
            self._download(http, offer, lived)
        self._open(version, lived)

    def _check_fits(self, offer: Offer) -> None:
        reason = self._does_not_open.get(offer.manifest.version)
        if reason is not None:
            raise UpdateRefused(reason, "it did not open on this phone before")
        runtime, app = self.person.model.runtime_version, self.person.app_version
        updater.check_fits(offer, self._world.bundled, runtime_version=runtime, app_version=app)

    def _download(self, http: httpx.Client, offer: Offer, lived: PhoneDay) -> None:
        world, version, before = self._world, offer.manifest.version, lived.traffic.received_bytes
        folder = world.scratch / f"phone-{self.person.number}"
        source = UpdateSource(f"{world.server_url}/updates", world.trusted_root, folder, http)
        at_hand = {world.models[each]: world.model_files / world.models[each] for each in self._at_hand}
        got = updater.download_model(source, offer, folder, at_hand)
        if self.person.mischief is not None and file_sha256(got.path) != world.models[version]:
            lived.breach = f"took a model that the city never published as release {version}"
        moved = lived.traffic.received_bytes - before
        by_patch = bool(offer.patches) and got.patch_problem is None and moved < offer.model.length
        lived.download = Download(version, moved, offer.model.length, by_patch)
        _share(got.path, world.model_files / world.models[version])
        shutil.rmtree(folder)

    def _open(self, version: int, lived: PhoneDay) -> None:
        """Load the release, or meet what the scenario has in store for this phone and stay with the one before."""
        opening = self._world.truths[version].opening(self.person.model)
        lived.crashed = opening is Opening.CRASHES
        if opening in (Opening.OPENS, Opening.CRASHES) and version != self._bundled:
            self.ever_ran.add(version)
        if opening is not Opening.OPENS:
            self._does_not_open[version] = _REASONS[opening]
            raise UpdateRefused(_REASONS[opening], f"release {version} on {self.person.model.name}")
        self._previous, self.release = self.release, version
        lived.installed = version

    @property
    def _at_hand(self) -> set[int]:
        return {self._bundled, self._previous, self.release}

    def _arm(self, day: int, version: int) -> Arm:
        """A pointer counts on the day on which it was verified and on the next one."""
        pointer = self._pointer[1] if self._pointer is not None and day - self._pointer[0] <= 1 else None
        return field_report.arm_of(pointer, self.person.device_id, version, self._bundled)


def _share(path: Path, shared: Path) -> None:
    """Keep one copy of a verified model for all phones that have it."""
    if shared.exists():
        path.unlink()
    else:
        path.replace(shared)


def _age(memory: Memory) -> int:
    """Return the version of the timestamp that is remembered; 0 where there is none."""
    content = dict(memory.files).get("metadata/timestamp.json")
    return 0 if content is None else int(json.loads(content)["signed"]["version"])
