"""Label sets as data: those that come with the program, and those in a file."""

from pathlib import Path

import pytest

from mobile_models import label_set as label_sets
from mobile_models.label_set import TRASHNET, Label, LabelSet


def test_the_six_of_trashnet_have_the_order_of_the_reference_paper() -> None:
    assert label_sets.load("trashnet") == TRASHNET
    assert TRASHNET.ids == ("cardboard", "glass", "metal", "paper", "plastic", "trash")
    assert TRASHNET.groups == {}


def test_fine_classes_belong_to_the_four_groups() -> None:
    for name, sizes in (("four_groups", (4, 5, 4, 8)), ("junk_sorting", (8, 23, 3, 6))):
        groups = label_sets.load(name).groups
        assert groups.keys() == set(label_sets.load("waste_groups").ids)
        found = tuple(len(groups[group]) for group in ("kitchen", "recyclable", "hazardous", "other"))
        assert found == sizes


def test_a_label_set_is_read_from_a_file_and_refused_if_it_is_none(tmp_path: Path) -> None:
    TRASHNET.write(tmp_path / "mine.json")
    assert label_sets.load(str(tmp_path / "mine.json")) == TRASHNET
    (tmp_path / "bad.json").write_text('{"id": "bad", "version": 1, "labels": []}')
    with pytest.raises(ValueError, match=r"bad\.json is no label set"):
        label_sets.load(str(tmp_path / "bad.json"))
    with pytest.raises(ValueError, match="one of four_groups, junk_sorting, trashnet, waste_groups"):
        label_sets.load("nothing")


def test_a_label_without_a_group_is_a_group_by_itself_where_others_have_one() -> None:
    labels = (
        Label(id="can", name="Can", group="dry"),
        Label(id="egg", name="Egg"),
        Label(id="jar", name="Jar", group="dry"),
    )
    assert LabelSet(id="x", version=1, labels=labels).groups == {"dry": ("can", "jar"), "egg": ("egg",)}
