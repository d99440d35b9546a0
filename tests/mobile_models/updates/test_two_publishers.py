"""Two publishers at once, in a folder: one waits or is refused, and nothing is lost."""

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository, repository_lock, stored_files
from mobile_models.updates.publishing.repository import RepositoryBusy
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import put_timestamp, read_chain
from tests import updates
from tests.updates import desired

_HOLD = """
import sys
from obstore.store import LocalStore
from mobile_models.updates.publishing import repository_lock
with repository_lock.held(LocalStore(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
_PUBLISH = """
import sys, pathlib
from obstore.store import LocalStore
from mobile_models.updates.publishing import repository
from mobile_models.updates.keys import signing_keys
from tests.updates import desired
store, keys = LocalStore(sys.argv[1]), signing_keys.load(pathlib.Path(sys.argv[2]))
desired(1, 2)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(15):
    repository.reconcile(store, keys, desired(1, 2, current=1, candidate=2, percent=1 + turn))
"""


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return updates.embedded_keys(tmp_path / "keys")


@pytest.fixture
def store(tmp_path: Path, keys: KeyRing) -> LocalStore:
    store = LocalStore(tmp_path / "updates", mkdir=True)
    repository.reconcile(store, keys, desired(1, 2, current=1))
    return store


def _start(code: str, *arguments: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() in {"held", "ready"}
    return process


def test_while_one_process_publishes_another_is_refused_with_what_to_do(store: LocalStore, tmp_path: Path) -> None:
    other = _start(_HOLD, tmp_path / "updates")
    refused = pytest.raises(RepositoryBusy, match=r"another publisher works on .*updates; try again once it is done")
    with refused, repository_lock.held(store, wait_seconds=0.1):
        pytest.fail("two hold it")
    other.communicate("")
    with repository_lock.held(store, wait_seconds=0.1):
        pass


def test_a_publisher_that_is_killed_holds_nothing(store: LocalStore, keys: KeyRing, tmp_path: Path) -> None:
    other = _start(_HOLD, tmp_path / "updates")
    other.kill()
    other.communicate()
    assert repository.reconcile(store, keys, desired(1, 2, current=2)).changed


def test_two_processes_that_publish_at_the_same_time_both_get_through(
    store: LocalStore, keys: KeyRing, tmp_path: Path
) -> None:
    publishers = [_start(_PUBLISH, tmp_path / "updates", tmp_path / "keys") for _ in range(2)]
    before = read_chain(store).timestamp.signed.version
    for publisher in publishers:
        assert publisher.stdin is not None
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
    assert [publisher.wait(timeout=120) for publisher in publishers] == [0, 0]
    for publisher in publishers:
        publisher.communicate()
    assert read_chain(store).timestamp.signed.version >= before + 15
    candidate = repository.verify(store, keys.trusted_root).channels["stable"].candidate
    assert candidate is not None and candidate.rollout_percent == 15


def test_who_only_takes_up_new_keys_takes_back_nothing_that_was_published_while_it_waited(
    store: LocalStore, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_another(place: ObjectStore) -> AbstractContextManager[None]:
        monkeypatch.undo()
        repository.reconcile(store, keys, desired(1, 2, 3, current=3))
        return repository_lock.held(place)

    monkeypatch.setattr(repository_lock, "held", after_another)
    repository.reconcile(store, keys, lambda: repository.as_published(store))
    published = repository.verify(store, keys.trusted_root)
    assert (published.versions, published.channels["stable"].current) == ({1, 2, 3}, 3)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_timestamp_that_has_changed_meanwhile_is_not_overwritten(
    store: LocalStore, keys: KeyRing, in_memory: bool
) -> None:
    """As in a bucket, or in a folder that two machines have mounted, where no lock keeps them apart."""
    place = MemoryStore() if in_memory else store
    repository.reconcile(place, keys, desired(1, 2, current=1))
    slow = read_chain(place)
    repository.reconcile(place, keys, desired(1, 2, current=2))
    with pytest.raises(RepositoryBusy, match="another publisher has published meanwhile"):
        put_timestamp(place, b"older news", slow.timestamp_tag)
    with pytest.raises(RepositoryBusy, match="another publisher has published meanwhile"):
        put_timestamp(place, b"a first one", None)
    assert repository.verify(place, keys.trusted_root).channels["stable"].current == 2


def test_the_slower_of_two_in_memory_is_refused_and_its_next_attempt_loses_nothing(keys: KeyRing) -> None:
    place = MemoryStore()
    repository.reconcile(place, keys, desired(1, 2, current=1))
    chain = read_chain(place)
    slow = RepositoryEdit(place, keys.signers, chain, chain.timestamp.signed.expires)
    repository.reconcile(place, keys, desired(1, 2, current=1, candidate=2))
    with pytest.raises(RepositoryBusy):
        slow.set_channels({})
        slow.publish()
    outcome = repository.reconcile(place, keys, desired(1, 2, current=2))
    assert outcome.changed and repository.verify(place, keys.trusted_root).channels["stable"].current == 2
    assert len(list(stored_files.ages(place, "metadata"))) > 0
