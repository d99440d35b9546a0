"""Publishers that are really killed: the update repository is whole and verifiable at every moment, and completed."""

from collections.abc import Callable

import pytest

from backend import job_queue
from backend.settings import Settings
from backend.tables import JobKind, Release, ReleaseState
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import Published
from tests.waiting import wait_until
from tests.workers.processes import beat, frozen_mark, worker, worker_that_freezes_at
from tests.workers.world import add_release, end_leases
from workers.claim import Outcome, work
from workers.publish import PUBLISH
from workers.workplace import Workplace


def verify(place: Workplace) -> Published:
    return repository.verify(place.updates, signing_keys.load(place.settings.resolved_keys_dir).trusted_root)


def ask(place: Workplace) -> int:
    with place.transaction() as session:
        job_id = job_queue.enqueue(session, JobKind.PUBLISH, "updates").id
    assert job_id is not None
    return job_id


def is_published(place: Workplace, version: int) -> Callable[[], bool]:
    def look() -> bool:
        with place.transaction() as session:
            return session.get_one(Release, version).state == ReleaseState.PUBLISHED

    return look


@pytest.mark.parametrize(
    "place",
    [
        "mobile_models.updates.publishing.repository_files:put_target",
        "mobile_models.updates.publishing.repository_files:put_timestamp",
    ],
    ids=["before the model", "before the timestamp"],
)
def test_a_killed_publisher_leaves_a_whole_repository_and_the_next_completes_it(
    installation: Settings, installed: Workplace, place: str
) -> None:
    signing_keys.init(installation.resolved_keys_dir)
    add_release(installed, 1, ReleaseState.APPROVED, rollout_percent=100)
    assert work(installed, ask(installed), PUBLISH) == Outcome.DONE
    add_release(installed, 2, ReleaseState.APPROVED, rollout_percent=100)
    with worker_that_freezes_at(place, installation) as doomed:
        ask(installed)
        wait_until(frozen_mark(installation).exists, doomed)
        doomed.kill()
        end_leases(installed)
    published = verify(installed)
    assert (published.versions, published.channels["stable"].current) == ({1}, 1)
    assert not is_published(installed, 2)()
    with worker(installation) as second, beat(installation) as schedule:
        wait_until(is_published(installed, 2), second, schedule)
    published = verify(installed)
    assert (published.versions, published.channels["stable"].current) == ({1, 2}, 2)
