"""What changed between two data sets, on both databases."""

import pytest
from sqlmodel import Session

from backend.datasets import snapshot_differences
from backend.datasets.snapshot_differences import Change
from backend.tables import DatasetSnapshotPhoto, PhotoSource
from tests.backend import staff_world

Put = dict[str, tuple[str, str]]


def freeze(session: Session, photos: Put) -> int:
    number = staff_world.frozen_snapshot(session)
    for photo_id, (label, split) in photos.items():
        session.add(DatasetSnapshotPhoto(snapshot_id=number, photo_id=photo_id, label=label, split=split))
    session.flush()
    return number


@pytest.fixture
def photos(session: Session) -> list[str]:
    return [staff_world.photo(session, place="North" if number else "South").id for number in range(4)]


def test_every_photo_is_added_removed_or_kept(session: Session, photos: list[str]) -> None:
    ada = staff_world.person(session, areas=["North"])
    south, one, two, three = photos
    older = freeze(session, {south: ("glass", "train"), one: ("glass", "train"), two: ("glass", "train")})
    newer = freeze(session, {one: ("metal", "holdout"), two: ("glass", "train"), three: ("glass", "train")})
    found = snapshot_differences.between(session, ada, older, newer)
    assert found.kept == 2
    assert found.totals == {Change.ADDED: 1, Change.REMOVED: 1, Change.RELABELLED: 1, Change.MOVED: 1}
    assert found.by_label == {
        "glass": {Change.ADDED: 1, Change.REMOVED: 1},
        "metal": {Change.RELABELLED: 1, Change.MOVED: 1},
    }
    assert found.examples[Change.REMOVED] == []  # It lies in the South, where Ada does not work.
    assert [(each.photo_id, each.before, each.after) for each in found.examples[Change.MOVED]] == [
        (one, ("glass", "train"), ("metal", "holdout"))
    ]
    assert [each.before for each in found.examples[Change.ADDED]] == [None]
    same = snapshot_differences.between(session, ada, newer, newer)
    assert (same.kept, set(same.totals.values())) == (3, {0})


def test_photos_are_counted_by_class_split_and_source(session: Session) -> None:
    sent = staff_world.photo(session).id
    imported = staff_world.photo(session, source=PhotoSource.IMPORT).id
    number = freeze(session, {sent: ("glass", "train"), imported: ("glass", "train")})
    assert snapshot_differences.counts_by_source(session, number) == {
        ("train", "glass"): {PhotoSource.SUBMISSION: 1, PhotoSource.IMPORT: 1}
    }
