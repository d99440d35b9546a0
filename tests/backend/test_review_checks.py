"""Checks, undo, skipping, and labels that need two; on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from backend.errors import Conflict, DomainError
from backend.people.staff import Person
from backend.reviewing import labelling, review_queue
from backend.reviewing.labelling import UNDOABLE, Verdict
from backend.reviewing.opinions import Decision
from backend.settings import Settings
from backend.tables import GoldCheck, Photo, RejectReason, Review, ReviewVerdict
from tests.backend.staff_world import gold, id_of, person, photo

GLASS = Verdict(ReviewVerdict.RELABEL, "glass")


def take(session: Session, settings: Settings, who: Person, drawn: float = 0.5, count: int = 1) -> list[str]:
    return [item.photo_id for item in review_queue.claim(session, settings, who, count, draw=lambda: drawn)]


def say(session: Session, settings: Settings, who: Person, row: Photo, given: Verdict = GLASS) -> Decision:
    return labelling.give_verdict(session, settings, who, id_of(row), given)


def checked(session: Session, settings: Settings, ada: Person, label: str) -> Photo:
    """Ada is given a photo that is decided already."""
    row = gold(session, label, gold_is_sure=True)
    assert take(session, settings, ada, drawn=0.99) == [row.id]
    return row


def test_a_check_is_compared_told_afterwards_and_changes_no_gold_label(session: Session, settings: Settings) -> None:
    ada = person(session)
    row = checked(session, settings, ada, "metal")
    assert take(session, settings, ada) == [row.id], "held like any other"
    assert labelling.told(session, ada, id_of(row)).check is None
    assert say(session, settings, ada, row).gold_label == "metal"
    told = labelling.told(session, ada, id_of(row)).check
    assert told is not None
    assert (told.said, told.expected, told.is_right) == ("glass", "metal", False)
    assert session.exec(select(Review)).all() == []
    say(session, settings, ada, row)
    assert len(session.exec(select(GoldCheck)).all()) == 1, "sent twice"


def test_a_check_of_before_is_not_told_again_once_the_photo_is_open(session: Session, settings: Settings) -> None:
    ada = person(session)
    row = checked(session, settings, ada, "metal")
    say(session, settings, ada, row)
    row.gold_label = row.gold_labelled_at = None
    session.add(row)
    session.flush()
    assert take(session, settings, ada) == [row.id]
    assert say(session, settings, ada, row).gold_label == "glass"
    assert labelling.told(session, ada, id_of(row)).check is None


def test_nobody_is_checked_with_what_is_not_sure_or_what_they_had_a_part_in(
    session: Session, settings: Settings
) -> None:
    gold(session, "glass")
    ada, bob = person(session), person(session, "bob")
    assert take(session, settings, ada, drawn=0.99) == []
    row = photo(session, needs_second_opinion=True)
    session.add(Review(photo_id=row.id, staff_id=bob.id, verdict=ReviewVerdict.RELABEL, label="glass"))
    session.flush()
    assert take(session, settings, ada) == [row.id]
    assert say(session, settings, ada, row).is_sure
    assert take(session, settings, ada, drawn=0.99) == take(session, settings, bob, drawn=0.99) == []
    assert take(session, settings, person(session, "eve"), drawn=0.99) == [row.id]


def test_a_check_cannot_be_undone(session: Session, settings: Settings) -> None:
    ada = person(session)
    row = checked(session, settings, ada, "metal")
    say(session, settings, ada, row)
    with pytest.raises(Conflict) as refused:
        labelling.undo(session, settings, ada, id_of(row))
    assert refused.value.code == "was_check"


def test_whoever_is_often_wrong_with_a_label_needs_another_for_it(session: Session, settings: Settings) -> None:
    ada = person(session)
    for _ in range(3):
        say(session, settings, ada, checked(session, settings, ada, "metal"))
    row, other = photo(session, review_value=0.9), photo(session, review_value=0.1)
    assert take(session, settings, ada, count=2) == [row.id, other.id]
    assert say(session, settings, ada, row) == Decision(needs_second_opinion=True)
    assert say(session, settings, ada, other, Verdict(ReviewVerdict.RELABEL, "paper")).gold_label == "paper"


def test_a_hazardous_label_needs_two(session: Session, settings: Settings) -> None:
    settings = settings.model_copy(update={"two_opinions_labels": "battery, glass"})
    row, ada, bob = photo(session), person(session), person(session, "bob")
    take(session, settings, ada)
    assert say(session, settings, ada, row) == Decision(needs_second_opinion=True)
    take(session, settings, bob)
    assert say(session, settings, bob, row) == Decision(gold_label="glass", is_sure=True)


def test_what_is_taken_back_no_longer_counts_but_stays(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    say(session, settings, ada, row)
    assert labelling.last_said(session, ada) == row.id
    assert labelling.undo(session, settings, ada, id_of(row))
    assert labelling.undo(session, settings, ada, id_of(row)), "sent twice"
    assert labelling.last_said(session, ada) is None
    assert (row.gold_label, row.needs_second_opinion) == (None, False)
    assert take(session, settings, ada) == [row.id], "held again"
    assert say(session, settings, ada, row).gold_label == "glass", "the same may be said again"
    verdicts = session.exec(select(Review.verdict).order_by(col(Review.id))).all()
    assert verdicts == [ReviewVerdict.RELABEL, ReviewVerdict.UNDO, ReviewVerdict.RELABEL]


def test_what_one_took_back_and_let_go_comes_to_one_again(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    say(session, settings, ada, row)
    labelling.undo(session, settings, ada, id_of(row))
    review_queue.unclaim(session, ada, id_of(row))
    assert take(session, settings, ada) == [row.id]


def test_an_opinion_is_taken_back_even_where_somebody_else_holds_the_photo(
    session: Session, settings: Settings
) -> None:
    row, ada, bob = photo(session), person(session), person(session, "bob")
    take(session, settings, ada)
    say(session, settings, ada, row)
    review_queue.claim_one(session, settings, bob, id_of(row))
    assert not labelling.undo(session, settings, ada, id_of(row))
    assert row.gold_label is None


def test_only_ones_own_last_twenty_can_be_taken_back(session: Session, settings: Settings) -> None:
    ada, bob = person(session), person(session, "bob")
    rows = [photo(session, review_value=1 - number / 100) for number in range(UNDOABLE + 1)]
    for row in rows:
        take(session, settings, ada)
        say(session, settings, ada, row)
    assert labelling.undo(session, settings, ada, id_of(rows[1]))
    for who, row in ((ada, rows[0]), (bob, rows[2])):
        with pytest.raises(Conflict) as refused:
            labelling.undo(session, settings, who, id_of(row))
        assert refused.value.code == "too_late_to_undo"


def test_what_is_skipped_goes_to_others(session: Session, settings: Settings) -> None:
    row, ada, bob = photo(session), person(session), person(session, "bob")
    take(session, settings, ada)
    review_queue.skip(session, ada, id_of(row))
    assert take(session, settings, ada) == []
    assert take(session, settings, bob) == [row.id]


def test_renewing_holds_longer_what_is_held_and_nothing_else(session: Session, settings: Settings) -> None:
    photo(session)
    ada, bob = person(session), person(session, "bob")
    (item,) = review_queue.claim(session, settings, ada, 1)
    assert item.expires_at is not None
    longer = review_queue.renew(session, settings.model_copy(update={"review_claim_minutes": 60}), ada)
    assert review_queue.held_item(session, ada, item.photo_id).expires_at == longer > item.expires_at
    with pytest.raises(Conflict):
        review_queue.held_item(session, bob, item.photo_id)


@pytest.mark.parametrize(
    "given", [Verdict(ReviewVerdict.UNDO), Verdict(ReviewVerdict.BAD_PHOTO, reason=RejectReason.PERSON)]
)
def test_a_verdict_that_makes_no_sense_is_refused(session: Session, settings: Settings, given: Verdict) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    with pytest.raises(DomainError) as refused:
        say(session, settings, ada, row, given)
    assert refused.value.code == "bad_verdict"


@pytest.mark.parametrize("index", ["half_decided", "by_value", "by_chance"])
def test_the_queue_is_read_by_its_indexes(session: Session, settings: Settings, index: str) -> None:
    """PostgreSQL reads small tables whole, unless it is told not to."""
    condition, order = {
        "half_decided": review_queue._HALF_DECIDED,
        "by_value": review_queue._BY_VALUE,
        "by_chance": review_queue._BY_CHANCE,
    }[index]
    ada, connection = person(session), session.connection()
    statement = select(Photo.id).where(review_queue.is_open_for(ada), condition).order_by(*order).limit(5)
    written = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN"
    else:
        explain = "EXPLAIN QUERY PLAN"
    plan = "\n".join(str(row) for row in connection.execute(text(f"{explain} {written}".replace(":", "\\:"))))
    assert f"ix_photos_queue_{index}" in plan, plan
