"""Keys are replaced, and phones come through: those that are up to date and those of the first root."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from mobile_models.updates.keys import offline_metadata, renewal, rotation, signing_keys
from mobile_models.updates.keys.rotation import KeyChange
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.publishing import pending_metadata, rehearsal, repository, stored_files
from mobile_models.updates.publishing.published_updates import open_client
from mobile_models.updates.publishing.repository_files import find_numbered, put_pending, read_chain
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole
from tests import updates
from tests.updates import ANNA, BERT, desired

NOW = datetime.now(UTC)
ONLINE = (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)
STATE = desired(1, current=1)


class City:
    """A repository with release 1; Anna and Bert hold keys of `targets`, and the root key lies in a safe."""

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.store, self.folder = store, folder
        signing_keys.init(folder / "keys", targets_keys=2, targets_threshold=2)
        self.publisher = signing_keys.load(folder / "keys" / "online")
        self.root_key = signing_keys.load_signer(folder / "keys" / "root-1.pem")
        self.online_key = signing_keys.load_signer(folder / "keys" / "online" / "online.pem")
        self.channels_key = signing_keys.load_signer(folder / "keys" / "online" / "channels.pem")
        self.anna, self.bert = (signing_keys.load_signer(folder / "keys" / name) for name in (ANNA, BERT))
        repository.reconcile(store, signing_keys.load(folder / "keys"), STATE)

    def phone(self, name: str) -> None:
        """Refresh as a phone that keeps what it has seen, and read the channel."""
        (self.folder / name).mkdir(exist_ok=True)
        client = open_client(self.store, self.folder / name, self.publisher.trusted_root)
        client.refresh()
        target = client.get_targetinfo("channels/stable.json")
        assert target is not None
        assert ChannelPointer.model_validate_json(Path(client.download_target(target)).read_bytes()).current == 1

    def published(self, role: UpdateRole) -> bytes:
        content = find_numbered(self.store, role, read_chain(self.store).signed(role).version)
        assert content is not None
        return content

    def new_root(self, *changes: KeyChange, signers: tuple[Signer, ...] = ()) -> bytes:
        root = self.published(UpdateRole.ROOT)
        return offline_metadata.sign(rotation.new_root(root, changes, NOW), [root], signers or [self.root_key])

    def hand_over(self, *contents: bytes, signers: tuple[Signer, ...]) -> repository.Outcome:
        """Give the files to a publisher that holds `signers`."""
        pending_metadata.hand_in(self.store, *contents)
        return self.publish(*signers)

    def publish(self, *signers: Signer) -> repository.Outcome:
        return repository.reconcile(self.store, replace(self.publisher, signers=signers), STATE)

    def rotate_online(self, new: Signer) -> bytes:
        old = self.online_key.public_key.keyid
        return self.new_root(*(KeyChange(role, add=(new.public_key,), remove=(old,)) for role in ONLINE))


@pytest.fixture(params=["folder", "memory"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> City:
    store = LocalStore(tmp_path / "updates", mkdir=True) if request.param == "folder" else MemoryStore()
    return City(tmp_path, store)


@pytest.fixture
def new() -> CryptoSigner:
    return CryptoSigner.generate_ecdsa()


def test_new_online_keys_reach_phones_old_and_new(city: City, new: CryptoSigner) -> None:
    city.phone("up to date")
    outcome = city.hand_over(city.rotate_online(new), signers=(city.online_key, new, city.channels_key))
    assert (outcome.changed, outcome.warnings) == (True, ())
    assert read_chain(city.store, city.publisher.trusted_root).root.signed.version == 2
    for name in ("up to date", "of the first root"):
        city.phone(name)
    assert not pending_metadata.waits(city.store)
    assert not city.publish(new, city.channels_key).changed


def test_online_keys_that_are_lost_are_replaced_without_them(city: City, new: CryptoSigner) -> None:
    city.phone("up to date")
    city.hand_over(city.rotate_online(new), signers=(new, city.channels_key))
    for name in ("up to date", "of the first root"):
        city.phone(name)


def test_a_replaced_online_key_counts_for_nothing_at_once(city: City, new: CryptoSigner) -> None:
    city.hand_over(city.rotate_online(new), signers=(city.online_key, new, city.channels_key))
    stolen = _signed_by_a_thief(read_chain(city.store).timestamp, city.online_key)
    stored_files.put(city.store, "metadata/timestamp.json", stolen, "overwrite")
    with pytest.raises(RepositoryError, match="was signed by 0/1 keys"):
        city.phone("of the first root")


def _signed_by_a_thief(timestamp: Metadata[Timestamp], stolen: Signer) -> bytes:
    timestamp.signed.version += 1
    timestamp.signatures.clear()
    timestamp.sign(stolen)
    return timestamp.to_bytes()


def test_a_root_waits_until_the_publisher_has_the_keys_that_it_names(city: City, new: CryptoSigner) -> None:
    waiting = city.hand_over(city.rotate_online(new), signers=(city.online_key, city.channels_key))
    assert "put the key that it names for snapshot" in waiting.warnings[0]
    assert read_chain(city.store).root.signed.version == 1
    city.phone("anybody's")
    assert city.publish(new, city.channels_key).warnings == ()
    city.phone("anybody's")


def test_the_root_key_is_replaced_with_signatures_of_both(city: City, new: CryptoSigner) -> None:
    old = city.root_key.public_key.keyid
    change = KeyChange(UpdateRole.ROOT, add=(new.public_key,), remove=(old,))
    begun = city.new_root(change)
    root = [city.published(UpdateRole.ROOT)]
    assert offline_metadata.missing_signatures(begun, root) == 1
    with pytest.raises(KeyProblem, match="root 2 is signed by too few people, 1 missing"):
        pending_metadata.hand_in(city.store, begun)
    city.hand_over(offline_metadata.sign(begun, root, [new]), signers=(city.online_key, city.channels_key))
    for name in ("of the first root", "of the first root"):
        city.phone(name)
    with pytest.raises(KeyProblem, match="may not sign root"):
        again = rotation.new_root(city.published(UpdateRole.ROOT), [], NOW)
        offline_metadata.sign(again, [], [city.root_key])


def test_a_third_person_joins_and_two_of_three_sign(city: City, new: CryptoSigner) -> None:
    """Carla's key joins; the list that Anna and Bert signed still counts, so nothing else must be signed."""
    city.phone("up to date")
    root = city.new_root(KeyChange(UpdateRole.TARGETS, add=(new.public_key,)))
    city.hand_over(root, signers=(city.online_key, city.channels_key))
    city.phone("up to date")
    staged = repository.reconcile(
        city.store, replace(city.publisher, signers=(city.online_key, city.channels_key)), desired(1, 2, current=1)
    ).awaiting[2]
    signed = tuple(repository.sign_staged(staged.staged, signer) for signer in (city.anna, new))
    second = updates.release(2, staged=staged.staged, signatures=signed)
    state = replace(desired(current=2), releases=(updates.release(1), second))
    outcome = repository.reconcile(city.store, city.publisher, state)
    assert outcome.published == (2,)


def test_a_lost_key_of_targets_is_replaced_together_with_the_list_that_it_had_signed(
    city: City, new: CryptoSigner
) -> None:
    city.phone("up to date")
    lost = city.bert.public_key.keyid
    root = city.new_root(KeyChange(UpdateRole.TARGETS, add=(new.public_key,), remove=(lost,)))
    pending_metadata.hand_in(city.store, root)
    waiting = city.publish(city.online_key, city.channels_key)
    assert "root 2 waits for a targets.json signed with the keys that it names" in waiting.warnings[0]
    city.phone("up to date")

    renewed = renewal.renew(city.published(UpdateRole.TARGETS), [city.publisher.trusted_root, root], [city.anna, new])
    outcome = city.hand_over(root, renewed, signers=(city.online_key, city.channels_key))
    assert outcome.warnings == () and outcome.available == {1}
    for name in ("up to date", "of the first root"):
        city.phone(name)
    assert repository.verify(city.store, city.publisher.trusted_root).versions == {1}


def test_a_stolen_key_of_channels_is_replaced_by_the_people_of_targets(city: City, new: CryptoSigner) -> None:
    city.phone("up to date")
    stolen = city.channels_key.public_key.keyid
    change = KeyChange(UpdateRole.CHANNELS, add=(new.public_key,), remove=(stolen,))
    changed = rotation.new_targets(city.published(UpdateRole.TARGETS), change, NOW)
    signed = offline_metadata.sign(changed, [city.publisher.trusted_root], [city.anna, city.bert])
    assert "put the key that it names for channels" in city.hand_over(signed, signers=(city.online_key,)).warnings[0]
    assert city.publish(city.online_key, new).warnings == ()
    for name in ("up to date", "of the first root"):
        city.phone(name)
    chain = read_chain(city.store)
    assert set(chain.channels.signatures) == {new.public_key.keyid}


def test_a_thief_who_has_set_huge_numbers_is_forgotten_with_the_keys(city: City, new: CryptoSigner) -> None:
    """Fast-forward recovery (TUF specification, 5.3.11): phones drop what replaced keys have signed."""
    city.phone("robbed")
    thief = MemoryStore()
    for path, _ in (*stored_files.ages(city.store, "metadata"), *stored_files.ages(city.store, "targets")):
        stored_files.put(thief, path, stored_files.read(city.store, path), "overwrite")
    _fast_forward(thief, city.online_key)
    with pytest.raises(RepositoryError, match="Expected channels v1000000"):
        client = open_client(thief, city.folder / "robbed", city.publisher.trusted_root)
        client.get_targetinfo("channels/stable.json")
    with pytest.raises(RepositoryError, match="must be >= 1000000"):
        city.phone("robbed")
    city.hand_over(city.rotate_online(new), signers=(city.online_key, new, city.channels_key))
    city.phone("robbed")


def _fast_forward(store: ObjectStore, stolen: Signer) -> None:
    chain = read_chain(store)
    snapshot, timestamp = chain.snapshot.signed, chain.timestamp.signed
    channels = chain.channels.to_bytes()
    snapshot.version = timestamp.version = 1_000_000
    snapshot.meta["channels.json"] = MetaFile(1_000_000)
    timestamp.snapshot_meta = MetaFile(1_000_000)
    for name, signed in (("1000000.snapshot", snapshot), ("timestamp", timestamp)):
        metadata: Metadata[Snapshot] | Metadata[Timestamp] = Metadata(signed)  # type: ignore[type-var]
        metadata.sign(stolen)
        stored_files.put(store, f"metadata/{name}.json", metadata.to_bytes(), "overwrite")
    stored_files.put(store, "metadata/1000000.channels.json", channels, "overwrite")


def test_a_thief_who_wrote_into_the_repository_itself_is_published_over(city: City, new: CryptoSigner) -> None:
    city.phone("up to date")
    _fast_forward(city.store, city.online_key)
    with pytest.raises(repository.RepositoryInvalid):
        repository.verify(city.store, city.publisher.trusted_root)
    city.hand_over(city.rotate_online(new), signers=(new, city.channels_key))
    for name in ("up to date", "of the first root"):
        city.phone(name)


@pytest.mark.parametrize("is_lost", [False, True], ids=["old key at hand", "old key lost"])
def test_a_thief_who_left_a_timestamp_that_leads_nowhere_is_published_over(
    city: City, new: CryptoSigner, is_lost: bool
) -> None:
    """Nothing that the stolen keys have signed is needed to replace them."""
    city.phone("up to date")
    root = city.rotate_online(new)
    timestamp = read_chain(city.store).timestamp
    timestamp.signed.snapshot_meta = MetaFile(77)
    stored_files.put(city.store, "metadata/timestamp.json", _signed_by_a_thief(timestamp, city.online_key), "overwrite")
    with pytest.raises(repository.RepositoryInvalid, match="does not fit together"):
        city.publish(city.online_key, city.channels_key)
    kept = () if is_lost else (city.online_key,)
    assert city.hand_over(root, signers=(new, city.channels_key, *kept)).warnings == ()
    for name in ("up to date", "of the first root"):
        city.phone(name)
    assert not city.publish(new, city.channels_key).changed


# Killed between the new root and the timestamp that it asks for.


@pytest.mark.parametrize("replaced", [(UpdateRole.TIMESTAMP,), (UpdateRole.SNAPSHOT,), ONLINE])
def test_a_publisher_killed_after_the_root_is_completed_by_the_next_one(
    city: City, new: CryptoSigner, replaced: tuple[UpdateRole, ...]
) -> None:
    old = city.online_key.public_key.keyid
    root = city.new_root(*(KeyChange(role, add=(new.public_key,), remove=(old,)) for role in replaced))
    stored_files.put(city.store, "metadata/2.root.json", root, "create")
    with pytest.raises(RepositoryError):
        city.phone("in between")
    kept = () if replaced == ONLINE else (city.online_key,)
    assert city.publish(new, city.channels_key, *kept).changed
    for name in ("in between", "of the first root"):
        city.phone(name)


# What is refused.


def test_a_change_that_leaves_too_few_keys_is_refused(city: City) -> None:
    root = city.published(UpdateRole.ROOT)
    with pytest.raises(KeyProblem, match="targets would have 1 keys, and needs 2 signatures"):
        rotation.new_root(root, [KeyChange(UpdateRole.TARGETS, remove=(city.bert.public_key.keyid,))], NOW)


@pytest.mark.parametrize("reference", ["", "0123456789", "short"])
def test_a_key_that_is_not_there_cannot_leave(city: City, reference: str) -> None:
    with pytest.raises(KeyProblem, match="is not the id of one key of targets; these may sign it"):
        rotation.new_root(city.published(UpdateRole.ROOT), [KeyChange(UpdateRole.TARGETS, remove=(reference,))], NOW)


def test_each_role_is_changed_where_it_is_named(city: City) -> None:
    with pytest.raises(KeyProblem, match=r"named by targets\.json"):
        rotation.new_root(city.published(UpdateRole.ROOT), [KeyChange(UpdateRole.CHANNELS)], NOW)
    with pytest.raises(KeyProblem, match=r"named by root\.json"):
        rotation.new_targets(city.published(UpdateRole.TARGETS), KeyChange(UpdateRole.SNAPSHOT), NOW)


def test_a_root_made_from_an_older_one_is_refused(city: City, new: CryptoSigner) -> None:
    root = city.rotate_online(new)
    city.hand_over(root, signers=(city.online_key, new, city.channels_key))
    other = offline_metadata.sign(
        rotation.new_root(city.publisher.trusted_root, [], NOW), [city.publisher.trusted_root], [city.root_key]
    )
    with pytest.raises(KeyProblem, match=r"2 is published; make it again from 2\.root\.json"):
        pending_metadata.hand_in(city.store, other)


def test_a_list_with_a_release_that_nobody_approved_is_refused(city: City) -> None:
    changed = Metadata[Targets].from_bytes(city.published(UpdateRole.TARGETS))
    changed.signed.version += 1
    changed.signed.targets = {}
    signed = offline_metadata.sign(changed.to_bytes(), [city.publisher.trusted_root], [city.anna, city.bert])
    with pytest.raises(KeyProblem, match="from another list than the published one"):
        pending_metadata.hand_in(city.store, signed)


@pytest.mark.parametrize("kind", ["half a file", "another role"])
def test_what_waits_and_cannot_be_taken_up_holds_up_nothing_else(city: City, kind: str) -> None:
    waiting = b'{"signed": {"_ty' if kind == "half a file" else city.published(UpdateRole.TARGETS)
    put_pending(city.store, UpdateRole.ROOT, waiting)
    state = replace(STATE, channels={**STATE.channels, "beta": ChannelPointer(current=1)})
    keys = replace(city.publisher, signers=(city.online_key, city.channels_key))
    outcome = repository.reconcile(city.store, keys, state)
    assert outcome.changed and set(outcome.channels) == {"stable", "beta"}
    assert outcome.warnings[0].startswith("pending/root.json: this is ")
    assert pending_metadata.waits(city.store), "people have to look at it"


def test_what_people_wrote_in_another_form_is_taken_away_once_it_is_published(city: City, new: CryptoSigner) -> None:
    root = json.dumps(json.loads(city.rotate_online(new)), indent=4).encode()
    assert city.hand_over(root, signers=(city.online_key, new, city.channels_key)).warnings == ()
    assert not pending_metadata.waits(city.store)


# What a person is told.


def test_a_person_is_told_which_keys_join_and_leave(city: City, new: CryptoSigner) -> None:
    root = city.published(UpdateRole.ROOT)
    change = KeyChange(UpdateRole.TARGETS, (new.public_key,), (city.bert.public_key.keyid,), threshold=1)
    told = "\n".join(offline_metadata.describe(rotation.new_root(root, [change], NOW), root))
    assert "root 2, holds until" in told
    assert "targets: 1 of 2 keys must sign (before: 2 of 2)" in told
    assert f"{new.public_key.keyid}  <- joins" in told and f"{city.bert.public_key.keyid}  <- leaves" in told


# Rehearsals.


def test_a_rehearsal_says_that_phones_come_through_and_touches_nothing(city: City, new: CryptoSigner) -> None:
    before = _contents(city.store)
    keys = replace(city.publisher, signers=(city.online_key, new, city.channels_key))
    found = rehearsal.rehearse(city.store, keys, city.rotate_online(new))
    assert (found.root_version, found.releases) == (2, 1)
    assert found.phones == ("a phone that was up to date", "a phone of the first root")
    assert _contents(city.store) == before


def test_a_rehearsal_of_what_would_go_wrong_says_so(city: City, new: CryptoSigner) -> None:
    before = _contents(city.store)
    with pytest.raises(KeyProblem, match="put the key that it names for snapshot"):
        rehearsal.rehearse(city.store, city.publisher, city.rotate_online(new))
    assert _contents(city.store) == before


def _contents(store: ObjectStore) -> dict[str, bytes]:
    return {path: stored_files.read(store, path) for path, _ in stored_files.ages(store, "")}
