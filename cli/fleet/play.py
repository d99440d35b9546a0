"""One run of the fleet: found the city, let it live, judge what became of the candidate."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from backend.settings import PREFIX
from cli.demo.city import City
from cli.fleet import made_releases, scratch_city, things, worlds
from cli.fleet.scratch_city import Candidate, ScratchOffice
from cli.fleet.worlds import Source
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.keys import signing_keys
from phone.fleet import life, outcome, people, scenarios
from phone.fleet.diary import CityDay, Diary
from phone.fleet.full_phone import FullPhone, photos
from phone.fleet.light_phone import LightPhone
from phone.fleet.outcome import Outcome, Plan, Step
from phone.fleet.scenarios import Scenario
from phone.fleet.world import World

PUBLISHED_ON_DAY = 2
"""The days before show how it was."""
_CITY_PLAN = ((5.0, 24.0), (25.0, 24.0), (50.0, 24.0), (100.0, 0.0))
_TOWN_PLAN = ((50.0, 48.0), (100.0, 0.0))
"""Where the first step of the city's plan would be a handful of phones, nobody would ever know enough."""
TOWN_PHONES = 1000
APP_VERSION = "0.1"


@dataclass(frozen=True)
class Wanted:
    """What is to be simulated."""

    scenario: Scenario
    phones: int
    full_phones: int
    days: int
    seed: int
    directory: Path
    bundled: Path
    worse_accuracy: float = scenarios.WORSE
    """Share of right answers of the candidate of scenario `worse`."""

    @property
    def candidate(self) -> int:
        """Version of the release that is published."""
        return ReleaseManifest.read(self.bundled / "manifest.json").version + 1

    @property
    def plan(self) -> tuple[tuple[float, float], ...]:
        return _CITY_PLAN if self.phones >= TOWN_PHONES else _TOWN_PLAN

    @property
    def settings(self) -> dict[str, str]:
        """What this city sets otherwise than others do: nothing about how releases are judged, but in a small town."""
        chosen = {
            "EVIDENCE_BLOCK_SECONDS": str(24 * 3600),
            "REGISTRATIONS_PER_ADDRESS_PER_HOUR": "10000000",
            "FIELD_REPORTS_PER_DEVICE_PER_HOUR": "1000",
        }
        if self.phones < TOWN_PHONES:
            chosen["WIDEN_ANSWERS_NEEDED"] = str(max(20, self.phones // 2))
        return {PREFIX + name: value for name, value in chosen.items()}


@dataclass(frozen=True)
class Played:
    wanted: Wanted
    diary: Diary
    outcome: Outcome
    bundled_version: int
    looks: int
    verified: int


def play(wanted: Wanted, each: Callable[[CityDay], None]) -> Played:
    """Play the scenario in a city of its own; raise `CityFailed` or `DemoFailed` where the city breaks down."""
    first_day = datetime.now(UTC).date() - timedelta(days=wanted.days)
    wanted.directory.mkdir(parents=True, exist_ok=True)
    born = datetime.combine(first_day, datetime.min.time(), UTC) - timedelta(days=1)
    bundled = made_releases.bundled(wanted.bundled, wanted.directory / "bundled", born)
    made = made_releases.make(bundled, wanted.directory / "candidate", wanted.candidate, wanted.scenario)
    candidate = Candidate(made, wanted.candidate, PUBLISHED_ON_DAY, wanted.plan, salt=f"fleet-{wanted.seed}")
    with scratch_city.running(wanted.directory / "city", bundled, wanted.settings) as (city, place):
        office = ScratchOffice(city, place, candidate, first_day)
        office.settle()
        with _world(wanted, city, bundled, candidate, first_day) as world, _phones(wanted, world, bundled) as phones:
            diary = life.live(world, phones, office, wanted.days, each)
            return _played(wanted, candidate, world, phones, diary)


@contextmanager
def _world(wanted: Wanted, city: City, bundled: Path, candidate: Candidate, first_day: date) -> Iterator[World]:
    old, new = (ReleaseManifest.read(folder / "manifest.json") for folder in (bundled, candidate.folder))
    labels = old.label_set.ids
    truth = scenarios.candidate_truth(new.version, labels, wanted.scenario, wanted.worse_accuracy)
    root = signing_keys.load(city.settings.resolved_keys_dir).trusted_root
    source = Source(city.settings.resolved_public_url, root, bundled)
    with worlds.world(
        wanted.directory,
        source,
        truths={old.version: scenarios.bundled_truth(old.version, labels), new.version: truth},
        models={manifest.version: manifest.model.sha256 for manifest in (old, new)},
        seed=wanted.seed,
        first_day=first_day,
    ) as world:
        yield world


@contextmanager
def _phones(wanted: Wanted, world: World, bundled: Path) -> Iterator[Sequence[LightPhone | FullPhone]]:
    everybody = people.people(wanted.phones + wanted.full_phones, wanted.seed, APP_VERSION)
    seen = photos(things.photos(), bundled) if wanted.full_phones else ()
    with ExitStack() as opened:
        full = []
        for person in everybody[wanted.phones :]:
            full.append(FullPhone(people.enthusiast(person, APP_VERSION), world, bundled, seen))
            opened.callback(full[-1].close)
        yield [*(LightPhone(person, world) for person in everybody[: wanted.phones]), *full]


def _played(
    wanted: Wanted, candidate: Candidate, world: World, phones: Sequence[LightPhone | FullPhone], diary: Diary
) -> Played:
    truth = world.truths[candidate.version]
    stopped_on, reason = outcome.stopped_day(diary)
    result = Outcome(
        scenario=wanted.scenario,
        phones=len(phones),
        days=wanted.days,
        candidate=candidate.version,
        ever_ran=sum(candidate.version in phone.ever_ran for phone in phones),
        run_at_the_end=sum(phone.release == candidate.version for phone in phones),
        would_have_run=outcome.would_run([phone.person for phone in phones], _plan(candidate), truth, wanted.days),
        stopped_on_day=stopped_on,
        reason=reason,
        breaches=tuple(diary.breaches),
        tricked_phones=sum(phone.person.mischief is not None for phone in phones),
    )
    return Played(wanted, diary, result, world.bundled.version, world.looks.looks, world.looks.verified)


def _plan(candidate: Candidate) -> Plan:
    """Put the plan's hours on the city's calendar."""
    day, steps = float(candidate.day), []
    for percent, hours in candidate.plan:
        steps.append(Step(round(day), percent))
        day += hours / 24
    return Plan(candidate.salt, tuple(steps))
