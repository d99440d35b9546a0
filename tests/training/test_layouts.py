"""Each layout is written as its users write it, and read into the same labelled files."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mobile_models import label_set as label_sets
from mobile_models.photo import decode
from tests.pictures import draw, jpeg, save
from training.data import layouts, photo_copies
from training.data.labelled_files import DataError, Reading, Reason
from training.data.layouts import LabelMap
from training.data.layouts.class_names import label_id, label_ids


def photo(file: Path, seed: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(jpeg("glass", seed, size=(16, 16)))
    return file


def labels(reading: Reading) -> dict[str, str]:
    return {file.path.relative_to(reading.directory).as_posix(): file.label for file in reading.files}


def coco(images: list[str], annotations: list[tuple[int, int]], names: tuple[str, ...] = ("Can", "Jar")) -> str:
    """Images are numbered from 10; annotations are pairs of image and category."""
    content = {
        "images": [{"id": n, "file_name": name, "width": 16} for n, name in enumerate(images, start=10)],
        "annotations": [
            {"image_id": image, "category_id": category, "bbox": [0, 0, 4, 4]} for image, category in annotations
        ],
        "categories": [{"id": n, "name": name, "supercategory": "Hard"} for n, name in enumerate(names)],
    }
    return json.dumps(content)


def test_folders_name_their_labels(tmp_path: Path) -> None:
    photo(tmp_path / "Green glass" / "a.jpg")
    photo(tmp_path / "paper" / "b.PNG")
    photo(tmp_path / "paper" / "more" / "deep.jpg")
    photo(tmp_path / "paper" / "._b.jpg")
    (tmp_path / "paper" / "notes.doc").write_text("no photo")
    reading = layouts.read(tmp_path)
    assert reading.layout == "folders"
    assert labels(reading) == {"Green glass/a.jpg": "green_glass", "paper/b.PNG": "paper"}
    assert sorted(each.path.name for each in reading.left_out) == ["deep.jpg", "notes.doc"]


def test_folders_in_folders_name_the_groups_of_their_labels(tmp_path: Path) -> None:
    photo(tmp_path / "kitchen" / "eggshell" / "1.jpg")
    photo(tmp_path / "recyclable" / "hat" / "1.jpg")
    (tmp_path / "manifest.csv").write_text("file,group\n")
    reading = layouts.read(tmp_path)
    assert reading.layout == "groups"
    assert labels(reading) == {"kitchen/eggshell/1.jpg": "eggshell", "recyclable/hat/1.jpg": "hat"}
    assert reading.label_groups == {"eggshell": "kitchen", "hat": "recyclable"}
    photo(tmp_path / "other" / "hat" / "2.jpg")
    with pytest.raises(DataError, match="hat is in other and in recyclable"):
        _ = layouts.read(tmp_path).label_groups


def test_a_text_beside_each_photo_holds_its_class_number(tmp_path: Path) -> None:
    for number, text in enumerate(("img_0.jpg, 1", "img_1.jpg,0\n", "another.jpg, 0", "img_3.jpg glass")):
        photo(tmp_path / "data" / f"img_{number}.jpg", number)
        (tmp_path / "data" / f"img_{number}.txt").write_text(text)
    photo(tmp_path / "data" / "img_4.jpg")
    reading = layouts.read(tmp_path)
    assert reading.layout == "pairs"
    assert labels(reading) == {"data/img_0.jpg": "class_1", "data/img_1.jpg": "class_0"}
    assert [each.path.name for each in reading.left_out] == ["img_2.jpg", "img_3.jpg", "img_4.jpg"]
    assert {each.reason for each in reading.left_out} == {Reason.NO_SINGLE_LABEL}
    named = layouts.read(tmp_path, names=("Wine bottle", "Pot"))
    assert labels(named) == {"data/img_0.jpg": "pot", "data/img_1.jpg": "wine_bottle"}
    with pytest.raises(DataError, match="names for the classes 0 to 0, and a photo of class 1"):
        layouts.read(tmp_path, names=("Pot",))


def test_coco_gives_a_label_to_photos_with_one_category(tmp_path: Path) -> None:
    names = ["can.jpg", "both.jpg", "none.jpg", "two_cans.jpg"]
    for seed, name in enumerate(names):
        photo(tmp_path / "images" / name, seed)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(
        coco(names, [(10, 0), (11, 0), (11, 1), (13, 0), (13, 0)])
    )
    reading = layouts.read(tmp_path)
    assert reading.layout == "coco"
    assert labels(reading) == {"images/can.jpg": "can", "images/two_cans.jpg": "can"}
    assert reading.label_groups == {"can": "hard"}
    assert {file.own_split for file in reading.files} == {"validation"}
    assert [str(each).partition(": ")[2] for each in reading.left_out] == [
        "shows several categories: Can, Jar",
        "has no annotation",
    ]


def test_coco_boxes_are_cut_out_and_those_of_one_photo_stay_together(tmp_path: Path) -> None:
    picture = draw("glass", size=(100, 80))
    (tmp_path / "1.png").write_bytes(save(picture, "PNG"))
    (tmp_path / "2.png").write_bytes(save(picture.resize((50, 40)), "PNG"))
    image = {"width": 100, "height": 80}
    content = {
        "images": [{"id": 1, "file_name": "1.png", **image}, {"id": 2, "file_name": "2.png", **image}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [10.4, 20.0, 40.0, 39.5]},
            {"image_id": 1, "category_id": 2, "bbox": [60, 0, 60, 80]},
            {"image_id": 1, "category_id": 2, "bbox": [0, 0, 80, 12]},
            {"image_id": 2, "category_id": 1, "bbox": [0, 0, 40, 40]},
        ],
        "categories": [{"id": 1, "name": "Can"}, {"id": 2, "name": "Jar"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    reading = layouts.read(tmp_path, "coco_boxes")
    assert [(file.label, file.group) for file in reading.files] == [
        ("can", "1.png"),
        ("jar", "1.png"),
        ("can", "2.png"),
    ]
    assert [each.reason for each in reading.left_out] == [Reason.TOO_SMALL]
    taken = photo_copies.take(reading.files, tmp_path / "photos")
    assert ["has 50 x 40 pixels" in str(each) for each in taken.left_out] == [True]
    parts = {
        file.label: decode((tmp_path / "photos" / f"{digest}.jpg").read_bytes()) for digest, file in taken.kept.items()
    }
    assert {label: part.size for label, part in parts.items()} == {"can": (41, 40), "jar": (40, 80)}
    cut = np.asarray(picture.crop((10, 20, 51, 60)), dtype=float)
    assert np.abs(np.asarray(parts["can"], dtype=float) - cut).mean() < 6


def test_coco_with_a_file_of_annotations_in_each_split_is_read_as_one(tmp_path: Path) -> None:
    for split, category in (("train", 0), ("test", 1)):
        photo(tmp_path / split / "1.jpg")
        (tmp_path / split / "_annotations.coco.json").write_text(coco(["1.jpg"], [(10, category)]))
    reading = layouts.read(tmp_path)
    assert labels(reading) == {"test/1.jpg": "jar", "train/1.jpg": "can"}
    assert [file.own_split for file in reading.files] == ["holdout", "train"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"images": [], "annotations": [], "categories": [', "cannot be read"),
        ('{"images": [{"id": 1}], "annotations": [], "categories": []}', r"no COCO file: images\.0\.file_name"),
        (coco(["../secret.jpg"], [(10, 0)]), "lies outside"),
        (coco(["1.jpg"], [(10, 7)]), "category 7"),
        (coco(["1.jpg"], []), "no photo with a label"),
    ],
)
def test_a_coco_file_that_is_not_whole_says_where(tmp_path: Path, content: str, complaint: str) -> None:
    photo(tmp_path / "1.jpg")
    (tmp_path / "instances.json").write_text(content)
    with pytest.raises(DataError, match=complaint):
        layouts.read(tmp_path)


def test_an_image_folder_keeps_the_split_it_came_with(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        photo(tmp_path / split / "Can" / "1.jpg")
    reading = layouts.read(tmp_path)
    assert reading.layout == "imagefolder"
    assert {file.path.parts[-3]: file.own_split for file in reading.files} == {
        "train": "train",
        "val": "validation",
        "test": "holdout",
    }
    assert {file.label for file in reading.files} == {"can"}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("metadata.csv", 'file_name,label\nin/1.jpg,Can\n2.jpg,\n3.jpg,"Glass jar"\n'),
        (
            "metadata.jsonl",
            '{"file_name": "in/1.jpg", "label": "Can"}\n{"file_name": "2.jpg", "label": null}\n\n'
            '{"file_name": "3.jpg", "label": "Glass jar"}\n',
        ),
    ],
)
def test_an_image_folder_may_have_its_labels_in_a_table(tmp_path: Path, name: str, rows: str) -> None:
    for number, file in enumerate(("in/1.jpg", "2.jpg", "3.jpg")):
        photo(tmp_path / "train" / file, number)
    (tmp_path / "train" / name).write_text(rows)
    reading = layouts.read(tmp_path)
    assert labels(reading) == {"train/in/1.jpg": "can", "train/3.jpg": "glass_jar"}
    assert [each.path.name for each in reading.left_out] == ["2.jpg"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("file_name,text\n1.jpg,a can\n", "no column of labels .* only file_name, text"),
        ("name,label\n1.jpg,can\n", "row 1, has no file_name"),
        ("file_name,label\n/etc/1.jpg,can\n", "lies outside"),
    ],
)
def test_metadata_that_cannot_be_used_say_why(tmp_path: Path, rows: str, complaint: str) -> None:
    photo(tmp_path / "1.jpg")
    (tmp_path / "metadata.csv").write_text(rows)
    with pytest.raises(DataError, match=complaint):
        layouts.read(tmp_path, "imagefolder")


def test_numbers_in_metadata_are_named(tmp_path: Path) -> None:
    photo(tmp_path / "1.jpg")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.jpg", "label": 1}\n')
    assert labels(layouts.read(tmp_path, names=("can", "jar"))) == {"1.jpg": "jar"}
    assert labels(layouts.read(tmp_path)) == {"1.jpg": "class_1"}


def test_groups_of_objects_hold_in_every_layout(tmp_path: Path) -> None:
    photo(tmp_path / "train" / "can" / "1.jpg")
    photo(tmp_path / "test" / "can" / "2.jpg")
    (tmp_path / "groups.csv").write_text("file,object_group\ntrain/can/1.jpg,9\ntest/can/2.jpg,9\n")
    assert {file.group for file in layouts.read(tmp_path).files} == {"object-9"}


def test_a_description_beside_folders_does_not_make_them_another_layout(tmp_path: Path) -> None:
    photo(tmp_path / "can" / "1.jpg")
    (tmp_path / "dataset-metadata.json").write_text('{"licenses": [{"name": "CC0"}], "images": 1}')
    (tmp_path / "can" / "empty.json").touch()
    (tmp_path / "metadata.csv").write_text("photo,label\n1.jpg,can\n")
    assert layouts.read(tmp_path).layout == "folders"


def test_a_layout_that_is_named_is_not_second_guessed(tmp_path: Path) -> None:
    photo(tmp_path / "train" / "1.jpg")
    photo(tmp_path / "test" / "1.jpg")
    assert set(labels(layouts.read(tmp_path, "folders")).values()) == {"train", "test"}
    with pytest.raises(DataError, match="no photo with a label in the layout imagefolder"):
        layouts.read(tmp_path)
    with pytest.raises(DataError, match="no layout 'voc'; there are coco, coco_boxes"):
        layouts.read(tmp_path, "voc")


def test_what_is_no_folder_of_photos_says_what_was_expected(tmp_path: Path) -> None:
    file = photo(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="is a file"):
        layouts.read(file)
    with pytest.raises(DataError, match="holds no photo in a known layout"):
        layouts.read(tmp_path)


def test_class_names_become_label_ids_and_never_one_of_two() -> None:
    assert label_id(" Food Organics ") == "food_organics"
    assert label_id("7") == "class_7"
    assert label_id("x" * 60) == "x" * 40
    with pytest.raises(DataError, match="cannot be a label"):
        label_id("电池")
    with pytest.raises(DataError, match="'Glass' and 'glass' would be one label"):
        label_ids(["Glass", "glass"])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("names.txt", "Can\nGlass jar\n\n"),
        ("names.json", '["Can", "Glass jar"]'),
        ("a.json", '{"1": "Glass jar", "0": "Can"}'),
    ],
)
def test_class_names_are_read_in_the_order_of_their_numbers(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content)
    assert layouts.read_names(tmp_path / file) == ("Can", "Glass jar")


@pytest.mark.parametrize(
    ("file", "content"), [("a.txt", "Can\n\nJar"), ("b.txt", ""), ("c.json", "{"), ("d.json", '{"1": "a"}')]
)
def test_class_names_with_gaps_are_refused(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=r"names no class|holds no class names"):
        layouts.read_names(tmp_path / file)
    with pytest.raises(DataError, match="holds no class names"):
        layouts.read_names(tmp_path / "nothing.txt")


def test_a_label_map_tells_ours_from_none_of_ours_and_from_what_is_left_out(tmp_path: Path) -> None:
    for name in ("Drink can", "banana", "mystery", "电池"):
        photo(tmp_path / "photos" / name / "1.jpg")
    (tmp_path / "map.csv").write_text("name,label,why\ndrink_can,metal,tin\nbanana,,organic\n电池,battery,\n")
    mapped = layouts.read_mapped(tmp_path / "photos", tmp_path / "map.csv")
    assert labels(mapped.labelled) == {"Drink can/1.jpg": "metal", "电池/1.jpg": "battery"}
    assert [file.label for file in mapped.none_of_these] == ["banana"]
    assert [(each.label, each.reason) for each in mapped.labelled.left_out] == [("mystery", Reason.NOT_MAPPED)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("class,label\na,b\n", "needs the columns name and label"),
        ("name,label\n", "needs the columns name and label"),
        ("name,label\nCan,metal\ncan,glass\n", "names can more than once"),
        ("name,label\nsofa,trash\n", "names none of the classes"),
    ],
)
def test_a_label_map_that_cannot_be_meant_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    photo(tmp_path / "photos" / "can" / "1.jpg")
    (tmp_path / "map.csv").write_text(content)
    with pytest.raises(DataError, match=complaint):
        layouts.read_mapped(tmp_path / "photos", tmp_path / "map.csv")
    with pytest.raises(DataError, match="no label map nowhere; give a CSV file, or one of four_groups_to"):
        LabelMap.read("nowhere")


@pytest.mark.parametrize("name", ["four_groups_to_trashnet", "four_groups_to_waste_groups", "junk_sorting_to_trashnet"])
def test_the_maps_that_come_with_the_program_lead_from_known_labels_to_known_ones(name: str) -> None:
    theirs, _, ours = name.partition("_to_")
    label_map = LabelMap.read(name).labels
    assert label_map.keys() <= set(label_sets.load(theirs).ids)
    assert set(label_map.values()) - {""} <= set(label_sets.load(ours).ids)


@pytest.mark.real_photos
def test_the_web_photos_become_metal_glass_and_paper(test_data: Path) -> None:
    mapped = layouts.read_mapped(test_data / "four_groups", "four_groups_to_trashnet")
    assert Counter(file.label for file in mapped.labelled.files) == {"metal": 40, "glass": 39, "paper": 40}
    assert len(mapped.none_of_these) == 360
    reading = layouts.read(test_data / "four_groups")
    assert {file.label for file in reading.files} == set(label_sets.load("four_groups").ids)
