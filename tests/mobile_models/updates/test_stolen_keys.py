"""A thief with online keys, who may also write into the repository that phones read.

He can point phones to another model that people have signed, or to none. He can never give them one of his own, nor an
older repository than they have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from obstore.store import LocalStore
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import Metadata, MetaFile, TargetFile

from mobile_models.updates import staged_targets
from mobile_models.updates.following import updater
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused
from mobile_models.updates.following.updater import Offer, UpdateSource
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository, stored_files
from mobile_models.updates.publishing.repository_files import put_target, read_chain
from mobile_models.updates.update_channel import Candidate, ChannelPointer
from mobile_models.updates.update_roles import UpdateRole
from tests import updates
from tests.updates import desired, serving

NOW = datetime.now(UTC)
ONLINE = (UpdateRole.CHANNELS, UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)


@dataclass
class Thief:
    """Writes what he likes, signed with the keys of `roles`, and for the rest with a key of his own."""

    store: LocalStore
    keys: Path
    roles: tuple[UpdateRole, ...]

    def signer(self, role: UpdateRole) -> Signer:
        if role not in self.roles:
            return CryptoSigner.generate_ecdsa()
        return signing_keys.load_signer(self.keys / ("channels.pem" if role == UpdateRole.CHANNELS else "online.pem"))

    def publish(
        self, *, models: dict[str, TargetFile] | None = None, channels: dict[str, TargetFile] | None = None
    ) -> None:
        """A whole new repository state: lists under the next numbers, and a timestamp that leads to them."""
        chain = read_chain(self.store)
        targets, lists, snapshot, timestamp = chain.targets, chain.channels, chain.snapshot, chain.timestamp
        if models is not None:
            targets.signed.targets = models
            self._write(UpdateRole.TARGETS, targets)
        if channels is not None:
            lists.signed.targets = channels
            self._write(UpdateRole.CHANNELS, lists)
        snapshot.signed.meta = {
            "targets.json": MetaFile(targets.signed.version),
            "channels.json": MetaFile(lists.signed.version),
        }
        self._write(UpdateRole.SNAPSHOT, snapshot)
        timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
        self._write(UpdateRole.TIMESTAMP, timestamp)

    def _write(self, role: UpdateRole, metadata: Metadata[Any]) -> None:
        metadata.signed.version += 1
        metadata.signatures.clear()
        metadata.sign(self.signer(role))
        name = "timestamp" if role == UpdateRole.TIMESTAMP else f"{metadata.signed.version}.{role}"
        if role not in self.roles:  # He claims the key that phones expect.
            real = read_chain(self.store).delegator(role).get_delegated_role(role).keyids[0]
            [made] = metadata.signatures.values()
            made.keyid = real
            metadata.signatures = {real: made}
        stored_files.put(self.store, f"metadata/{name}.json", metadata.to_bytes(), "overwrite")


class World:
    """Releases 1 and 2 are published, 2 is current, and a phone knows it."""

    def __init__(self, folder: Path, url: str, http: httpx.Client) -> None:
        signing_keys.init(folder / "keys", targets_keys=2, targets_threshold=2)
        self.keys, self.store = folder / "keys", LocalStore(folder / "web" / "updates", mkdir=True)
        self.ring = signing_keys.load(self.keys)
        repository.reconcile(self.store, self.ring, desired(1, 2, current=1))
        self.older = self.metadata()
        repository.reconcile(self.store, self.ring, desired(1, 2, current=2))
        self.source = UpdateSource(f"{url}/updates", self.ring.trusted_root, folder / "phone", http)
        assert self.offer().manifest.version == 2

    def metadata(self) -> dict[str, bytes]:
        return {path: stored_files.read(self.store, path) for path, _ in stored_files.ages(self.store, "metadata")}

    def thief(self, *roles: UpdateRole) -> Thief:
        return Thief(self.store, self.keys / "online", roles)

    def offer(self) -> Offer:
        offer = updater.look(self.source, "stable", "phone-1")
        assert offer is not None
        return offer

    def refusal(self) -> RefusalReason:
        with pytest.raises(UpdateRefused) as refused:
            updater.look(self.source, "stable", "phone-1")
        return refused.value.reason

    def own_release(self) -> dict[str, TargetFile]:
        """The thief's model, in the store, and what a list would say of it."""
        manifest, model = updates.files(9)
        files = staged_targets.release_files(manifest)
        for target in files.values():
            put_target(self.store, target, manifest if target.path.endswith(".json") else model)
        return files

    def pointer(self, version: int) -> TargetFile:
        content = ChannelPointer(
            current=2, candidate=Candidate(version=version, rollout_percent=100, salt="x")
        ).to_bytes()
        target = TargetFile.from_data("channels/stable.json", content, ["sha256"])
        put_target(self.store, target, content)
        return target


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as web, httpx.Client(timeout=30) as http:
        yield World(tmp_path, web.url, http)


@pytest.mark.parametrize("roles", [ONLINE, (UpdateRole.CHANNELS,), (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)])
def test_a_model_that_people_have_not_signed_is_never_taken(world: World, roles: tuple[UpdateRole, ...]) -> None:
    """Named in the list of models, which he cannot sign."""
    world.thief(*roles).publish(models=world.own_release(), channels={"channels/stable.json": world.pointer(9)})
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_a_model_that_only_channels_names_is_never_looked_up(world: World) -> None:
    """Named by `channels`, for which he has the key; but models are none of its paths."""
    files = world.own_release() | {"channels/stable.json": world.pointer(9)}
    world.thief(*ONLINE).publish(channels=files)
    assert world.refusal() == RefusalReason.NOT_PUBLISHED


def test_with_all_online_keys_he_can_point_to_another_signed_model_and_no_further(world: World) -> None:
    world.thief(*ONLINE).publish(channels={"channels/stable.json": world.pointer(1)})
    assert world.offer().manifest.version == 1


@pytest.mark.parametrize("role", ONLINE)
def test_one_online_key_alone_changes_nothing(world: World, role: UpdateRole) -> None:
    world.thief(role).publish(channels={"channels/stable.json": world.pointer(1)})
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


@pytest.mark.parametrize("roles", [(UpdateRole.TIMESTAMP,), (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP), ONLINE])
def test_an_older_repository_is_never_brought_back(world: World, roles: tuple[UpdateRole, ...]) -> None:
    """He signs the older state anew, under a new timestamp; what the phone has seen has higher numbers."""
    chain = read_chain(world.store)
    old = Metadata[Any].from_bytes(world.older["metadata/timestamp.json"])
    timestamp = chain.timestamp
    timestamp.signed.snapshot_meta = old.signed.snapshot_meta
    thief = world.thief(*roles)
    thief._write(UpdateRole.TIMESTAMP, timestamp)
    assert world.refusal() == RefusalReason.OLDER_METADATA


def test_an_older_list_under_a_new_snapshot_is_never_brought_back(world: World) -> None:
    """With the key of snapshot he names the older list of pointers; its number is lower than the phone has seen."""
    chain = read_chain(world.store)
    thief = world.thief(UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)
    chain.snapshot.signed.meta["channels.json"].version -= 1
    thief._write(UpdateRole.SNAPSHOT, chain.snapshot)
    chain.timestamp.signed.snapshot_meta = MetaFile(chain.snapshot.signed.version)
    thief._write(UpdateRole.TIMESTAMP, chain.timestamp)
    assert world.refusal() == RefusalReason.OLDER_METADATA


def test_the_whole_older_repository_is_refused(world: World) -> None:
    for path, content in world.older.items():
        stored_files.put(world.store, path, content, "overwrite")
    assert world.refusal() == RefusalReason.OLDER_METADATA


# Freeze.


def test_a_repository_that_nobody_signs_anew_is_refused_and_the_publisher_mends_it(world: World) -> None:
    long_ago = NOW - timedelta(days=5)
    store = LocalStore(world.keys.parent / "web" / "frozen" / "updates", mkdir=True)
    repository.reconcile(store, world.ring, desired(1, current=1), moment=long_ago)
    url = world.source.url.removesuffix("/updates") + "/frozen/updates"
    source = UpdateSource(url, world.ring.trusted_root, world.keys.parent / "another phone", world.source.http)
    with pytest.raises(UpdateRefused) as refused:
        updater.look(source, "stable", "phone-2")
    assert refused.value.reason == RefusalReason.EXPIRED_METADATA
    with pytest.raises(repository.RepositoryInvalid, match="expired"):
        repository.verify(store, world.ring.trusted_root)
    repository.reconcile(store, signing_keys.load(world.keys / "online"), desired(1, current=1))
    offer = updater.look(source, "stable", "phone-2")
    assert offer is not None and offer.manifest.version == 1
