from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mobile_models.document import sha256
from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from tests.training.conftest import draw_folder
from training import dataset
from training.data.frozen_record import FrozenRecord
from training.dataset import (
    DataError,
    DatasetSnapshot,
    SeenPhotos,
    SnapshotPhoto,
    Split,
    SplitFractions,
    SplitItem,
    fold_groups,
    split_groups,
)


def photo(number: int, split: Split, label: str = "glass", group: str | None = None) -> SnapshotPhoto:
    digest = sha256(str(number).encode())
    return SnapshotPhoto(sha256=digest, label=label, split=split, group=group or f"group-{number}")


def snapshot(*photos: SnapshotPhoto) -> DatasetSnapshot:
    return DatasetSnapshot(label_set=TRASHNET, photos=photos)


items = st.lists(
    st.builds(
        SplitItem,
        photo=st.uuids().map(str),
        label=st.sampled_from(TRASHNET.ids),
        group=st.integers(0, 30).map(str),
    ),
    unique_by=lambda item: item.photo,
    max_size=80,
)


@given(items, st.data())
def test_a_group_is_in_one_split_whatever_was_assigned_before(given: list[SplitItem], data: st.DataObject) -> None:
    assigned = {item.photo: data.draw(st.sampled_from(Split)) for item in given if data.draw(st.booleans())}
    splits = split_groups(given, assigned=assigned)
    found = defaultdict(set)
    for item in given:
        if item.photo in splits:
            found[item.group].add(splits[item.photo])
    assert all(len(each) == 1 for each in found.values())
    for item in given:
        if assigned.get(item.photo) == Split.HOLDOUT:
            assert splits[item.photo] == Split.HOLDOUT
        elif item.photo in assigned and item.photo in splits:
            assert splits[item.photo] != Split.HOLDOUT


@given(items, st.randoms())
def test_the_order_of_the_photos_does_not_matter(given: list[SplitItem], chance: object) -> None:
    shuffled = list(given)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_groups(given) == split_groups(shuffled)


def test_a_group_that_touches_the_holdout_goes_there_without_what_was_trained_on() -> None:
    group = [SplitItem(name, "glass", "bottle") for name in ("held", "trained", "new")]
    assert split_groups(group, assigned={"held": Split.HOLDOUT, "trained": Split.TRAIN}) == {
        "held": Split.HOLDOUT,
        "new": Split.HOLDOUT,
    }


def test_each_label_is_split_near_its_fractions() -> None:
    given = [
        SplitItem(f"{label}-{number}", label, f"{label}-{number // 2}")
        for label, count in (("glass", 200), ("trash", 40))
        for number in range(count)
    ]
    splits = split_groups(given, SplitFractions(0.7, 0.1, 0.2))
    counts = Counter((item.label, splits[item.photo]) for item in given)
    assert [counts["glass", split] for split in Split] == [140, 20, 40]
    assert [counts["trash", split] for split in Split] == [28, 4, 8]


def test_large_groups_do_not_all_go_to_one_split() -> None:
    given = [
        SplitItem(f"{group}-{n}", "glass", str(group)) for group in range(40) for n in range(10 if group < 20 else 1)
    ]
    sizes = defaultdict(list)
    for group, split in {item.group: split_groups(given)[item.photo] for item in given}.items():
        sizes[split].append(10 if int(group) < 20 else 1)
    assert all(10 in sizes[split] and 1 in sizes[split] for split in Split)


def test_a_very_large_group_goes_to_train() -> None:
    given = [SplitItem(f"one-{n}", "glass", "one") for n in range(60)]
    given += [SplitItem(f"other-{n}", "glass", f"other-{n}") for n in range(60)]
    assert split_groups(given)["one-0"] == Split.TRAIN


def test_another_seed_gives_another_split() -> None:
    given = [SplitItem(str(n), "glass", str(n)) for n in range(50)]
    assert split_groups(given, seed=0) != split_groups(given, seed=1)
    assert split_groups(given, seed=1) == split_groups(given, seed=1)


def test_fractions_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        SplitFractions(0.7, 0.1, 0.3)


def test_equal_photos_give_one_digest_whatever_their_order() -> None:
    first, second = photo(1, Split.TRAIN), photo(2, Split.HOLDOUT)
    assert snapshot(first, second).digest == snapshot(second, first).digest
    assert snapshot(first, second).digest != snapshot(first).digest


@pytest.mark.parametrize(
    ("photos", "complaint"),
    [
        ((photo(1, Split.TRAIN, "sofa"),), "not in the label set"),
        ((photo(1, Split.TRAIN), photo(1, Split.TRAIN)), "more than once"),
        ((photo(1, Split.TRAIN, group="a"), photo(2, Split.HOLDOUT, group="a")), "more than one split"),
    ],
)
def test_an_inconsistent_snapshot_is_refused(photos: tuple[SnapshotPhoto, ...], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        snapshot(*photos)


def test_the_holdout_digest_depends_on_the_holdout_alone() -> None:
    held, digest = photo(1, Split.HOLDOUT), dataset.holdout_digest
    assert digest(snapshot(held, photo(2, Split.TRAIN))) == digest(snapshot(held, photo(3, Split.TRAIN)))
    relabelled = held.model_copy(update={"label": "metal"})
    assert digest(snapshot(held)) != digest(snapshot(relabelled))


def test_a_folder_is_read_with_its_groups(drawn_folder: Path) -> None:
    files = dataset.read_folder(drawn_folder)
    assert Counter(file.label for file in files) == dict.fromkeys(TRASHNET.ids, 20)
    assert len({file.group for file in files}) == 60


def test_a_folder_without_photos_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no photo"):
        dataset.read_folder(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        dataset.read_folder(tmp_path / "nowhere")


def test_groups_that_name_no_photo_are_an_error(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "drawn", 1)
    (folder / "groups.csv").write_text("file,object_group\nglass1.jpg,1\n")
    with pytest.raises(DataError, match=r"name them like cardboard/000\.jpg"):
        dataset.read_folder(folder)
    (folder / "groups.csv").write_text("photo,group\na,1\n")
    with pytest.raises(DataError, match="columns file and object_group"):
        dataset.read_folder(folder)


def test_copies_contradictions_and_damaged_files_are_left_out_and_listed(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "drawn", 3)
    (folder / "groups.csv").unlink()
    (folder / "glass" / "copy.jpg").write_bytes((folder / "glass" / "000.jpg").read_bytes())
    (folder / "metal" / "contradiction.jpg").write_bytes((folder / "glass" / "001.jpg").read_bytes())
    (folder / "metal" / "damaged.jpg").write_bytes(jpeg("metal")[:300])
    frozen = dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    assert len(frozen.snapshot.photos) == 18 - 1
    assert len(frozen.left_out) == 4
    files = {path.stem for path in (tmp_path / "snapshot" / "photos").iterdir()}
    assert files == {each.sha256 for each in frozen.snapshot.photos}


def test_a_frozen_folder_reads_back(snapshot_directory: Path) -> None:
    read = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    assert read.counts() == {
        "train": dict.fromkeys(TRASHNET.ids, 14),
        "validation": dict.fromkeys(TRASHNET.ids, 2),
        "holdout": dict.fromkeys(TRASHNET.ids, 4),
    }
    for each in read.photos:
        assert sha256((snapshot_directory / "photos" / f"{each.sha256}.jpg").read_bytes()) == each.sha256


def test_a_release_remembers_the_split_of_each_photo_by_the_bytes_that_first_came(snapshot_directory: Path) -> None:
    read = DatasetSnapshot.read(snapshot_directory / "snapshot.json")
    seen = SeenPhotos.of(read)
    assert seen.splits() == {each.origin_sha256: each.split for each in read.photos}


def test_a_model_that_goes_on_from_another_has_seen_what_that_one_learned() -> None:
    one, two, three, four, five = (sha256(bytes([number])) for number in range(5))
    earlier = SeenPhotos(train=(one, two), validation=(three,), holdout=(five,))
    later = SeenPhotos(train=(three,), validation=(two, four), holdout=()).after(earlier)
    assert set(later.train) == {one, two, three}
    assert (later.validation, later.holdout) == ((four,), ())


def test_labels_make_a_label_set() -> None:
    assert dataset.label_set_of(reversed(TRASHNET.ids)) == TRASHNET
    assert dataset.label_set_of(["stone", "green_glass"]).ids == ("green_glass", "stone")
    with pytest.raises(DataError, match="Sofa bed"):
        dataset.label_set_of(["Sofa bed", "glass"])


@pytest.mark.parametrize("photos", [4, 5, 7, 10])
def test_even_a_rare_label_is_in_every_split(photos: int) -> None:
    splits = split_groups([SplitItem(str(n), "trash", str(n)) for n in range(photos)])
    assert set(splits.values()) == set(Split)


def test_a_split_without_a_share_stays_empty() -> None:
    splits = split_groups([SplitItem(str(n), "trash", str(n)) for n in range(20)], SplitFractions(0.8, 0.2, 0.0))
    assert Counter(splits.values()) == {Split.TRAIN: 16, Split.VALIDATION: 4}


def test_a_random_split_tears_objects_apart_and_says_so(drawn_folder: Path, tmp_path: Path) -> None:
    dataset.freeze_folder(drawn_folder, tmp_path / "grouped", TRASHNET)
    frozen = dataset.freeze_folder(drawn_folder, tmp_path / "random", TRASHNET, grouped=False)
    objects = {file.path.read_bytes(): file.group for file in dataset.read_folder(drawn_folder)}
    sides = defaultdict(set)
    for each in frozen.snapshot.photos:
        content = (tmp_path / "random" / "photos" / f"{each.sha256}.jpg").read_bytes()
        sides[objects[content]].add(each.split)
    assert any(len(found) > 1 for found in sides.values())
    assert not FrozenRecord.read(tmp_path / "random" / "frozen.json").grouped
    assert FrozenRecord.read(tmp_path / "grouped" / "frozen.json").grouped


@given(st.integers(2, 6), st.integers(0, 5))
def test_each_fold_holds_whole_groups_and_its_share_of_each_label(folds: int, seed: int) -> None:
    given = [
        SplitItem(f"{label}-{number}", label, f"{label}-{number // 2}")
        for label, count in (("glass", 60), ("trash", 24))
        for number in range(count)
    ]
    found = fold_groups(given, folds, seed)
    assert set(found.values()) == set(range(folds))
    assert len({(item.group, found[item.photo]) for item in given}) == 42
    for label, count in (("glass", 60), ("trash", 24)):
        sizes = Counter(found[item.photo] for item in given if item.label == label)
        assert max(sizes.values()) - min(sizes.values()) <= 2, f"{count} photos of {label} in pairs"


def test_folds_do_not_depend_on_order_and_do_on_the_seed() -> None:
    given = [SplitItem(str(n), "glass", str(n)) for n in range(30)]
    assert fold_groups(given, 3) == fold_groups(given[::-1], 3)
    assert fold_groups(given, 3) != fold_groups(given, 3, seed=1)


def test_more_folds_than_groups_of_a_label_are_refused() -> None:
    given = [SplitItem(f"{label}{n}", label, f"{label}{n // 2}") for label in ("glass", "trash") for n in range(6)]
    with pytest.raises(DataError, match="choose 3 folds or fewer"):
        fold_groups([*given, *(SplitItem(f"more{n}", "glass", f"more{n}") for n in range(9))], 5)
    with pytest.raises(DataError, match="two folds or more"):
        fold_groups(given, 1)


def test_contradictions_are_recorded_for_programs(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "drawn", 3)
    (folder / "metal" / "same.jpg").write_bytes((folder / "glass" / "001.jpg").read_bytes())
    (folder / "glass" / "copy.jpg").write_bytes((folder / "glass" / "002.jpg").read_bytes())
    frozen = dataset.freeze_folder(folder, tmp_path / "snapshot", TRASHNET)
    record = FrozenRecord.read(tmp_path / "snapshot" / "frozen.json")
    assert record.snapshot == frozen.snapshot.digest
    assert {(each.path, each.label, each.twin, each.twin_label) for each in record.contradictions} == {
        ("metal/same.jpg", "metal", "glass/001.jpg", "glass"),
        ("glass/001.jpg", "glass", "metal/same.jpg", "metal"),
    }
    assert [each.path for each in record.left_out if each.reason == "copy"] == ["glass/copy.jpg"]
    assert len((tmp_path / "snapshot" / "left_out.txt").read_text().splitlines()) == 3
