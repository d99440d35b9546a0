"""What the city's guide answers, and what is no guide."""

from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from mobile_models.guide import EXAMPLE, Bin, Guide, GuideAnswer, Symbol, answer
from mobile_models.guide_search import LONGEST_QUESTION, search
from mobile_models.label_set import TRASHNET, UNSURE

DAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def example() -> Guide:
    return Guide.read(EXAMPLE)


def said(guide: Guide, label: str, language: str = "en", day: date = DAY) -> GuideAnswer:
    found = answer(guide, label, language, day)
    assert found is not None
    return found


def small(**changes: Any) -> dict[str, Any]:
    """A guide of two bins, one label and nothing else."""
    return {
        "city": "hue",
        "version": 1,
        "names": {"en": "Hue"},
        "languages": ["en", "vi"],
        "label_set": {"id": "trashnet", "version": 1},
        "bins": [
            {"id": "blue", "colour": "#1d5fbf", "symbol": "paper", "names": {"en": "Blue bin", "vi": "Thùng xanh"}},
            {"id": "grey", "colour": "#cccccc", "symbol": "residual", "names": {"en": "Grey bin"}},
        ],
        "labels": [{"id": "paper", "names": {"en": "Paper"}, "rules": [{"bin": "blue"}]}],
    } | changes


def with_rules(*rules: dict[str, Any]) -> Guide:
    return Guide.model_validate(small(labels=[{"id": "paper", "names": {"en": "Paper"}, "rules": list(rules)}]))


def test_the_example_city_answers_each_bundled_label_in_three_languages(example: Guide) -> None:
    assert example.languages == ("en", "vi", "zh")
    assert len(example.items) >= 40
    for language in example.languages:
        assert len({said(example, label, language).name for label in TRASHNET.ids}) == len(TRASHNET.ids)
    for thing in (*example.labels, *example.items):
        assert set(thing.names) == set(example.languages)
        for rule in thing.rules:
            for texts in (rule.preparation, rule.drop_off, rule.hazard):
                assert set(texts) in (set(), set(example.languages)), thing.id
    glass = said(example, "glass", "vi")
    assert (glass.name, glass.bin_name, glass.symbol) == ("Thủy tinh", "Thùng xanh lá: thủy tinh", Symbol.BOTTLE)
    assert glass.preparation is not None
    assert glass.preparation.startswith("Đổ hết")


def test_nothing_is_said_about_what_the_guide_does_not_know(example: Guide) -> None:
    assert answer(example, UNSURE, "en", DAY) is None
    assert answer(example, "uranium", "en", DAY) is None


def test_a_reader_of_another_language_gets_the_nearest_one() -> None:
    guide = Guide.model_validate(small())
    assert said(guide, "paper", "vi-VN").bin_name == "Thùng xanh"
    assert said(guide, "paper", "vi-VN").name == "Paper"
    assert said(guide, "paper", "fr").bin_name == "Blue bin"


def test_a_rule_begins_and_ends_on_its_days() -> None:
    first, last = date(2027, 1, 2), date(2027, 1, 31)
    guide = with_rules({"bin": "grey"}, {"bin": "blue", "valid_from": str(first), "valid_until": str(last)})
    day = timedelta(days=1)
    bins = [said(guide, "paper", day=each).bin for each in (first - day, first, last, last + day)]
    assert bins == ["grey", "blue", "blue", "grey"]


def test_of_rules_in_force_the_one_that_began_last_counts() -> None:
    guide = with_rules({"bin": "blue", "valid_from": "2027-01-01"}, {"bin": "grey", "valid_from": "2026-01-01"})
    assert said(guide, "paper", day=date(2026, 12, 31)).bin == "grey"
    assert said(guide, "paper", day=date(2027, 6, 1)).bin == "blue"
    assert answer(guide, "paper", "en", date(2025, 12, 31)) is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": [{"id": "paper", "names": {"en": "P"}, "rules": [{"bin": "red"}]}]}, "which there is not"),
        ({"names": {"fr": "Hué"}}, "no language of the guide"),
        ({"bins": [small()["bins"][0]] * 2}, "more than once"),
        ({"bins": [small()["bins"][0] | {"colour": "url(evil)"}]}, "colour"),
        ({"bins": [small()["bins"][0] | {"names": {"en": "\x07"}}]}, "control characters"),
        ({"names": {"en": "x" * 81}}, "at most 80"),
        ({"languages": []}, "at least 1"),
    ],
)
def test_what_is_not_whole_is_no_guide(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Guide.model_validate(small(**changes))


def test_two_rules_cannot_begin_on_the_same_day_and_none_ends_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="same day"):
        with_rules({"bin": "blue"}, {"bin": "grey"})
    with pytest.raises(ValidationError, match="before it begins"):
        with_rules({"bin": "blue", "valid_from": "2027-01-02", "valid_until": "2027-01-01"})


@pytest.mark.parametrize(("colour", "ink"), [("#f2c200", "#000000"), ("#1d5fbf", "#ffffff"), ("#ffffff", "#000000")])
def test_symbols_stand_out_from_their_bin(colour: str, ink: str) -> None:
    assert Bin(id="one", colour=colour, symbol=Symbol.CAN, names={"en": "One"}).ink == ink


@pytest.mark.parametrize("symbol", Symbol)
def test_each_symbol_is_a_plain_drawing_in_the_colour_of_the_text(symbol: Symbol) -> None:
    drawing = ElementTree.parse(symbol.file).getroot()  # noqa: S314  # It is our own file.
    assert drawing.get("stroke") == "currentColor"
    drawn = {each.tag.rpartition("}")[2] for each in drawing.iter()}
    assert drawn <= {"svg", "path", "rect", "ellipse", "circle"}


@pytest.mark.parametrize(
    ("words", "language", "found"),
    [
        ("coffee cup", "en", "coffee_cup"),
        ("NAPKINS", "en", "napkin"),
        ("plastic bag", "en", "plastic_bag"),
        ("gloves", "en", "glove"),
        ("medical waste", "en", "medical_waste"),
        ("batery", "en", "battery"),
        ("pziza box", "en", "pizza_box"),
        ("tui ni lông", "vi", "plastic_bag"),
        ("TÚI NILON", "vi", "plastic_bag"),
        ("dien thoai", "vi", "power_bank"),
        ("khau trang", "vi", "mask"),
        ("khăn giấy", "vi", "napkin"),
        ("电池", "zh", "battery"),
        ("用过的纸巾", "zh", "napkin"),
        ("外卖", "zh", "takeaway_box"),
        ("医疗", "zh", "medical_waste"),
        ("pizza", "zh", "pizza_box"),
        ("hop pizza", "en", "pizza_box"),
        ("glass", "en", "glass"),
    ],
)
def test_things_are_found_by_what_people_call_them(example: Guide, words: str, language: str, found: str) -> None:
    assert found in [each.thing for each in search(example, words, language, DAY)[:2]]


@pytest.mark.parametrize("words", ["", "   ", "?!", "qwrtz", "x" * 5000, "🙂", "\0"])
def test_what_is_called_nothing_finds_nothing(example: Guide, words: str) -> None:
    assert search(example, words, "en", DAY) == ()


def test_a_short_word_is_not_found_inside_of_longer_ones(example: Guide) -> None:
    found = {each.thing for each in search(example, "pin", "vi", DAY)}
    assert found == {"battery", "power_bank"}


def test_an_answer_to_a_search_follows_the_day_and_the_language(example: Guide) -> None:
    tree = [search(example, "christmas tree", "vi", day)[0] for day in (DAY, date(2027, 1, 10))]
    assert [each.bin for each in tree] == ["recycling_centre", "residual"]
    assert tree[0].name == "Cây thông Noel"
    assert len(search(example, "a" * LONGEST_QUESTION, "en", DAY)) == 0
