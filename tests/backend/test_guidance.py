"""Guides of cities: versions, what two people do at once, and what phones are given."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import delete
from sqlmodel import Session, select

from backend import known_labels
from backend.errors import Conflict, DomainError, Forbidden, NotFound, TooLarge
from backend.guides import guidance, guide_gaps
from backend.guides.guide_changes import Change, Part, differences, free_id, pieces
from backend.people.staff import Person
from backend.records import audit_log
from backend.tables import GuideCity, GuideVersion, Job, JobKind, Role
from mobile_models import label_set
from mobile_models.guide import Bin, Guide, GuideItem, GuideLabel, Symbol
from mobile_models.label_set import TRASHNET
from mobile_models.updates.keys import signing_keys
from tests.backend import staff_world
from tests.backend.publishing_world import MOMENT, Publisher

CITY = "example"
DAY = date(2026, 11, 21)
WHITE = Bin(id="glass", colour="#ffffff", symbol=Symbol.BOTTLE, names={"en": "White bin", "vi": "Thùng trắng"})


@pytest.fixture
def gina(session: Session) -> Person:
    return staff_world.person(session, "gina", Role.GUIDE_EDITOR)


@pytest.fixture
def hugo(session: Session) -> Person:
    return staff_world.person(session, "hugo", Role.GUIDE_EDITOR)


@pytest.fixture(autouse=True)
def example(session: Session) -> None:
    """The example city's guide, as after a first start."""
    assert guidance.load_example(session)


def current(session: Session) -> Guide:
    return guidance.guide_of(guidance.newest(session, CITY))


def put(session: Session, person: Person, piece: Bin | GuideItem | GuideLabel, based_on: int = 1) -> int:
    part = {Bin: Part.BINS, GuideLabel: Part.LABELS, GuideItem: Part.ITEMS}[type(piece)]
    change = Change(part, piece.id, piece)
    return guidance.change(session, person, CITY, change, based_on=based_on, reason="a try").number


def test_the_example_is_published_at_the_first_start_once(session: Session) -> None:
    published = guidance.published(session, CITY)
    assert published is not None
    assert (published.number, published.published_by) == (1, "first start")
    assert guidance.gaps(session, published, DAY) == guide_gaps.Gaps(
        (), (), guidance.gaps(session, published, DAY).texts
    )
    assert session.exec(select(Job.kind)).all() == [JobKind.PUBLISH]
    assert not guidance.load_example(session)


def test_an_edit_is_a_new_version_and_phones_keep_the_published_one(session: Session, gina: Person) -> None:
    before = guidance.wanted(session)
    assert put(session, gina, WHITE) == 2
    assert current(session).bin("glass").names["en"] == "White bin"
    assert guidance.wanted(session) == before
    guidance.publish(session, gina, CITY, 2, "the bins were painted", MOMENT)
    assert Guide.model_validate_json(guidance.wanted(session)[CITY]).version == 2
    told = [
        (event.action, event.actor, event.detail["version"]) for event in audit_log.history(session, "guide/example")
    ]
    assert told[-2:] == [("guide.edited", "gina", 2), ("guide.published", "gina", 2)]


def test_saving_what_is_there_already_makes_no_version(session: Session, gina: Person) -> None:
    assert put(session, gina, current(session).bin("glass")) == 1


def test_two_people_on_one_piece_do_not_overwrite_each_other(session: Session, gina: Person, hugo: Person) -> None:
    put(session, gina, WHITE)
    with pytest.raises(Conflict) as refused:
        put(session, hugo, WHITE.model_copy(update={"colour": "#000000"}))
    assert refused.value.code == "edited_meanwhile"
    assert current(session).bin("glass") == WHITE
    assert put(session, hugo, WHITE.model_copy(update={"colour": "#000000"}), based_on=2) == 3


def test_two_people_on_different_pieces_both_have_their_way(session: Session, gina: Person, hugo: Person) -> None:
    put(session, gina, WHITE)
    cup = GuideItem.model_validate({"id": "tea_cup", "names": {"en": ["Tea cup"]}, "rules": [{"bin": "residual"}]})
    assert put(session, hugo, cup) == 3
    assert current(session).bin("glass") == WHITE
    assert "tea_cup" in pieces(current(session), Part.ITEMS)


def test_two_new_things_of_one_name_are_two_edits_of_one_piece(session: Session, gina: Person, hugo: Person) -> None:
    cup = GuideItem.model_validate({"id": "tea_cup", "names": {"en": ["Tea cup"]}, "rules": [{"bin": "residual"}]})
    put(session, gina, cup)
    with pytest.raises(Conflict):
        put(session, hugo, cup.model_copy(update={"names": {"en": ("Tea glass",)}}))


def test_a_bin_that_is_in_use_cannot_go_and_another_one_can(session: Session, gina: Person) -> None:
    with pytest.raises(DomainError, match="which there is not") as refused:
        guidance.change(session, gina, CITY, Change(Part.BINS, "glass", None), based_on=1, reason="")
    assert refused.value.code == "guide_refused"
    put(session, gina, WHITE.model_copy(update={"id": "white"}))
    guidance.change(session, gina, CITY, Change(Part.BINS, "white", None), based_on=2, reason="")
    assert "white" not in pieces(current(session), Part.BINS)


def test_a_guide_that_leaves_a_label_unanswered_is_not_published(session: Session, gina: Person) -> None:
    guidance.change(session, gina, CITY, Change(Part.LABELS, "metal", None), based_on=1, reason="")
    with pytest.raises(Conflict, match="metal") as refused:
        guidance.publish(session, gina, CITY, 2, "quick", MOMENT)
    assert refused.value.code == "labels_unanswered"


@pytest.mark.parametrize(
    ("number", "reason", "code"),
    [(1, "again", "published_already"), (1, " ", "reason_needed"), (7, "?", "edited_meanwhile")],
)
def test_only_the_newest_version_is_published_once_and_with_a_reason(
    session: Session, gina: Person, number: int, reason: str, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        guidance.publish(session, gina, CITY, number, reason, MOMENT)
    assert refused.value.code == code


def test_going_back_makes_a_new_version_of_the_old_content(session: Session, gina: Person) -> None:
    put(session, gina, WHITE)
    guidance.publish(session, gina, CITY, 2, "painted", MOMENT)
    back = guidance.go_back(session, gina, CITY, 1, "the paint came off")
    assert (back.number, back.came_from, back.published_at) == (3, 1, None)
    guidance.publish(session, gina, CITY, 3, "the paint came off", MOMENT)
    phones = Guide.model_validate_json(guidance.wanted(session)[CITY])
    assert (phones.version, phones.bin("glass").names["vi"]) == (3, "Thùng xanh lá: thủy tinh")
    assert [row.number for row in guidance.history(session, CITY)] == [3, 2, 1]
    with pytest.raises(NotFound):
        guidance.go_back(session, gina, CITY, 99, "")


@pytest.mark.parametrize(
    "act",
    [
        lambda session, person: put(session, person, WHITE),
        lambda session, person: guidance.publish(session, person, CITY, 1, "why", MOMENT),
        lambda session, person: guidance.go_back(session, person, CITY, 1, ""),
        lambda session, person: guidance.create(session, person, "hue", names={"vi": "Huế"}, languages=["vi"]),
        lambda session, person: guidance.replace(session, person, current(session), based_on=1, reason=""),
        lambda session, person: guidance.change_city(session, person, CITY, {"en": "X"}, ["en"], based_on=1),
    ],
)
def test_a_reviewer_changes_no_guide(session: Session, act: Callable[[Session, Person], object]) -> None:
    with pytest.raises(Forbidden):
        act(session, staff_world.person(session, "ada"))
    assert guidance.newest(session, CITY).number == 1


def test_another_city_begins_empty_or_like_one_that_is_there(session: Session, gina: Person) -> None:
    names = {"names": {"vi": "Huế"}, "languages": ["vi", "en", "zh"]}
    empty = guidance.create(session, gina, "hue", **names)
    assert guidance.gaps(session, empty, DAY).unanswered == TRASHNET.ids
    assert guidance.published(session, "hue") is None
    full = guidance.create(session, gina, "hoi_an", like=current(session), **names)
    assert guidance.guide_of(full).items == current(session).items
    with pytest.raises(Conflict) as refused:
        guidance.create(session, gina, "hue", **names)
    assert refused.value.code == "city_taken"
    with pytest.raises(DomainError):
        guidance.create(session, gina, "No City!", **names)
    assert list(guidance.wanted(session)) == [CITY]


def test_what_is_missing_is_told_by_language(session: Session, gina: Person) -> None:
    put(session, gina, WHITE)
    found = guidance.gaps(session, guidance.newest(session, CITY), DAY)
    assert found.missing == (guide_gaps.Missing("zh", Part.BINS, "glass", "names"),)
    assert found.share("vi") == 1
    assert 0.99 < found.share("zh") < 1


def test_a_language_that_goes_takes_its_texts_along_and_a_new_one_is_missing_everywhere(
    session: Session, gina: Person
) -> None:
    row = guidance.change_city(session, gina, CITY, {"en": "Example"}, ["en", "vi", "fr"], based_on=1)
    guide = guidance.guide_of(row)
    assert "zh" not in guide.to_bytes().decode().split('"languages"')[0].split('"names"')[0]
    assert {language for each in guide.bins for language in each.names} == {"en", "vi"}
    found = guidance.gaps(session, row, DAY)
    assert (found.share("fr"), found.of("vi")) == (0, (guide_gaps.Missing("vi", None, CITY, "names"),))


def test_a_thing_that_is_known_in_one_language_alone_keeps_that_language_in_the_guide(
    session: Session, gina: Person
) -> None:
    pho = GuideItem.model_validate({"id": "pho", "names": {"vi": ["Phở"]}, "rules": [{"bin": "food"}]})
    put(session, gina, pho)
    with pytest.raises(DomainError, match="at least 1 item"):
        guidance.change_city(session, gina, CITY, {"en": "Example"}, ["en", "zh"], based_on=2)


def test_differences_name_each_field_that_changed(session: Session, gina: Person) -> None:
    before = current(session)
    put(session, gina, WHITE)
    guidance.change(session, gina, CITY, Change(Part.ITEMS, "mirror", None), based_on=1, reason="")
    bins, items = differences(before, current(session))
    assert (bins.part, bins.piece_id, bins.is_new, bins.is_gone) == (Part.BINS, "glass", False, False)
    assert ("colour",) in [line.path for line in bins.lines]
    assert (items.piece_id, items.is_gone, items.is_new) == ("mirror", True, False)
    assert differences(before, before) == ()


@pytest.mark.parametrize(
    ("name", "piece_id"),
    [("Tea cup", "tea_cup"), ("Túi ni lông", "tui_ni_long"), ("电池", "item"), ("Napkin", "napkin_2")],
)
def test_a_new_thing_gets_an_id_of_its_own(session: Session, name: str, piece_id: str) -> None:
    assert free_id(current(session), Part.ITEMS, name) == piece_id


def test_a_whole_guide_is_taken_from_its_newest_version_only(session: Session, gina: Person, hugo: Person) -> None:
    mine = current(session).model_copy(
        update={"bins": (*current(session).bins, WHITE.model_copy(update={"id": "white"}))}
    )
    put(session, hugo, WHITE)
    with pytest.raises(Conflict):
        guidance.replace(session, gina, mine, based_on=1, reason="")
    assert guidance.replace(session, gina, mine, based_on=2, reason="").number == 3


def test_a_guide_that_phones_would_refuse_for_its_size_is_refused_here(session: Session, gina: Person) -> None:
    long = {"en": "x" * 500, "vi": "y" * 500, "zh": "z" * 500}
    rule = {"bin": "residual", "preparation": long, "drop_off": long, "hazard": long}
    items = [{"id": f"thing_{number}", "names": {"en": ["x"]}, "rules": [rule]} for number in range(200)]
    with pytest.raises(TooLarge):
        guidance.replace(
            session, gina, Guide.model_validate(current(session).model_dump() | {"items": items}), based_on=1, reason=""
        )


def test_a_published_guide_reaches_phones_signed_and_without_a_release(
    session: Session, gina: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    signing_keys.init(folder, targets_keys=2, targets_threshold=2)
    publisher = Publisher(session, signing_keys.load(folder / "online"))
    publisher.publish()
    row = guidance.published(session, CITY)
    assert row is not None
    assert row.reached_at == MOMENT
    put(session, gina, WHITE)
    guidance.publish(session, gina, CITY, 2, "painted", MOMENT)
    assert guidance.newest(session, CITY).reached_at is None
    outcome = publisher.publish()
    assert outcome.guides == {CITY: guidance.guide_of(guidance.newest(session, CITY)).digest}
    assert (outcome.published, guidance.newest(session, CITY).reached_at) == ((), MOMENT)
    assert not publisher.publish().changed


def test_a_city_whose_models_know_other_labels_gets_no_example(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (GuideVersion, GuideCity):
        session.connection().execute(delete(kind))
    monkeypatch.setattr(known_labels, "label_set", lambda _: label_set.load("four_groups"))
    assert not guidance.load_example(session)
    assert guidance.cities(session) == []
