"""How far one may rely on somebody's word; on SQLite and PostgreSQL."""

import pytest
from sqlmodel import Session

from backend.reviewing import reliability
from backend.tables import Correction, GoldCheck, ReviewVerdict
from tests.backend.staff_world import device, gold, person, photo


def test_it_falls_with_each_wrong_word_and_rises_again() -> None:
    unknown, wrong, mended = (
        reliability.of_words(outcomes, 0.9) for outcomes in ([], [False] * 5, [False] * 5 + [True] * 40)
    )
    assert unknown.mean == pytest.approx(0.9)
    assert wrong.mean < 0.5
    assert mended.mean > 0.9


def test_what_was_said_long_ago_counts_less() -> None:
    long_ago = reliability.of_words([False] * 10 + [True] * 30, 0.9)
    lately = reliability.of_words([True] * 30 + [False] * 10, 0.9)
    assert lately.mean < long_ago.mean


def test_the_interval_is_that_of_the_beta_distribution_and_narrows() -> None:
    few, many = reliability.of_words([True, False], 0.5), reliability.of_words([True, False] * 15, 0.5)
    assert few.interval == pytest.approx((0.2066, 0.7899), abs=0.002)  # Beta(3.47, 3.5), scipy.stats.beta
    assert few.interval[0] < many.interval[0] < 0.5 < many.interval[1] < few.interval[1]


def test_a_reviewers_comes_from_checks_for_each_label_that_they_gave(session: Session) -> None:
    ada, row = person(session), gold(session, "metal")
    for said, is_right in (("glass", False), ("metal", True), (None, False)):
        verdict = ReviewVerdict.RELABEL if said else ReviewVerdict.BAD_PHOTO
        session.add(
            GoldCheck(photo_id=row.id, staff_id=ada.id, verdict=verdict, said=said, expected="metal", is_right=is_right)
        )
        session.flush()
    found = reliability.of_reviewer(session, ada.id)
    assert {label: each.words for label, each in found.items()} == {"": 1, "glass": 1, "metal": 1}
    assert found["glass"].mean < 0.9 < found["metal"].mean
    assert reliability.of_reviewer_with(session, ada.id, "glass") == found["glass"]


def test_a_residents_comes_from_what_reviewers_decided_of_their_corrections(session: Session) -> None:
    honest, joker = device(session), device(session)
    for sender, label in ((honest, "glass"), (joker, "trash")):
        for _ in range(4):
            session.add(Correction(photo_id=gold(session, "glass", device_id=sender).id, label=label))
    session.add(Correction(photo_id=photo(session, device_id=joker).id, label="trash"))
    session.flush()
    assert reliability.of_resident(session, joker)["trash"].words == 4, "the last one is not decided"
    assert reliability.trust_in_resident(session, honest, "glass") == 1
    assert reliability.trust_in_resident(session, joker, "trash") < 0.7
    assert reliability.trust_in_resident(session, joker, "paper") == 1, "nothing is known of that"
    assert reliability.trust_in_resident(session, None, "trash") == 1
