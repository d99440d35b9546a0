"""Each value of a column once, on both databases."""

from sqlmodel import Session, col

from backend import distinct_values
from backend.tables import Photo
from tests.backend import staff_world


def test_each_value_is_found_once_and_in_order(session: Session) -> None:
    assert distinct_values.of(session, col(Photo.place), 10) == []
    for place in ("b", "a", None, "c", "b", "b"):
        staff_world.photo(session, place=place)
    assert distinct_values.of(session, col(Photo.place), 10) == ["a", "b", "c"]
    assert distinct_values.of(session, col(Photo.place), 2) == ["a", "b"]
