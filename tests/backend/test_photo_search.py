"""Finding and counting photos, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from backend.searching import note_words, photo_counts, photo_search
from backend.searching.photo_search import Mark, Search
from backend.tables import Photo, PhotoSource, PhotoState
from tests.backend import staff_world

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
SPRING = Search(until=MONDAY + timedelta(days=90))


def photo(session: Session, **columns: Any) -> Photo:
    values: dict[str, Any] = {"predicted_label": "metal", "received_at": MONDAY} | columns
    return staff_world.photo(session, **values)


def found(session: Session, wanted: Search, areas: list[str] | None = None) -> set[str]:
    person = staff_world.person(session, f"ada {datetime.now(UTC).timestamp()}", areas=areas)
    return {row.id for row in photo_search.page(session, person, wanted, limit=50)}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"gold_label": "glass"}, Search(gold="glass")),
        ({"predicted_label": "paper"}, Search(predicted="paper")),
        ({"corrected_label": "trash"}, Search(corrected="trash")),
        ({"corrected_label": "trash"}, Search(disagrees=True)),
        ({"place": "North"}, Search(place="North")),
        ({"received_at": MONDAY + timedelta(days=3)}, Search(since=MONDAY + timedelta(days=2))),
        ({"received_at": MONDAY - timedelta(days=3)}, Search(until=MONDAY)),
        ({"predicted_release": 7}, Search(release=7)),
        ({"confidence": 0.2}, Search(most_confidence=0.5)),
        ({"confidence": 0.9}, Search(least_confidence=0.8)),
        ({"state": PhotoState.QUARANTINED}, Search(state=PhotoState.QUARANTINED)),
        ({"split": "holdout"}, Search(split="holdout")),
        ({"source": PhotoSource.IMPORT}, Search(source=PhotoSource.IMPORT)),
    ],
)
def test_each_filter_finds_its_photo_and_no_other(session: Session, columns: dict[str, Any], wanted: Search) -> None:
    one, other = photo(session, **columns), photo(session, confidence=0.6)
    assert found(session, wanted) == {one.id}
    assert found(session, Search()) == {one.id, other.id}


@pytest.mark.parametrize(
    ("note", "asked", "is_found"),
    [
        ("Hộp sữa bị bẩn", "hop sua", True),
        ("Hộp sữa bị bẩn", "Hộp BẨ", True),
        ("Hộp sữa bị bẩn", "bi hop", True),
        ("Đồ nhựa", "do nhua", True),
        ("外卖塑料盒", "塑料", True),
        ("外卖塑料盒", "料塑", False),
        ("a greasy pizza box", "pizza cup", False),
        ("a greasy pizza box", "grea", True),
        ("a greasy pizza box", "piz box", False),
        ("100%_done", "%", True),  # No word at all limits nothing.
    ],
)
def test_photos_are_found_by_the_words_of_notes(session: Session, note: str, asked: str, is_found: bool) -> None:
    row = photo(session)
    note_words.remember(session, staff_world.id_of(row), note)
    note_words.remember(session, staff_world.id_of(row), note)
    assert (row.id in found(session, Search(text=asked))) is is_found
    note_words.forget(session, staff_world.id_of(row))
    assert found(session, Search(text="pizza")) == set()


def test_nobody_finds_what_lies_outside_of_their_areas_or_was_withdrawn(session: Session) -> None:
    north = photo(session, place="North")
    photo(session, place="South")
    photo(session)
    photo(session, place="North", state=PhotoState.WITHDRAWN)
    assert found(session, Search(state=PhotoState.WITHDRAWN)) == set()
    assert found(session, Search(), areas=["North"]) == {north.id}
    assert found(session, Search(place="South"), areas=["North"]) == set()


def test_pages_follow_each_other_without_gap_or_repetition(session: Session) -> None:
    ada = staff_world.person(session)
    rows = [photo(session, received_at=MONDAY + timedelta(microseconds=number // 2)) for number in range(9)]
    seen: list[str] = []
    after = None
    while page := photo_search.page(session, ada, Search(), limit=2, after=after):
        seen += [row.id for row in page]
        after = Mark.parse(str(Mark(page[-1].received_at, staff_world.id_of(page[-1]))))
        photo(session, received_at=MONDAY + timedelta(days=1))  # What comes in meanwhile moves nothing.
    assert sorted(seen) == sorted(row.id for row in rows)
    assert photo_search.count(session, ada, Search(), most=5) == 5


def test_photos_are_counted_by_place_and_by_square(session: Session) -> None:
    ada = staff_world.person(session, areas=["North", "South"])
    for latitude, corrected in ((10.7712, "glass"), (10.7788, None), (10.7912, "metal")):
        photo(session, place="North", latitude=latitude, longitude=106.69, corrected_label=corrected)
    photo(session, place="South")
    photo(session, place="West")
    north, south = photo_counts.by_place(session, ada, SPRING)
    assert (north.place, north.photos, north.corrected) == ("North", 3, 1)
    assert north.latitude == pytest.approx(10.7804)
    assert (south.place, south.photos, south.latitude) == ("South", 1, None)
    cells = photo_counts.by_cell(session, ada, SPRING)
    assert [(cell.latitude, cell.photos, cell.corrected) for cell in cells] == [(10.775, 2, 1), (10.795, 1, 0)]


def test_photos_are_counted_over_time_by_what_is_known_best(session: Session) -> None:
    ada = staff_world.person(session)
    photo(session, gold_label="glass", corrected_label="paper")
    photo(session, corrected_label="glass", received_at=MONDAY + timedelta(days=6))
    photo(session, received_at=MONDAY + timedelta(days=14))
    weeks = photo_counts.over_time(session, ada, SPRING, "week")
    assert [step.day for step in weeks.steps] == [2, 9, 16]
    assert weeks.photos == {"glass": (2, 0, 0), "metal": (0, 0, 1)}
    days = photo_counts.over_time(session, ada, SPRING, "day")
    assert len(days.steps) == 15
    assert photo_counts.over_time(session, ada, Search(place="nowhere"), "day").steps == ()


def test_nobody_counts_more_than_a_year(session: Session) -> None:
    ada = staff_world.person(session)
    photo(session, place="now")
    photo(session, place="before", received_at=MONDAY - timedelta(days=400))
    wanted = Search(since=MONDAY - timedelta(days=4000), until=MONDAY + timedelta(days=1))
    assert [each.place for each in photo_counts.by_place(session, ada, wanted)] == ["now"]
    earlier = replace(wanted, until=MONDAY - timedelta(days=300))
    assert [each.place for each in photo_counts.by_place(session, ada, earlier)] == ["before"]
