"""Phones that were offline for weeks, away for a year, or killed between any two files of a refresh."""

import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from mobile_models import durable_file
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.update_roles import UpdateRole, expiry
from phone.client import Phone, UpdateState
from tests import pictures, updates
from tests.phone.conftest import NOW, City, MakePhone
from tests.updates import desired


def test_a_phone_that_is_offline_for_weeks_goes_on_answering_and_then_updates(
    city: City, make_phone: MakePhone
) -> None:
    today = NOW

    def clock() -> datetime:
        return today

    city.publish(desired(1, 2, current=2))
    assert make_phone(city.web.url, clock=clock).update() == UpdateState.UPDATED
    for _ in range(6):
        today += timedelta(weeks=1)
        offline = make_phone("http://127.0.0.1:9", clock=clock)
        assert (offline.release, offline.classify(pictures.jpeg("metal")).label) == (2, "metal")
        with pytest.raises(UpdateRefused) as caught:
            offline.update()
        assert caught.value.reason == RefusalReason.UNREACHABLE
    city.publish(desired(1, 2, 3, current=3), moment=today)
    phone = make_phone(city.web.url, clock=clock)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)


def _rotate(city: City, role: UpdateRole, moment: datetime) -> None:
    """A new root lets a new key sign for `role`, and no longer the old one."""
    root = repository_files.read_chain(city.store, city.keys.trusted_root).root
    new = CryptoSigner.generate_ecdsa()
    old = root.signed.roles[role].keyids[0]
    signers = [each for each in city.keys.signers if each.public_key.keyid in root.signed.roles["root"].keyids]
    root.signed.revoke_key(old, role)
    root.signed.add_key(new.public_key, role)
    root.signed.version, root.signed.expires = root.signed.version + 1, expiry(UpdateRole.ROOT, moment)
    root.signatures.clear()
    for signer in (*signers, new) if role == UpdateRole.ROOT else signers:
        root.sign(signer, append=True)
    repository_files.put_numbered(city.store, UpdateRole.ROOT, root.signed.version, root.to_bytes())
    city.keys = replace(city.keys, signers=(*city.keys.signers, new))


def test_a_phone_that_was_away_for_a_year_comes_back(city: City, make_phone: MakePhone) -> None:
    """All that it remembers has expired, the root has changed hands twice, and its model is published no more."""
    today = NOW
    city.publish(desired(1, 2, current=2))
    assert make_phone(city.web.url, clock=lambda: today).update() == UpdateState.UPDATED
    for number, role in enumerate((UpdateRole.TIMESTAMP, UpdateRole.ROOT, UpdateRole.SNAPSHOT, UpdateRole.ROOT)):
        today += timedelta(days=100)
        _rotate(city, role, today)
        city.publish(desired(number + 3, current=number + 3), moment=today)
    for path in city.folder.rglob("*.model.tflite"):
        if path.read_bytes() != updates.files(6)[1]:
            path.unlink()
    for path in (city.folder / "metadata").glob("[0-9]*.json"):
        if "root" not in path.name and path not in city.newest_files()[:12]:
            path.unlink()
    phone = make_phone(city.web.url, clock=lambda: today)
    assert (phone.release, phone.classify(pictures.jpeg("paper")).label) == (2, "paper")
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 6)


def test_a_phone_whose_release_was_pruned_goes_on_with_it(phone: Phone, city: City, make_phone: MakePhone) -> None:
    city.publish(desired(1, current=1))
    for path in city.folder.rglob("*.model.tflite"):
        path.unlink()
    assert make_phone("http://127.0.0.1:9").classify(pictures.jpeg("glass")).prediction.release == 2
    assert (phone.update(), phone.release) == (UpdateState.RETURNED_TO_BUNDLED, 1)


class _Killed(BaseException):
    pass


def test_a_refresh_that_is_killed_between_any_two_files_leaves_a_copy_to_go_on_from(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = durable_file.write, -1

    def write(path: Path, content: bytes, **options: int) -> None:
        nonlocal left
        if "metadata" in path.parts:
            if left == 0:
                raise _Killed
            left -= 1
        real(path, content, **options)

    monkeypatch.setattr(durable_file, "write", write)
    old = {path.name: path.read_bytes() for path in (city.folder / "metadata").iterdir()}
    _rotate(city, UpdateRole.SNAPSHOT, NOW)
    city.publish(desired(1, 2, 3, current=3))
    steps = 0
    while True:
        name = f"killed-{steps}"
        shutil.copytree(tmp_path / "phone", tmp_path / name, symlinks=True)
        left = steps
        try:
            make_phone(city.web.url, name).update()
        except _Killed:
            left = -1
            again = make_phone(city.web.url, name)
            _serve_old_metadata(city, old, again, trusts_new_timestamp=steps >= 2)
            assert (again.update(), again.release) == (UpdateState.UPDATED, 3)
            steps += 1
        else:
            break
    assert steps >= 5, "the new root, timestamp, snapshot, targets, channels"


def _serve_old_metadata(city: City, old: dict[str, bytes], phone: Phone, *, trusts_new_timestamp: bool) -> None:
    """What was verified before the kill still protects against older metadata."""
    if not trusts_new_timestamp:
        return
    timestamp = city.folder / "metadata" / "timestamp.json"
    new = timestamp.read_bytes()
    timestamp.write_bytes(old["timestamp.json"])
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    assert (caught.value.reason, phone.release) == (RefusalReason.OLDER_METADATA, 2)
    timestamp.write_bytes(new)


def test_what_a_kill_left_half_written_is_removed(phone: Phone, city: City, tmp_path: Path) -> None:
    metadata = tmp_path / "phone" / "updates" / "metadata"
    for folder in (metadata, metadata / "root_history"):
        (folder / "7.root.json.partial").write_bytes(b"half of a ro")
    assert phone.update() == UpdateState.UP_TO_DATE
    assert not list(metadata.rglob("*.partial"))


def test_what_a_phone_has_believed_is_on_the_disk_before_it_is_looked_up_in(
    phone: Phone, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut then loses none of it: content first, then the name, then the folder."""
    real, synced = os.fsync, list[str]()

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    city.publish(desired(1, 2, 3, current=3))
    synced.clear()
    assert phone.update() == UpdateState.UPDATED
    for role in ("timestamp", "snapshot", "targets", "channels"):
        at = synced.index(f"{role}.json.partial")
        assert synced[at + 1] == "metadata"
    synced.clear()
    assert phone.update() == UpdateState.UP_TO_DATE
    assert "metadata" not in synced, "nothing new, nothing written"


def test_local_metadata_that_was_damaged_is_fetched_again(phone: Phone, city: City, tmp_path: Path) -> None:
    for path in (tmp_path / "phone" / "updates" / "metadata").glob("*.json"):
        if not path.is_symlink():
            path.write_bytes(b"\x00" * 300)
    city.publish(desired(1, 2, 3, current=3))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)


def test_a_phone_that_lost_all_its_memory_starts_again_from_the_root_in_the_app(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path, keys: KeyRing
) -> None:
    _rotate(city, UpdateRole.TIMESTAMP, NOW)
    city.publish(desired(1, 2, 3, current=3))
    shutil.rmtree(tmp_path / "phone" / "updates")
    again = make_phone(city.web.url)
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)
