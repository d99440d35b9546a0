"""A disk that is full: nothing that was installed is touched, and the update succeeds once there is room."""

import errno
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobile_models.updates.following import target_download
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from mobile_models.updates.keys.signing_keys import KeyRing
from phone.client import Phone, UpdateState
from tests import pictures
from tests.phone.conftest import City, MakePhone
from tests.updates import desired


class FullDisk:
    """From the given write on, opening a file for writing below `folder` fails; those before succeed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.writes_left = folder, -1
        self._open, self._os_open = io.open, os.open
        monkeypatch.setattr(io, "open", self._open_file)
        monkeypatch.setattr(os, "open", self._open_descriptor)

    def _check(self, path: object, is_for_writing: bool) -> None:
        if not is_for_writing or not str(path).startswith(str(self.folder)):
            return
        if self.writes_left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.writes_left -= 1

    def _open_file(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not options.get("opener"):  # Else it opens by `os.open`, below.
            self._check(file, any(sign in mode for sign in "wax+"))
        return self._open(file, mode, *arguments, **options)

    def _open_descriptor(self, path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        self._check(path, bool(flags & (os.O_WRONLY | os.O_RDWR)))
        return self._os_open(path, flags, *arguments, **options)


def test_a_disk_that_is_full_at_any_write_leaves_the_old_model_running(
    city: City, make_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(tmp_path / "phones", monkeypatch)
    city.publish(desired(1, 2, current=2))
    make_phone(city.web.url, "phones/first").update()
    city.publish(desired(1, 2, 3, current=3))
    writes = refusals = 0
    while True:
        shutil.copytree(tmp_path / "phones" / "first", tmp_path / "phones" / str(writes), symlinks=True)
        phone = make_phone(city.web.url, f"phones/{writes}")
        disk.writes_left = writes
        try:
            phone.update()
        except UpdateRefused as refusal:
            assert (refusal.reason, phone.release) == (RefusalReason.DISK_FULL, 2)
            refusals += 1
        was_refused, was_full = phone.release == 2, disk.writes_left == 0
        # Even switched off and on with a full disk, it answers.
        phone = make_phone(city.web.url, f"phones/{writes}")
        assert phone.classify(pictures.jpeg("glass")).label == "glass"
        assert phone.release == (2 if was_refused else 3)
        disk.writes_left = -1
        assert phone.update() == (UpdateState.UPDATED if was_refused else UpdateState.UP_TO_DATE)
        assert phone.release == 3
        if not was_full:
            break
        writes += 1
    assert refusals >= 8, "timestamp, snapshot, targets, channels, pointer, two of the release, and the swap"


def test_a_download_does_not_begin_without_room_for_all_of_it(
    phone: Phone, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    monkeypatch.setattr(target_download, "_ROOM_TO_LEAVE_BYTES", 2**60)
    with pytest.raises(UpdateRefused, match="free some") as caught:
        phone.update()
    assert caught.value.reason == RefusalReason.DISK_FULL
    assert city.web.moved(".stable.json") == 0 or phone.release == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # The model of a phone is still mapped.


def test_on_a_real_disk_that_is_full_the_phone_answers_refuses_and_later_updates(
    city: City, small_disk: Path, bundled: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_download, "_ROOM_TO_LEAVE_BYTES", 0)
    city.publish(desired(1, 2, current=2))
    phone = Phone(small_disk / "phone", city.web.url, keys.trusted_root, bundled)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    city.publish(desired(1, 2, 3, current=3))
    left_bytes, ballast = 0, small_disk / "photos-of-the-holiday"
    while phone.release == 2:
        ballast.unlink(missing_ok=True)
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - left_bytes))
        try:
            phone.update()
            break
        except UpdateRefused as refusal:
            assert refusal.reason == RefusalReason.DISK_FULL
        assert (phone.release, phone.classify(pictures.jpeg("glass")).label) == (2, "glass")
        phone.close()
        phone = Phone(small_disk / "phone", city.web.url, keys.trusted_root, bundled)
        assert phone.release == 2
        left_bytes += 4096
    assert phone.release == 3
    assert left_bytes >= 2 * 4096, "it was refused at least twice"
    phone.close()
