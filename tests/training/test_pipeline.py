from pathlib import Path

import numpy as np
import pytest

from mobile_models import photo as photos
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from training import dataset
from training.dataset import DataError, DatasetSnapshot, Split
from training.fitting import pipeline
from training.fitting.pipeline import Pictures

SPEC = InputSpec(width=32, height=32)


@pytest.fixture
def snapshot(snapshot_directory: Path) -> DatasetSnapshot:
    return DatasetSnapshot.read(snapshot_directory / "snapshot.json")


@pytest.fixture
def holdout(snapshot_directory: Path, snapshot: DatasetSnapshot, tmp_path: Path) -> Pictures:
    return pipeline.load(snapshot_directory, snapshot.of(Split.HOLDOUT), TRASHNET, SPEC, tmp_path)


def test_pictures_are_what_a_phone_feeds(snapshot_directory: Path, holdout: Pictures) -> None:
    assert holdout.pixels.shape == (24, 32, 32, 3)
    for photo, pixels, label in zip(holdout.photos, holdout.pixels, holdout.labels, strict=True):
        content = (snapshot_directory / "photos" / f"{photo.sha256}.jpg").read_bytes()
        assert np.array_equal(pixels, SPEC.prepare(photos.decode(content))[0])
        assert TRASHNET.ids[label] == photo.label


def test_photos_are_decoded_once(
    snapshot_directory: Path, snapshot: DatasetSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = snapshot.of(Split.TRAIN)
    first = pipeline.load(snapshot_directory, chosen, TRASHNET, SPEC, tmp_path)
    monkeypatch.delattr(photos, "decode")
    again = pipeline.load(snapshot_directory, chosen, TRASHNET, SPEC, tmp_path)
    assert np.array_equal(first.pixels, again.pixels)
    with pytest.raises(AttributeError):
        pipeline.load(snapshot_directory, chosen, TRASHNET, InputSpec(width=48, height=48), tmp_path)


def test_photos_that_cannot_be_read_are_all_named(tmp_path: Path, snapshot: DatasetSnapshot) -> None:
    (tmp_path / "photos").mkdir()
    missing, damaged = snapshot.photos[:2]
    (tmp_path / "photos" / f"{damaged.sha256}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError) as refused:
        pipeline.load(tmp_path, (missing, damaged), TRASHNET, SPEC, tmp_path)
    assert missing.sha256 in str(refused.value)
    assert damaged.sha256 in str(refused.value)
    assert not list(tmp_path.glob("*.npy"))


def test_a_photo_that_was_changed_after_freezing_is_named(tmp_path: Path, snapshot: DatasetSnapshot) -> None:
    """Snapshots hold links to photos, which somebody may edit."""
    photo = snapshot.photos[0]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / f"{photo.sha256}.jpg").write_bytes(jpeg("trash", 99))
    with pytest.raises(DataError, match="changed after the snapshot was frozen"):
        pipeline.load(tmp_path, (photo,), TRASHNET, SPEC, tmp_path)


def test_a_class_without_photos_is_refused(snapshot: DatasetSnapshot) -> None:
    without = tuple(each for each in snapshot.photos if (each.label, each.split) != ("trash", Split.HOLDOUT))
    with pytest.raises(DataError, match="The holdout split has no photo of trash"):
        dataset.check(snapshot.model_copy(update={"photos": without}))


def test_a_class_with_few_photos_is_warned_of(snapshot: DatasetSnapshot) -> None:
    assert dataset.check(snapshot) == []
    trash = [each for each in snapshot.photos if (each.label, each.split) == ("trash", Split.TRAIN)]
    few = tuple(each for each in snapshot.photos if each not in trash[9:])
    assert dataset.check(snapshot.model_copy(update={"photos": few})) == [
        "There are only 9 photos of trash to train on; expect it to be recognised badly."
    ]
