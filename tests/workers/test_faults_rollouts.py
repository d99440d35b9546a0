"""Publishers and widening duties that are really killed at each of their steps: database and repository agree."""

import json
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from sqlmodel import select

from backend import desired_updates, publisher
from backend.database import now
from backend.releasing import release_history, rollouts
from backend.settings import Settings
from backend.tables import Job, JobKind, JobState, Notice, ReleaseState, RolloutState
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import Published
from mobile_models.updates.update_channel import ChannelPointer
from tests.waiting import wait_until
from tests.workers.conftest import installation_of
from tests.workers.processes import kill_while
from tests.workers.rollout_world import HOUR, NEW, field_says, under_way
from tests.workers.world import add_release, end_leases, find_rollout
from workers import widen_rollout
from workers.claim import Outcome, work
from workers.publish import PUBLISH
from workers.workplace import Workplace

TARGET, NUMBERED, TIMESTAMP = (
    f"mobile_models.updates.publishing.repository_files:{name}"
    for name in ("put_target", "put_numbered", "put_timestamp")
)
STEPS_OF_PUBLISHING = {
    "before it knows what is wanted": "backend.desired_updates:read",
    "before a file": TARGET,
    "before numbered metadata": NUMBERED,
    "before the timestamp": TIMESTAMP,
    "before settling": "backend.job_queue:succeed",
    "while settling": "backend.releasing.release_history:record_published",
    "before the end of settling": "backend.publisher:note_problems",
}
STEPS_OF_RE_SIGNING = {"before the timestamp": TIMESTAMP, "before settling": "backend.job_queue:succeed"}
STEPS_OF_WIDENING = {
    "before it is judged": "backend.evidence.field_evidence:judge",
    "before it is widened": "backend.releasing.rollouts:widen",
    "before the publisher is asked": "backend.publisher:ask",
}
STEPS_OF_HALTING = {
    "before it is halted": "backend.releasing.rollouts:halt",
    "before the channel leaves it": "backend.releasing.rollouts:leave",
    "before the staff are told": "backend.records.notices:tell_staff",
}
QUICK = {"before numbered metadata", "while settling", "before the publisher is asked", "before the staff are told"}


def steps(table: dict[str, str]) -> pytest.MarkDecorator:
    """The quick ones always, all with --slow."""
    marked = [
        pytest.param(place, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, place in table.items()
    ]
    return pytest.mark.parametrize("step", marked)


@pytest.fixture(params=["embedded", pytest.param("production", marks=pytest.mark.slow)])
def installation(request: pytest.FixtureRequest, tmp_path: Path, bundled_release: Path) -> Settings:
    return installation_of(request, tmp_path, bundled_release)


@pytest.fixture
def city(installation: Settings, installed: Workplace) -> Workplace:
    """Release 1 is published to everybody, release 2 to 5 % of the phones."""
    signing_keys.init(installation.resolved_keys_dir)
    under_way(installed)
    publish(installed)
    assert_agreement(installed)
    return installed


def publish(place: Workplace) -> None:
    """Publish all there is, also where a publisher was killed."""
    end_leases(place)
    with place.transaction() as session:
        publisher.ask(session)

    def nothing_is_due() -> bool:
        with place.transaction() as session:
            job = session.exec(select(Job).where(Job.kind == JobKind.PUBLISH)).one()
        if job.state != JobState.DONE and job.id is not None:
            assert work(place, job.id, PUBLISH) in (Outcome.DONE, Outcome.NOT_OURS)
        return job.state == JobState.DONE

    wait_until(nothing_is_due)


def whole(place: Workplace) -> Published:
    return repository.verify(place.updates, signing_keys.load(place.settings.resolved_keys_dir).trusted_root)


def assert_agreement(place: Workplace) -> None:
    """What phones are told is what the rows say, and the history says it, too."""
    published = whole(place)
    with place.transaction() as session:
        wanted = desired_updates.read(session)
        assert published.channels == wanted.channels
        assert published.versions == {release.version for release in wanted.releases}
        for name, pointer in wanted.channels.items():
            assert release_history.last_published(session, name) == pointer


@steps(STEPS_OF_PUBLISHING)
def test_a_publisher_killed_while_it_publishes_a_wider_rollout_is_made_up_for(
    installation: Settings, city: Workplace, step: str
) -> None:
    add_release(city, 3, ReleaseState.APPROVED, rollout_percent=5, by_run=True, channel="beta")
    with city.transaction() as session:
        rollouts.widen(session, "ada", rollouts.meant(session, NEW), 25, "so far so good")
    kill_while("publish", step, installation)
    assert whole(city).channels["stable"].current == 1, "phones always find a whole repository"
    publish(city)
    assert_agreement(city)
    candidates = {name: pointer.candidate for name, pointer in whole(city).channels.items()}
    assert {name: each and (each.version, each.rollout_percent) for name, each in candidates.items()} == {
        "stable": (NEW, 25), "beta": (3, 5),
    }  # fmt: skip
    with city.transaction() as session:
        told = [period.pointer.candidate for period in release_history.periods(session, "stable")]
    assert [each and each.rollout_percent for each in told] == [5, 25], "each change is told once"


@steps(STEPS_OF_RE_SIGNING)
def test_a_publisher_killed_while_it_signs_anew_is_made_up_for(
    installation: Settings, city: Workplace, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile = repository.reconcile
    with (
        monkeypatch.context() as patch
    ):  # As if nobody had published for ten days, and the timestamp for one and a half.
        for ago in (timedelta(days=10), timedelta(days=1.5)):
            moment = now() - ago
            patch.setattr(
                repository, "reconcile", lambda *given, at=moment, **more: reconcile(*given, moment=at, **more)
            )
            with city.transaction() as session:
                rollouts.widen(session, "ada", rollouts.meant(session, NEW), 30 - ago.days, "so far so good")
            publish(city)
    before = timestamp(city)
    with city.transaction() as session:
        publisher.ask(session)
    kill_while("publish", step, installation)
    whole(city)
    publish(city)
    assert timestamp(city) == before + 1
    assert_agreement(city)


def timestamp(place: Workplace) -> int:
    version: int = json.loads(bytes(obstore.get(place.updates, "metadata/timestamp.json").bytes()))["signed"]["version"]
    return version


@steps(STEPS_OF_WIDENING)
def test_a_killed_widening_duty_has_done_all_or_nothing_and_the_next_widens_once(
    installation: Settings, city: Workplace, step: str
) -> None:
    field_says(city, now() - 3 * HOUR)
    kill_while("widen", step, installation)
    assert find_rollout(city, NEW).rollout_percent == 5
    for _ in range(2):
        widen_rollout.look_after_rollouts(city)
    assert find_rollout(city, NEW).rollout_percent == 50
    publish(city)
    assert_agreement(city)


@steps(STEPS_OF_HALTING)
def test_a_duty_killed_while_it_halts_has_done_all_or_nothing_and_the_next_halts_and_tells_once(
    installation: Settings, city: Workplace, step: str
) -> None:
    field_says(city, now() - 3 * HOUR, failed=200)
    kill_while("widen", step, installation)
    assert find_rollout(city, NEW).state == RolloutState.RUNNING
    for _ in range(2):
        widen_rollout.look_after_rollouts(city)
    assert find_rollout(city, NEW).state == RolloutState.HALTED
    with city.transaction() as session:
        assert len(session.exec(select(Notice)).all()) == 1
    publish(city)
    assert_agreement(city)
    assert whole(city).channels["stable"].versions == {1}


def test_a_rollout_that_is_halted_while_its_publisher_is_killed_ends_halted(
    installation: Settings, city: Workplace
) -> None:
    with city.transaction() as session:
        rollouts.widen(session, "ada", rollouts.meant(session, NEW), 100, "no time")
    kill_while("publish", TIMESTAMP, installation)
    with city.transaction() as session:
        rollouts.halt(session, "ada", rollouts.meant(session, NEW), "glass goes wrong")
    publish(city)
    assert_agreement(city)
    assert whole(city).channels["stable"] == ChannelPointer(return_to_bundled=True), "release 1 is the bundled one"
