"""One way from what a person names to a snapshot, for all who train and measure."""

from collections import Counter
from pathlib import Path

import pytest

from mobile_models import label_set as label_sets
from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from training.data import photo_source
from training.data.frozen_record import FrozenRecord
from training.data.labelled_files import DataError
from training.data.photo_source import PhotoSource
from training.data.splits import Split, SplitFractions, SplitItem, SplitPlan, keep_own_split


def photos(folder: Path, count: int = 10) -> Path:
    for start, label in enumerate(("banana_peel", "drink_can")):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            (folder / label / f"{number}.jpg").write_bytes(jpeg("glass", start * 100 + number, size=(16, 16)))
    return folder


def test_the_same_source_again_is_the_snapshot_that_is_there(tmp_path: Path) -> None:
    source = PhotoSource(photos(tmp_path / "photos"))
    first = photo_source.prepare(source, tmp_path / "snapshot")
    (tmp_path / "photos" / "drink_can" / "0.jpg").unlink()
    again = photo_source.prepare(source, tmp_path / "snapshot")
    assert again.snapshot == first.snapshot
    frozen = photo_source.prepare(PhotoSource(tmp_path / "snapshot"), tmp_path / "unused")
    assert (frozen.directory, frozen.snapshot) == (tmp_path / "snapshot", first.snapshot)
    assert not (tmp_path / "unused").exists()


def test_another_split_of_what_is_frozen_is_refused(tmp_path: Path) -> None:
    source = PhotoSource(photos(tmp_path / "photos"))
    photo_source.prepare(source, tmp_path / "snapshot", SplitPlan(seed=1))
    with pytest.raises(DataError, match="frozen with another seed and grouped"):
        photo_source.prepare(source, tmp_path / "snapshot", SplitPlan(seed=2, grouped=False))
    with pytest.raises(DataError, match="frozen with another source"):
        photo_source.prepare(PhotoSource(tmp_path / "others"), tmp_path / "snapshot", SplitPlan(seed=1))
    (tmp_path / "snapshot" / "frozen.json").unlink()
    with pytest.raises(DataError, match="does not say what it was frozen from"):
        photo_source.prepare(source, tmp_path / "snapshot", SplitPlan(seed=1))


def test_another_reading_of_what_is_frozen_is_refused(tmp_path: Path) -> None:
    folder, target = photos(tmp_path / "photos"), tmp_path / "snapshot"
    (tmp_path / "map.csv").write_text("name,label\nbanana_peel,trash\ndrink_can,metal\n")
    mapped = PhotoSource(folder, label_map=str(tmp_path / "map.csv"))
    first = photo_source.prepare(mapped, target)
    assert photo_source.prepare(mapped, target).snapshot == first.snapshot
    with pytest.raises(DataError, match="frozen with another label_map"):
        photo_source.prepare(PhotoSource(folder), target)
    with pytest.raises(DataError, match="frozen with another label_set"):
        photo_source.prepare(PhotoSource(folder, label_map=mapped.label_map, label_set="trashnet"), target)
    (tmp_path / "map.csv").write_text("name,label\nbanana_peel,metal\ndrink_can,trash\n")
    with pytest.raises(DataError, match="frozen with another label_map"):
        photo_source.prepare(mapped, target)


def test_a_folder_without_photos_is_warned_of(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "eggshell" / "later").mkdir(parents=True)
    (folder / ".cache").mkdir()
    prepared = photo_source.prepare_to_train(PhotoSource(folder), tmp_path / "snapshot")
    about_folders = [warning for warning in prepared.warnings if "folder" in warning]
    assert about_folders == ["The folder eggshell holds no photo, so it adds no label."]


def test_groups_of_labels_are_trained_on_through_a_map_or_as_fine_labels(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    grouped = PhotoSource(folder, label_map="four_groups_to_waste_groups", label_set="waste_groups")
    snapshot = photo_source.prepare(grouped, tmp_path / "grouped").snapshot
    assert snapshot.label_set == label_sets.load("waste_groups")
    assert Counter(each.label for each in snapshot.photos) == {"kitchen": 10, "recyclable": 10}
    fine = photo_source.prepare(PhotoSource(folder, label_set="four_groups"), tmp_path / "fine").snapshot
    assert fine.label_set.groups["kitchen"][0] == "banana_peel"


def test_a_label_set_names_the_numbers_of_a_layout_that_has_no_names(tmp_path: Path) -> None:
    for number, position in enumerate((0, 23)):
        (tmp_path / f"img_{number}.jpg").write_bytes(jpeg("glass", number))
        (tmp_path / f"img_{number}.txt").write_text(f"img_{number}.jpg, {position}")
    reading = PhotoSource(tmp_path, label_set="junk_sorting").read()
    assert [file.label for file in reading.files] == ["disposable_lunch_box", "drink_can"]


def test_all_photos_are_measured_with_the_labels_of_the_model_where_it_knows_them(tmp_path: Path) -> None:
    (tmp_path / "photos" / "glass").mkdir(parents=True)
    (tmp_path / "photos" / "glass" / "1.jpg").write_bytes(jpeg("glass"))
    source = PhotoSource(tmp_path / "photos")
    measured = photo_source.measured(source, tmp_path / "snapshot", TRASHNET)
    assert measured.snapshot.label_set == TRASHNET
    assert [each.split for each in measured.snapshot.photos] == [Split.HOLDOUT]
    with pytest.raises(DataError, match="are not two or more labels"):
        photo_source.measured(source, tmp_path / "other")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"label_set": "nothing"}, "There is no label set 'nothing'"),
        ({"label_set": "trashnet"}, "classes that are no labels: banana_peel, drink_can"),
        ({"label_map": "MAP"}, "leaves no photo"),
        ({"names": Path("nothing.txt")}, "holds no class names"),
    ],
)
def test_what_does_not_fit_the_photos_is_refused(tmp_path: Path, source: dict[str, object], complaint: str) -> None:
    (tmp_path / "map.csv").write_text("name,label\nbanana_peel,\n")
    folder = photos(tmp_path / "photos", 1)
    chosen = {name: str(tmp_path / "map.csv") if value == "MAP" else value for name, value in source.items()}
    with pytest.raises(DataError, match=complaint):
        photo_source.prepare(PhotoSource(folder, **chosen), tmp_path / "snapshot")  # type: ignore[arg-type]


def test_the_split_that_a_set_came_with_is_kept_on_request(tmp_path: Path) -> None:
    photos(tmp_path / "photos" / "train")
    for number in range(3):
        for label in ("banana_peel", "drink_can"):
            file = tmp_path / "photos" / "test" / label / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(jpeg("metal", 50 + number + 10 * (label == "drink_can"), size=(16, 16)))
    (tmp_path / "photos" / "groups.csv").write_text(
        "file,object_group\ntrain/drink_can/0.jpg,5\ntest/drink_can/0.jpg,5\n"
    )
    plan = SplitPlan(own_split=True)
    prepared = photo_source.prepare(PhotoSource(tmp_path / "photos"), tmp_path / "snapshot", plan)
    counts = prepared.snapshot.counts()
    assert counts["holdout"] == {"banana_peel": 3, "drink_can": 3}
    assert counts["validation"]["banana_peel"] == 1, "the set has no validation split, so train gives one"
    (left_out,) = prepared.left_out
    assert left_out.path.parts[-3:] == ("train", "drink_can", "0.jpg")
    assert "its group object-5 is in the holdout" in str(left_out)
    assert FrozenRecord.read(tmp_path / "snapshot" / "frozen.json").own_split


def test_a_set_with_all_three_splits_keeps_each_photo_where_it_is() -> None:
    own = {f"{split}-{n}": split.value for split in Split for n in range(5)}
    items = [SplitItem(photo, "glass", photo) for photo in own]
    assert keep_own_split(items, own, SplitFractions()) == own
    without_test = {photo: side for photo, side in own.items() if side != "holdout"}
    kept = keep_own_split([item for item in items if item.photo in without_test], without_test, SplitFractions())
    assert {photo for photo, side in kept.items() if side is Split.VALIDATION} == {f"validation-{n}" for n in range(5)}
    assert Split.HOLDOUT in kept.values()


def test_what_cannot_be_trained_on_is_frozen_anew_when_there_are_more_photos(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 2)
    source = PhotoSource(folder)
    with pytest.raises(DataError, match="has no photo of banana_peel, drink_can"):
        photo_source.prepare_to_train(source, tmp_path / "snapshot")
    for label, start in (("banana_peel", 20), ("drink_can", 40)):
        for number in range(start, start + 8):
            (folder / label / f"{number}.jpg").write_bytes(jpeg("metal", number, size=(16, 16)))
    prepared = photo_source.prepare_to_train(source, tmp_path / "snapshot")
    assert len(prepared.snapshot.photos) == 20
    assert prepared.warnings == tuple(
        f"There are only 7 photos of {label} to train on; expect it to be recognised badly."
        for label in ("banana_peel", "drink_can")
    )
