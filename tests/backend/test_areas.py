"""People who work in some areas see the photos of these and nothing of others; on SQLite and PostgreSQL."""

from collections.abc import Callable

import pytest
from sqlmodel import Session, select

from backend.errors import NotFound
from backend.people import staff
from backend.people.staff import Person
from backend.reviewing import labelling, review_items, review_queue
from backend.reviewing.labelling import Verdict
from backend.settings import Settings
from backend.tables import Photo, ReviewVerdict
from tests.backend.staff_world import id_of, person, photo


@pytest.fixture
def ada(session: Session) -> Person:
    """She works in the north."""
    return person(session, "ada", areas=["Northside", "Old Town"])


def places_of(session: Session, somebody: Person) -> list[str | None]:
    return sorted(
        session.exec(select(Photo.place).where(staff.in_areas(somebody))).all(), key=lambda place: place or ""
    )


def test_who_is_limited_sees_their_areas_and_everybody_else_sees_all(session: Session, ada: Person) -> None:
    for place in ("Northside", "Southside", None):
        photo(session, place=place)
    assert places_of(session, ada) == ["Northside"]
    assert places_of(session, person(session, "bob")) == [None, "Northside", "Southside"]
    assert places_of(session, person(session, "nil", areas=[])) == []


def test_the_queue_is_that_of_the_areas(session: Session, settings: Settings, ada: Person) -> None:
    near, _ = photo(session, place="Old Town"), photo(session, place="Southside")
    assert review_queue.queue_counts(session, ada).waiting == 1
    assert [item.photo_id for item in review_queue.preview(session, ada, 5)] == [near.id]
    assert [item.photo_id for item in review_queue.claim(session, settings, ada, 5)] == [near.id]


@pytest.mark.parametrize(
    "ask",
    [
        review_queue.claim_one,
        lambda session, settings, ada, far: labelling.give_verdict(
            session, settings, ada, far, Verdict(ReviewVerdict.REJECT)
        ),
        lambda session, _, ada, far: review_items.found_by(session, ada, far),
    ],
)
def test_a_photo_of_elsewhere_is_answered_like_one_that_does_not_exist(
    session: Session, settings: Settings, ada: Person, ask: Callable[..., object]
) -> None:
    far = id_of(photo(session, place="Southside"))
    said = []
    for photo_id in (far, "00000000-0000-0000-0000-000000000001"):
        with pytest.raises(NotFound) as refused:
            ask(session, settings, ada, photo_id)
        said.append(refused.value.detail)
    assert said[0] == said[1]
