"""Photos come into a snapshot once, by link or by copy, and a full disk leaves nothing that looks finished."""

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from tests.training.conftest import draw_folder
from training import dataset, disk_space
from training.data import photo_copies
from training.data.labelled_files import DataError, LabelledFile, Reason


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "drawn", 2)


def refuse_links(source: object, target: object) -> None:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_photos_are_linked_where_the_disk_allows_it(folder: Path, tmp_path: Path) -> None:
    dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    inodes = {file.stat().st_ino for file in folder.glob("*/*.jpg")}
    assert {file.stat().st_ino for file in (tmp_path / "snapshot" / "photos").iterdir()} == inodes


def test_photos_on_another_disk_are_copied(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = dataset.freeze_folder(folder, tmp_path / "linked", TRASHNET)
    monkeypatch.setattr(os, "link", refuse_links)
    copied = dataset.freeze_folder(folder, tmp_path / "copied", TRASHNET)
    assert copied.snapshot.digest == linked.snapshot.digest
    assert {file.stat().st_nlink for file in (tmp_path / "copied" / "photos").iterdir()} == {1}
    names = {file.name for file in (tmp_path / "linked" / "photos").iterdir()}
    assert {file.name for file in (tmp_path / "copied" / "photos").iterdir()} == names


def test_a_link_to_a_photo_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.jpg").write_bytes(jpeg())
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing.jpg")
    files = [LabelledFile(tmp_path / f"{name}.jpg", "glass", name) for name in ("link", "dangling")]
    taken = photo_copies.take(files, tmp_path / "photos")
    (file,) = (tmp_path / "photos").iterdir()
    assert not file.is_symlink()
    assert [(each.path.name, each.reason) for each in taken.left_out] == [("dangling.jpg", Reason.UNREADABLE)]
    assert str(taken.left_out[0]).endswith("cannot be read: No such file or directory")


def test_a_disk_that_is_too_full_is_noticed_before_anything_is_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 1234))
    needed = sum(file.stat().st_size for file in folder.glob("*/*.jpg")) + disk_space.SPARE_BYTES
    with pytest.raises(DataError, match=f"need {needed:,} bytes, and 1,234 are free"):
        dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    assert list((tmp_path / "snapshot" / "photos").iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_is_given_back_what_was_taken(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    write, written = Path.write_bytes, []

    def fills_up(file: Path, content: bytes) -> int:
        written.append(file)
        if len(written) == 4:
            write(file, content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", fills_up)
    with pytest.raises(DataError, match=r"is full: the photos did not fit after [\d,]+ bytes"):
        dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    assert list((tmp_path / "snapshot").iterdir()) == []


def test_a_disk_that_is_full_for_the_last_file_leaves_no_snapshot(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def is_full(file: Path, content: bytes) -> int:
        if file.name.startswith("snapshot.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", is_full)
    with pytest.raises(DataError, match=r"cannot be written .* No space left on device"):
        dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    assert not (tmp_path / "snapshot" / "snapshot.json").exists()
    monkeypatch.undo()
    assert len(dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET).snapshot.photos) == 12


def test_a_file_where_the_snapshot_should_be_is_said_to_be_in_the_way(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_text("a file")
    with pytest.raises(DataError, match=r"cannot be brought to .*snapshot/photos"):
        dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)


def test_empty_and_damaged_files_are_listed_with_their_reason(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("text", b"no photo"), ("cut", jpeg()[:400]), ("good", jpeg())):
        (tmp_path / f"{name}.jpg").write_bytes(content)
    files = [LabelledFile(file, "glass", file.name) for file in sorted(tmp_path.glob("*.jpg"))]
    taken = photo_copies.take(files, tmp_path / "photos")
    assert [file.path.name for file in taken.kept.values()] == ["good.jpg"]
    assert {each.path.stem: each.reason for each in taken.left_out} == dict.fromkeys(
        ("cut", "empty", "text"), Reason.UNREADABLE
    )
    assert "the file is empty" in "".join(map(str, taken.left_out))


def test_room_for_a_memory_map_is_reserved_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pixels"
    file.write_bytes(b"head")
    disk_space.reserve(file, 1_000_000, "the pictures")
    assert file.stat().st_size == 1_000_000
    assert file.stat().st_blocks * 512 >= 1_000_000
    assert file.read_bytes()[:4] == b"head"
    with pytest.raises(DataError, match="the pictures need 1,125,899,923,619,840 bytes"):
        disk_space.reserve(file, 2**50, "the pictures")

    def is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", is_full)
    with pytest.raises(DataError, match="is full: the pictures need 1,000 bytes"):
        disk_space.reserve(file, 1000, "the pictures")
