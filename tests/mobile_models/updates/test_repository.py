import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore
from tuf.api.metadata import DelegatedRole, Metadata, TargetFile, Targets

from mobile_models.updates.keys import offline_metadata, signing_keys
from mobile_models.updates.keys.signing_keys import KeyProblem, KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import (
    DesiredRelease,
    DesiredState,
    RepositoryBusy,
    RepositoryInvalid,
    SignatureRefused,
)
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import read_chain
from mobile_models.updates.update_channel import Candidate, ChannelPointer
from tests import updates
from tests.updates import ANNA, BERT, desired, release
from tests.waiting import wait_until

NOW = datetime.now(UTC)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return LocalStore(tmp_path / "updates", mkdir=True) if request.param == "folder" else MemoryStore()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys folder of a city whose targets need two people."""
    folder = tmp_path_factory.mktemp("city")
    updates.production_keys(folder)
    return folder


def _contents(store: ObjectStore) -> dict[str, bytes]:
    paths = [found["path"] for page in obstore.list(store) for found in page]
    return {path: bytes(obstore.get(store, path).bytes()) for path in paths}


def test_a_new_repository_holds_nothing_and_verifies(store: ObjectStore, keys: KeyRing) -> None:
    repository.create(store, keys)
    assert repository.verify(store, keys.trusted_root) == repository.Published(frozenset(), {})


def test_a_new_repository_is_published_whatever_the_clock_says(store: ObjectStore, keys: KeyRing) -> None:
    repository.create(store, keys, moment=NOW - timedelta(days=1))
    repository.verify(store, keys.trusted_root)


def test_a_published_release_is_there_with_its_pointer(store: ObjectStore, keys: KeyRing) -> None:
    outcome = repository.reconcile(store, keys, desired(1, 2, current=1, candidate=2))
    assert (outcome.published, outcome.awaiting, outcome.refused, outcome.changed) == ((1, 2), {}, {}, True)
    published = repository.verify(store, keys.trusted_root)
    assert published.versions == {1, 2}
    assert published.channels == dict(desired(current=1, candidate=2).channels) == outcome.channels
    assert repository.pointer(store, "stable") == ChannelPointer(
        current=1, candidate=Candidate(version=2, rollout_percent=5, salt="salt")
    )


def test_publishing_what_is_published_writes_nothing(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    before = _contents(store)
    outcome = repository.reconcile(store, keys, desired(1, current=1))
    assert (outcome.changed, outcome.published, outcome.available) == (False, (), {1})
    assert _contents(store) == before


def test_going_back_to_an_older_release_is_newer_metadata(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, 2, current=2))
    before = read_chain(store).timestamp.signed.version
    outcome = repository.reconcile(store, keys, desired(1, 2, current=1))
    assert outcome.channels["stable"].current == 1
    assert read_chain(store).timestamp.signed.version > before


def test_all_files_but_the_timestamp_are_never_overwritten(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    before = _contents(store)
    repository.reconcile(store, keys, desired(1, 2, current=2), moment=NOW + timedelta(days=300))
    after = _contents(store)
    assert {path for path in before.keys() & after.keys() if before[path] != after[path]} == {"metadata/timestamp.json"}


# Signatures of people.


def test_the_worker_alone_never_publishes_where_two_people_must_sign(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    for _ in range(2):
        outcome = repository.reconcile(store, worker, desired(1, current=1))
        assert outcome.published == () and outcome.awaiting[1].missing == 2
        assert repository.verify(store, worker.trusted_root).versions == set()
    with pytest.raises(KeyProblem, match="cannot sign targets"):
        RepositoryEdit(store, worker.signers, read_chain(store), NOW).set_targets({})


def test_signing_once_does_not_publish_and_twice_does(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    staged = repository.reconcile(store, worker, desired(1, current=1)).awaiting[1].staged
    anna, bert = (repository.sign_staged(staged, signing_keys.load_signer(city / name)) for name in (ANNA, BERT))

    once = release(1, staged=staged, signatures=(anna,))
    outcome = repository.reconcile(store, worker, replace(desired(current=1), releases=(once,)))
    assert outcome.published == () and outcome.awaiting[1].missing == 1
    assert outcome.awaiting[1].signed_by == {anna.key_id}
    assert repository.verify(store, worker.trusted_root) == repository.Published(
        frozenset(), {"stable": ChannelPointer()}
    )

    twice = replace(once, signatures=(anna, bert))
    outcome = repository.reconcile(store, worker, replace(desired(current=1), releases=(twice,)))
    assert (outcome.published, outcome.awaiting) == ((1,), {})
    assert repository.verify(store, worker.trusted_root) == repository.Published(
        frozenset({1}), {"stable": ChannelPointer(current=1)}
    )


def test_signing_twice_with_one_key_counts_once(store: ObjectStore, city: Path) -> None:
    worker, anna = signing_keys.load(city / "online"), signing_keys.load_signer(city / ANNA)
    staged = repository.reconcile(store, worker, desired(1)).awaiting[1].staged
    signatures = tuple(repository.sign_staged(staged, anna) for _ in range(2))
    outcome = repository.reconcile(store, worker, DesiredState((release(1, staged=staged, signatures=signatures),), {}))
    assert outcome.awaiting[1].missing == 1


def test_a_signature_of_a_stranger_does_not_count(store: ObjectStore, city: Path, keys: KeyRing) -> None:
    worker = signing_keys.load(city / "online")
    staged = repository.reconcile(store, worker, desired(1)).awaiting[1].staged
    forged = [repository.sign_staged(staged, signer) for signer in (*keys.signers, *worker.signers)]
    own = repository.sign_staged(staged, signing_keys.load_signer(city / ANNA))
    forged += [replace(own, signature=forged[0].signature), replace(own, signature="not hexadecimal")]
    for signature in forged:
        with pytest.raises(SignatureRefused, match=r"may not sign|does not verify"):
            repository.check_signature(store, staged, signature)
        repository.check_signature(store, staged, own)
    outcome = repository.reconcile(
        store, worker, DesiredState((release(1, staged=staged, signatures=tuple(forged)),), {})
    )
    assert outcome.awaiting[1].missing == 2


def test_what_is_staged_stays_the_same_until_it_is_signed(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    staged = repository.reconcile(store, worker, desired(1)).awaiting[1].staged
    later = NOW + timedelta(days=30)
    again = repository.reconcile(store, worker, DesiredState((release(1, staged=staged),), {}), moment=later)
    assert again.awaiting[1].staged == staged


def test_a_release_published_in_between_makes_older_signatures_void(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    waiting = repository.reconcile(store, worker, desired(1, 2)).awaiting
    one, two = (_signed_by_both(waiting[version].staged, version, city) for version in (1, 2))
    outcome = repository.reconcile(store, worker, DesiredState((one, two), {}))
    assert outcome.published == (1,)
    fresh = outcome.awaiting[2]
    assert repository.staged_sha256(fresh.staged) != two.signatures[0].staged_sha256 and fresh.missing == 2
    with pytest.raises(SignatureRefused, match="another staged file"):
        repository.check_signature(store, fresh.staged, two.signatures[0])


def test_the_keys_that_the_worker_holds_count_towards_the_threshold(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    worker = replace(worker, signers=(*worker.signers, signing_keys.load_signer(city / ANNA)))
    waiting = repository.reconcile(store, worker, desired(1)).awaiting[1]
    assert waiting.missing == 1
    bert = repository.sign_staged(waiting.staged, signing_keys.load_signer(city / BERT))
    signed = release(1, staged=waiting.staged, signatures=(bert,))
    assert repository.reconcile(store, worker, DesiredState((signed,), {})).published == (1,)


def _signed_by_both(staged: bytes, version: int, city: Path) -> DesiredRelease:
    signers = (signing_keys.load_signer(city / name) for name in (ANNA, BERT))
    return release(
        version, staged=staged, signatures=tuple(repository.sign_staged(staged, signer) for signer in signers)
    )


# What a pointer may name.


def test_a_candidate_that_waits_for_signatures_is_left_out_and_a_halt_goes_through(
    store: ObjectStore, city: Path
) -> None:
    worker, both = signing_keys.load(city / "online"), signing_keys.load(city)
    repository.reconcile(store, both, desired(1, 2, current=1, candidate=2))
    outcome = repository.reconcile(store, worker, desired(1, 2, 3, current=1, candidate=3))
    assert outcome.awaiting.keys() == {3}
    assert outcome.channels["stable"] == ChannelPointer(current=1)


def test_a_current_release_that_waits_keeps_the_one_before(store: ObjectStore, city: Path) -> None:
    worker, both = signing_keys.load(city / "online"), signing_keys.load(city)
    repository.reconcile(store, both, desired(1, current=1))
    assert repository.reconcile(store, worker, desired(1, 2, current=2)).channels["stable"].current == 1


def test_a_withdrawn_release_leaves_targets_and_no_pointer_names_it(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, 2, current=2))
    outcome = repository.reconcile(store, keys, desired(1, current=2))
    assert outcome.available == {1}
    assert outcome.channels["stable"] == ChannelPointer(current=None)
    assert repository.verify(store, keys.trusted_root).versions == {1}


def test_files_that_others_put_into_channels_stay(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    guide = TargetFile.from_data("guides/city.json", b"{}", ["sha256"])
    edit = RepositoryEdit(store, keys.signers, read_chain(store), NOW)
    edit.set_channels(dict(edit.chain.channels.signed.targets) | {guide.path: guide})
    edit.publish()
    repository.reconcile(store, keys, desired(1))
    assert set(read_chain(store).channels.signed.targets) == {"channels/stable.json", "guides/city.json"}


# What cannot be published.


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (release(2, read_model=lambda: b"another model"), "its model is not the one"),
        (release(2, manifest=b"{}"), "Field required"),
        (replace(release(3), version=2), "manifest is of another version"),
    ],
)
def test_a_release_whose_files_do_not_fit_is_refused_and_holds_up_no_other(
    store: ObjectStore, keys: KeyRing, broken: repository.DesiredRelease, reason: str
) -> None:
    state = replace(desired(current=1), releases=(release(1), broken))
    outcome = repository.reconcile(store, keys, state)
    assert outcome.published == (1,) and reason in outcome.refused[2]
    assert repository.verify(store, keys.trusted_root).channels["stable"].current == 1


def test_a_published_version_never_changes(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    manifest, model = updates.files(1, 64)
    other = release(1, manifest=manifest, read_model=lambda: model)
    outcome = repository.reconcile(store, keys, replace(desired(current=1), releases=(other,)))
    assert "never changes" in outcome.refused[1]
    assert repository.verify(store, keys.trusted_root).versions == {1}


def test_a_repository_of_another_city_is_left_alone(store: ObjectStore, keys: KeyRing, city: Path) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    before = _contents(store)
    with pytest.raises(RepositoryInvalid, match="does not fit together"):
        repository.reconcile(store, signing_keys.load(city), desired(1, current=1))
    assert _contents(store) == before


def test_verify_notices_each_file_that_was_changed(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    used = {path: content for path, content in _contents(store).items() if not path.startswith("metadata/1.")}
    assert len(used) == 7
    for path, content in used.items():
        obstore.put(store, path, content.replace(b"1", b"2"))
        with pytest.raises(RepositoryInvalid):
            repository.verify(store, keys.trusted_root)
        obstore.put(store, path, content)
    repository.verify(store, keys.trusted_root)


# Time.


def test_metadata_is_signed_anew_before_it_expires(keys: KeyRing) -> None:
    state, store = desired(1, current=1), MemoryStore()
    repository.reconcile(store, keys, state, moment=NOW)
    for hours in range(0, 24 * 400, 40):
        moment = NOW + timedelta(hours=hours)
        repository.reconcile(store, keys, state, moment=moment)
        chain = read_chain(store, keys.trusted_root)
        parts = (chain.root, chain.timestamp, chain.snapshot, chain.targets, chain.channels)
        assert not any(part.signed.is_expired(moment + timedelta(hours=40)) for part in parts)
    assert chain.root.signed.version == 2


def test_nothing_is_signed_anew_within_an_hour(store: ObjectStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1), moment=NOW)
    assert not repository.reconcile(store, keys, desired(1), moment=NOW + timedelta(hours=1)).changed


def test_an_expiry_that_the_keys_here_cannot_help_is_announced(store: ObjectStore, city: Path) -> None:
    worker = signing_keys.load(city / "online")
    assert repository.reconcile(store, worker, desired()).warnings == ()
    late = repository.reconcile(store, worker, desired(), moment=NOW + timedelta(days=300))
    assert [warning.split()[0] for warning in late.warnings] == ["root", "targets"]


# Kills.


class _Killed(Exception):
    pass


@pytest.fixture
def count_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """`[n]` kills the publisher at its write number n; `[-1]` never does."""
    left = [-1]
    put = obstore.put

    def counted(*arguments: object, **options: object) -> object:
        if left[0] == 0:
            raise _Killed
        left[0] -= 1
        return put(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(obstore, "put", counted)
    yield left


@pytest.mark.parametrize("external", [False, True], ids=["own keys", "signed by people"])
def test_killed_before_any_write_the_repository_is_whole_and_the_next_call_completes_it(
    city: Path, count_writes: list[int], external: bool
) -> None:
    everything = signing_keys.load(city)
    worker = signing_keys.load(city / "online") if external else everything
    wanted = desired(1, 2, current=1, candidate=2)
    for writes in range(100):
        goal = wanted
        store = MemoryStore()
        count_writes[0] = -1
        repository.reconcile(store, everything, desired(1, current=1))
        if external:
            staged = repository.reconcile(store, worker, goal).awaiting[2].staged
            goal = replace(goal, releases=(release(1), _signed_by_both(staged, 2, city)))
        count_writes[0] = writes
        try:
            repository.reconcile(store, worker, goal)
        except _Killed:
            whole = repository.verify(store, worker.trusted_root)
            assert whole == repository.Published(frozenset({1}), {"stable": ChannelPointer(current=1)})
            count_writes[0] = -1
            repository.reconcile(store, worker, goal)
            finished = True
        else:
            finished = False
        count_writes[0] = -1
        assert repository.verify(store, worker.trusted_root).channels == dict(goal.channels)
        if not finished:
            assert writes == 7, "model, manifest, targets, pointer, channels, snapshot, timestamp"
            return
    pytest.fail("it never ended")


_PUBLISH_FOR_EVER = """
import sys, pathlib
from obstore.store import LocalStore
from mobile_models.updates.keys import offline_metadata, signing_keys
from mobile_models.updates.publishing import repository
from tests.updates import desired
store, keys = LocalStore(sys.argv[1]), signing_keys.load(pathlib.Path(sys.argv[2]))
while True:
    for current in (1, 2):
        repository.reconcile(store, keys, desired(1, 2, current=current))
"""


def _timestamp(store: ObjectStore) -> int:
    return read_chain(store).timestamp.signed.version


def test_a_publisher_killed_for_real_leaves_a_whole_repository(tmp_path: Path) -> None:
    keys = updates.embedded_keys(tmp_path / "keys")
    store = LocalStore(tmp_path / "updates", mkdir=True)
    repository.reconcile(store, keys, desired(1, 2, current=1))
    for attempt in range(3):
        command = [sys.executable, "-c", _PUBLISH_FOR_EVER, str(tmp_path / "updates"), str(tmp_path / "keys")]
        before = _timestamp(store)
        with subprocess.Popen(command) as publisher:
            try:
                wait_until(lambda before=before: _timestamp(store) >= before + 3, publisher)
                time.sleep(0.003 * attempt)  # Somewhere between two writes.
            finally:
                publisher.kill()
        assert repository.verify(store, keys.trusted_root).versions == {1, 2}


@pytest.mark.parametrize("external", [False, True], ids=["own keys", "signed by people"])
def test_half_a_file_that_a_power_cut_left_is_passed_over(store: ObjectStore, city: Path, external: bool) -> None:
    worker = signing_keys.load(city / "online" if external else city)
    repository.reconcile(store, signing_keys.load(city), desired(1, current=1))
    waiting = repository.reconcile(store, worker, desired(1, 2, current=2)).awaiting
    after = desired(1, 2, 3, current=3)
    if external:
        after = replace(after, releases=(release(1), _signed_by_both(waiting[2].staged, 2, city)))
    for role in ("targets", "channels", "snapshot"):
        for version in (3, 4):
            path = f"metadata/{version}.{role}.json"
            if path not in _contents(store):
                obstore.put(store, path, b'{"signed": {"_ty')
    outcome = repository.reconcile(store, worker, after)
    if external:  # Its number is taken for ever, so people must sign it anew.
        assert outcome.awaiting[2].missing == 2 and outcome.awaiting[2].staged != waiting[2].staged
    assert repository.verify(store, worker.trusted_root).versions == ({1} if external else {1, 2, 3})


def test_a_second_publisher_at_the_same_time_is_noticed(keys: KeyRing) -> None:
    store = MemoryStore()
    repository.reconcile(store, keys, desired(1, current=1))
    first, second = (RepositoryEdit(store, keys.signers, read_chain(store), NOW) for _ in range(2))
    first.set_channels({})
    with pytest.raises(RepositoryBusy, match="second publisher"):
        second.set_channels({})
    first.publish()
    repository.verify(store, keys.trusted_root)


def _add_file(targets: Targets) -> None:
    targets.targets["channels/stable.json"] = TargetFile(1, {"sha256": "0" * 64}, "channels/stable.json")


def _halve_release(targets: Targets) -> None:
    del targets.targets["models/4/manifest.json"]


def _add_role(targets: Targets) -> None:
    assert targets.delegations is not None and targets.delegations.roles is not None
    keys = targets.delegations.roles["channels"].keyids
    targets.delegations.roles["helper"] = DelegatedRole("helper", keys, 1, terminating=False, paths=["models/*/*"])


def _widen_channels(targets: Targets) -> None:
    assert targets.delegations is not None and targets.delegations.roles is not None
    targets.delegations.roles["channels"].paths = ["channels/*", "models/*/*"]


def _rename_channels(targets: Targets) -> None:
    assert targets.delegations is not None and targets.delegations.roles is not None
    targets.delegations.roles = {"helper": targets.delegations.roles["channels"]}
    targets.delegations.roles["helper"].name = "helper"


def _name_no_release(targets: Targets) -> None:
    targets.targets["models/x/manifest.json"] = TargetFile(1, {"sha256": "0" * 64}, "models/x/manifest.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_add_file, "channels/stable.json"),
        (_halve_release, "models/4/manifest.json"),
        (_add_role, "role helper"),
        (_widen_channels, "role channels"),
        (_rename_channels, "role helper"),
        (_name_no_release, "models/x/manifest.json"),
    ],
)
def test_a_server_that_was_taken_over_lets_nobody_sign_more_than_is_shown(
    city: Path, change: Callable[[Targets], None], told: str
) -> None:
    staged = repository.reconcile(MemoryStore(), signing_keys.load(city / "online"), desired(4)).awaiting[4].staged
    metadata, signer = Metadata[Targets].from_bytes(staged), signing_keys.load_signer(city / "targets-1.pem")
    change(metadata.signed)
    with pytest.raises(repository.SignatureRefused, match=f"do not sign this: .*{told}"):
        repository.sign_staged(metadata.to_bytes(), signer)
    with pytest.raises(KeyProblem, match="do not sign this"):
        offline_metadata.sign(metadata.to_bytes(), [signing_keys.load(city).trusted_root], [signer])
    with pytest.raises(KeyProblem, match="do not sign this"):
        offline_metadata.describe(metadata.to_bytes())
    repository.sign_staged(staged, signer)


def test_a_list_that_was_made_up_is_not_taken_for_the_published_one(city: Path) -> None:
    keys = signing_keys.load(city)
    offline_metadata.check_published(keys.first_targets, keys.trusted_root)
    made_up = Metadata[Targets].from_bytes(keys.first_targets)
    made_up.signed.version += 1
    with pytest.raises(KeyProblem, match="not signed by the people"):
        offline_metadata.check_published(made_up.to_bytes(), keys.trusted_root)


def test_what_people_sign_says_which_models_it_is_about(city: Path) -> None:
    store = MemoryStore()
    staged = repository.reconcile(store, signing_keys.load(city / "online"), desired(4)).awaiting[4].staged
    manifest = Metadata[Targets].from_bytes(staged).signed.targets["models/4/manifest.json"]
    assert repository.releases_in_staged(staged) == {4: manifest.hashes["sha256"]}
