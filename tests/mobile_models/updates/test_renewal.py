from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore, ObjectStore
from tuf.api.metadata import Metadata

from mobile_models.updates.keys import offline_metadata, renewal, signing_keys
from mobile_models.updates.keys.signing_keys import KeyProblem, KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import find_numbered, put_pending, read_chain
from mobile_models.updates.update_roles import UpdateRole
from tests import updates
from tests.updates import ANNA, BERT, desired

NEAR_THE_END = datetime.now(UTC) + timedelta(days=340)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    updates.production_keys(folder)
    return folder


@pytest.fixture
def worker(city: Path) -> KeyRing:
    return signing_keys.load(city / "online")


@pytest.fixture
def store(city: Path) -> ObjectStore:
    """A repository with release 1 that two people have signed, almost a year ago."""
    store = MemoryStore()
    repository.reconcile(store, signing_keys.load(city), desired(1, current=1))
    return store


def _published(store: ObjectStore, role: UpdateRole) -> bytes:
    content = find_numbered(store, role, read_chain(store).signed(role).version)
    assert content is not None
    return content


def _put(store: ObjectStore, content: bytes) -> None:
    put_pending(store, UpdateRole(Metadata.from_bytes(content).signed.type), content)


def test_two_people_renew_targets_and_the_publisher_takes_it_up(
    store: ObjectStore, city: Path, worker: KeyRing
) -> None:
    anna, bert = (signing_keys.load_signer(city / name) for name in (ANNA, BERT))
    before = read_chain(store).targets.signed
    root, targets = worker.trusted_root, _published(store, UpdateRole.TARGETS)
    begun = renewal.renew(targets, [root], [anna], moment=NEAR_THE_END)
    assert offline_metadata.missing_signatures(begun, [root]) == 1
    _put(store, begun)
    waiting = repository.reconcile(store, worker, desired(1, current=1))
    assert "targets 3 is signed by too few people, 1 missing" in waiting.warnings[0]
    assert read_chain(store).targets.signed.version == before.version, "one signature is not enough"

    finished = offline_metadata.sign(begun, [root], [bert])
    assert offline_metadata.missing_signatures(finished, [root]) == 0
    _put(store, finished)
    assert repository.reconcile(store, worker, desired(1, current=1)).changed
    after = read_chain(store).targets.signed
    assert (after.version, after.targets) == (before.version + 1, before.targets)
    assert after.expires - before.expires > timedelta(days=300)
    assert repository.verify(store, worker.trusted_root).versions == {1}


def test_a_renewed_root_is_taken_up(store: ObjectStore, city: Path, worker: KeyRing) -> None:
    signer = signing_keys.load_signer(city / "root-1.pem")
    renewed = renewal.renew(worker.trusted_root, [worker.trusted_root], [signer], moment=NEAR_THE_END)
    _put(store, renewed)
    assert repository.reconcile(store, worker, desired(1, current=1)).changed
    assert read_chain(store, worker.trusted_root).root.signed.version == 2
    repository.verify(store, worker.trusted_root)


def test_a_list_that_says_something_else_is_not_taken_up(store: ObjectStore, city: Path, worker: KeyRing) -> None:
    """It is what a publisher leaves that is killed before the snapshot; the release in it comes by its own way."""
    edit = RepositoryEdit(store, signing_keys.load(city).signers, read_chain(store), NEAR_THE_END)
    edit.set_targets({})
    repository.reconcile(store, worker, desired(1, current=1))
    assert repository.published_versions(store) == {1}


def test_a_key_that_may_not_sign_is_refused(store: ObjectStore, city: Path, worker: KeyRing) -> None:
    signer = signing_keys.load_signer(city / "root-1.pem")
    with pytest.raises(KeyProblem, match="may not sign targets"):
        renewal.renew(_published(store, UpdateRole.TARGETS), [worker.trusted_root], [signer])


@pytest.mark.parametrize("content", [b"{}", b"hello"])
def test_another_file_is_refused(content: bytes, worker: KeyRing) -> None:
    with pytest.raises(KeyProblem, match="no metadata"):
        renewal.renew(content, [worker.trusted_root], [])


def test_what_the_publisher_signs_itself_is_refused(store: ObjectStore, worker: KeyRing) -> None:
    with pytest.raises(KeyProblem, match="signed by the publisher itself"):
        renewal.renew(_published(store, UpdateRole.SNAPSHOT), [worker.trusted_root], [])
