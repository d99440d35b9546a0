"""kill -9 at each write of each thing that a publisher does, in a folder.

After each kill the repository verifies for a new phone and for one that was up to date, and the next publisher brings
it to where an undisturbed one would have brought it.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from obstore.store import LocalStore
from tuf.api.exceptions import RepositoryError

from mobile_models.updates.keys import offline_metadata, rotation, signing_keys
from mobile_models.updates.keys.rotation import KeyChange
from mobile_models.updates.publishing import pending_metadata, repository
from mobile_models.updates.publishing.published_updates import open_client
from mobile_models.updates.publishing.repository_files import read_chain
from mobile_models.updates.update_roles import UpdateRole
from tests.mobile_models.updates import killed_publisher
from tests.mobile_models.updates.killed_publisher import Kill

BEFORE = {
    "publish": ["start"],
    "widen": ["start", "publish"],
    "complete": ["start", "publish"],
    "re-sign": ["start", "publish"],
    "take up new keys": ["start"],
    "take up a new list": ["start"],
    "drop": ["start", "publish"],
    "prune": ["start", "publish", "drop"],
}
WRITES = {
    "publish": 7,  # model, manifest, targets, pointer, channels, snapshot, timestamp
    "widen": 4,  # pointer, channels, snapshot, timestamp
    "complete": 4,
    "re-sign": 12,  # root, targets, channels, snapshot, timestamp, and seven old files that go
    "drop": 5,  # targets, pointer, channels, snapshot, timestamp
}


class Publishers:
    """Processes that publish, each until its kill."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.mobile_models.updates.killed_publisher"]
        self._parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, kill: Kill) -> int:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(asdict(kill)) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def close(self) -> None:
        self._parent.communicate()


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    started = Publishers()
    yield started
    started.close()


class World:
    """A repository before an act, its keys, and a phone that is up to date."""

    def __init__(self, folder: Path, act: str) -> None:
        self.act, self.folder, self.keys = act, folder, folder / "keys"
        signing_keys.init(self.keys)
        self.root = signing_keys.load(self.keys).trusted_root
        self.updates, self.phone = folder / "updates", folder / "phone"
        for earlier in BEFORE[act]:
            killed_publisher.do(self.updates, self.keys, earlier)
        self.phone.mkdir()
        self.check_phone(self.updates, self.phone)

    def replace_online_key(self, *, lost: bool) -> None:
        new = signing_keys.generate(self.keys / "online" / "online-2.pem")
        old = signing_keys.load_signer(self.keys / "online" / "online.pem").public_key.keyid
        changes = [KeyChange(role, (new,), (old,)) for role in (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)]
        changed = rotation.new_root(self.root, changes, datetime.now(UTC))
        signed = offline_metadata.sign(changed, [self.root], [signing_keys.load_signer(self.keys / "root-1.pem")])
        pending_metadata.hand_in(LocalStore(self.updates), signed)
        if lost:
            (self.keys / "online" / "online.pem").unlink()

    def replace_channels_key(self) -> None:
        new = signing_keys.generate(self.keys / "online" / "channels-2.pem")
        old = signing_keys.load_signer(self.keys / "online" / "channels.pem").public_key.keyid
        store = LocalStore(self.updates)
        before = read_chain(store).targets.to_bytes()
        changed = rotation.new_targets(before, KeyChange(UpdateRole.CHANNELS, (new,), (old,)), datetime.now(UTC))
        signer = signing_keys.load_signer(self.keys / "targets-1.pem")
        pending_metadata.hand_in(store, offline_metadata.sign(changed, [self.root], [signer]))

    def check_phone(self, updates: Path, phone: Path) -> None:
        """A phone that keeps what it has seen refreshes and reads its channel."""
        client = open_client(LocalStore(updates), phone, self.root)
        target = client.get_targetinfo("channels/stable.json")
        assert target is not None
        client.download_target(target)

    def kill(self, publishers: Publishers, write: int, *, after: bool) -> Path | None:
        """Return what a publisher leaves that is killed there; None if it makes fewer writes."""
        left = self.folder / f"{write}{'after' if after else 'before'}"
        shutil.copytree(self.updates, left)
        status = publishers.run(Kill(str(left), str(self.keys), self.act, write, after))
        assert status in {-9, write}, f"it ended with {status}"
        return left if status == -9 else None

    def undisturbed(self, publishers: Publishers) -> tuple[repository.Published, int]:
        whole = self.folder / "undisturbed"
        shutil.copytree(self.updates, whole)
        writes = publishers.run(Kill(str(whole), str(self.keys), self.act))
        return repository.verify(LocalStore(whole), self.root), writes

    def check_whole(self, left: Path) -> repository.Published:
        """For a new phone, and for one that was up to date before and looks each time."""
        phone = left.with_name(f"{left.name}.phone")
        if not phone.exists():
            shutil.copytree(self.phone, phone, symlinks=True)
        self.check_phone(left, phone)
        return repository.verify(LocalStore(left), self.root)


@pytest.mark.parametrize("act", BEFORE)
def test_killed_before_any_write_or_after_the_last_the_repository_is_whole_and_is_completed(
    act: str, publishers: Publishers, tmp_path: Path
) -> None:
    check_kills(World(tmp_path, act), publishers, after_each=False)


@pytest.mark.slow
@pytest.mark.parametrize("act", BEFORE)
def test_killed_after_any_write_the_repository_is_whole_and_is_completed(
    act: str, publishers: Publishers, tmp_path: Path
) -> None:
    check_kills(World(tmp_path, act), publishers, after_each=True)


def check_kills(world: World, publishers: Publishers, *, after_each: bool) -> None:
    if world.act == "take up new keys":
        world.replace_online_key(lost=False)
    if world.act == "take up a new list":
        world.replace_channels_key()
    before = repository.verify(LocalStore(world.updates), world.root)
    after, writes = world.undisturbed(publishers)
    assert writes == WRITES.get(world.act, writes) and writes > 1
    kills = [(write, after_each) for write in range(writes)] + [(writes - 1, True)] * (not after_each)
    for write, when in kills:
        left = world.kill(publishers, write, after=when)
        assert left is not None
        assert world.check_whole(left) in (before, after)
        killed_publisher.do(left, world.keys, world.act)
        assert world.check_whole(left) == after
        assert not killed_publisher.do(left, world.keys, world.act).changed


def test_where_the_replaced_key_is_lost_phones_wait_between_two_writes_and_the_next_publisher_completes_it(
    publishers: Publishers, tmp_path: Path
) -> None:
    """No timestamp can satisfy the old root and the new one then; phones refuse and keep what they have."""
    world = World(tmp_path, "take up new keys")
    world.replace_online_key(lost=True)
    after, writes = world.undisturbed(publishers)
    refused = []
    for write in range(writes):
        left = world.kill(publishers, write, after=True)
        assert left is not None
        try:
            world.check_whole(left)
        except (RepositoryError, repository.RepositoryInvalid):
            refused.append(write)
        killed_publisher.do(left, world.keys, world.act)
        assert world.check_whole(left) == after
        assert read_chain(LocalStore(left), world.root).root.signed.version == 2
    assert len(refused) == 1, "between the root and the timestamp"
