"""Patches lie beside the channel's pointers and are signed by the same key."""

from collections.abc import Mapping
from dataclasses import replace

import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore

from mobile_models.document import sha256
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository, repository_files
from mobile_models.updates.publishing.repository import DesiredPatch, DesiredState
from tests import updates
from tests.updates import desired

PATH = "patches/aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb.patch"
OTHER = "patches/bbbbbbbbbbbbbbbb-aaaaaaaaaaaaaaaa.patch"


@pytest.fixture
def store() -> ObjectStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


def patch(content: bytes = b"a patch", path: str = PATH) -> DesiredPatch:
    return DesiredPatch(path, len(content), sha256(content), lambda: content)


def with_patches(*patches: DesiredPatch) -> DesiredState:
    return replace(desired(1, 2, current=1, candidate=2), patches=patches)


def published(store: ObjectStore, keys: KeyRing) -> Mapping[str, bytes]:
    """The patches that a phone finds, which `verify` has read as a phone does."""
    repository.verify(store, keys.trusted_root)
    files = repository_files.read_chain(store).channels.signed.targets
    return {path: repository_files.read_target(store, files[path]) for path in files if path.startswith("patches/")}


def test_a_patch_is_published_beside_the_pointer_that_stays(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, with_patches(patch(), patch(b"back again", OTHER)))
    assert published(store, keys) == {PATH: b"a patch", OTHER: b"back again"}
    pointer = repository.pointer(store, "stable")
    assert pointer is not None
    assert pointer.versions == {1, 2}


def test_publishing_the_same_patches_again_changes_and_reads_nothing(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, with_patches(patch()))

    def not_needed() -> bytes:
        raise AssertionError("it is in the repository")

    assert not repository.reconcile(store, keys, with_patches(replace(patch(), read=not_needed))).changed


def test_a_patch_that_is_no_longer_desired_leaves(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, with_patches(patch(), patch(b"back again", OTHER)))
    assert repository.reconcile(store, keys, with_patches(patch())).changed
    assert published(store, keys) == {PATH: b"a patch"}
    assert repository.reconcile(store, keys, desired(1, 2, current=1, candidate=2)).changed
    assert published(store, keys) == {}


def test_a_patch_that_was_made_anew_replaces_the_one_before(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, with_patches(patch()))
    repository.reconcile(store, keys, with_patches(patch(b"a smaller one")))
    assert published(store, keys) == {PATH: b"a smaller one"}


def missing() -> bytes:
    raise FileNotFoundError("there is no such file")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (replace(patch(), read=missing), "no such file"),
        (replace(patch(), read=lambda: b"another"), "not the file that was made"),
        (patch(path="models/1/model.tflite"), "lies below patches/"),
        (patch(path="channels/stable.json"), "lies below patches/"),
    ],
    ids=["missing", "damaged", "model", "pointer"],
)
def test_a_patch_that_cannot_be_had_holds_up_nothing(
    store: ObjectStore, keys: KeyRing, broken: DesiredPatch, why: str
) -> None:
    outcome = repository.reconcile(store, keys, with_patches(broken, patch(b"back again", OTHER)))
    assert outcome.available == {1, 2}
    assert why in outcome.patches_refused[broken.path]
    assert published(store, keys) == {OTHER: b"back again"}
    repository.reconcile(store, keys, with_patches(patch(), patch(b"back again", OTHER)))
    assert PATH in published(store, keys)


def test_half_a_patch_that_a_power_cut_left_is_written_again(store: ObjectStore, keys: KeyRing) -> None:
    wanted = patch()
    obstore.put(store, f"targets/patches/{wanted.sha256}.{PATH.removeprefix('patches/')}", b"a pa")
    repository.reconcile(store, keys, with_patches(wanted))
    assert published(store, keys) == {PATH: b"a patch"}
