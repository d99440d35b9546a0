"""Claims and verdicts; on SQLite and PostgreSQL."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select, update

from backend.database import now, transaction
from backend.errors import Conflict, DomainError, NotFound
from backend.people.staff import Person
from backend.review_weights import ReviewWeights
from backend.reviewing import labelling, review_items, review_queue
from backend.reviewing.labelling import Verdict
from backend.reviewing.opinions import Decision
from backend.settings import Settings
from backend.tables import (
    Correction,
    Photo,
    PhotoId,
    PhotoState,
    Review,
    ReviewClaim,
    ReviewVerdict,
)
from tests.backend.staff_world import gold, id_of, person, photo


def never() -> float:
    """A draw that never chooses the random share."""
    return 0.5


def always() -> float:
    return 0.0


def take(session: Session, settings: Settings, who: Person, count: int = 1) -> list[str]:
    return [item.photo_id for item in review_queue.claim(session, settings, who, count, draw=never)]


def relabel(session: Session, settings: Settings, who: Person, photo_id: str, label: str) -> Decision:
    return labelling.give_verdict(session, settings, who, PhotoId(photo_id), Verdict(ReviewVerdict.RELABEL, label))


def reviews(session: Session, photo_id: str) -> list[tuple[int, str, str | None]]:
    rows = session.exec(select(Review).where(Review.photo_id == photo_id).order_by(Review.id))  # type: ignore[arg-type]
    return [(row.staff_id, row.verdict, row.label) for row in rows]


def test_the_most_valuable_photo_comes_first_and_a_half_decided_one_before_it(
    session: Session, settings: Settings
) -> None:
    rows = [photo(session, review_value=value) for value in (0.2, 0.9, 0.5)]
    started = photo(session, review_value=0.1, needs_second_opinion=True)
    assert take(session, settings, person(session), 4) == [started.id, rows[1].id, rows[2].id, rows[0].id]


def test_the_random_share_comes_in_order_of_arrival_whatever_its_value(session: Session, settings: Settings) -> None:
    early = photo(session, in_random_share=True, review_value=0.1, received_at=now() - timedelta(hours=1))
    late = photo(session, in_random_share=True, review_value=0.9)
    photo(session, review_value=1.0)
    found = review_queue.claim(session, settings, person(session), 2, draw=always)
    assert [item.photo_id for item in found] == [early.id, late.id]


def test_photos_of_the_random_share_are_not_chosen_by_value(session: Session, settings: Settings) -> None:
    chance, valuable = photo(session, in_random_share=True, review_value=1.0), photo(session, review_value=0.1)
    assert take(session, settings, person(session), 2) == [valuable.id, chance.id]


@pytest.mark.parametrize(
    "columns",
    [
        {"allow_review": False},
        {"state": PhotoState.RECEIVED},
        {"state": PhotoState.QUARANTINED},
        {"state": PhotoState.WITHDRAWN},
        {"rejected_at": now()},
        {"gold_label": "glass"},
    ],
)
def test_what_is_not_for_review_is_not_handed_out(
    session: Session, settings: Settings, columns: dict[str, object]
) -> None:
    photo(session, **columns)
    assert take(session, settings, person(session)) == []


def test_what_one_holds_no_other_gets_and_asking_again_gives_the_same(session: Session, settings: Settings) -> None:
    first, second = photo(session, review_value=0.9), photo(session, review_value=0.1)
    ada, bob = person(session), person(session, "bob")
    assert take(session, settings, ada) == take(session, settings, ada) == [first.id]
    assert take(session, settings, bob, 5) == [second.id]


def test_a_claim_that_has_expired_is_free_for_others(session: Session, settings: Settings) -> None:
    row = photo(session)
    ada, bob = person(session), person(session, "bob")
    take(session, settings, ada)
    session.connection().execute(update(ReviewClaim).values(expires_at=now() - timedelta(seconds=1)))
    assert take(session, settings, bob) == [row.id]
    with pytest.raises(Conflict) as refused:
        relabel(session, settings, ada, row.id, "glass")
    assert refused.value.code == "not_claimed"
    assert reviews(session, row.id) == []


def test_of_many_connections_each_gets_photos_of_its_own(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as session:
        people = [person(session, f"reviewer {number}") for number in range(6)]
        for _ in range(20):
            photo(session)
    gate, got = threading.Barrier(len(people)), list[str]()

    def work(who: Person) -> None:
        gate.wait()
        for _ in range(4):
            with transaction(engine) as session:
                found = take(session, settings, who, 5)
            got.extend(found)
            with transaction(engine) as session:
                for photo_id in found:
                    relabel(session, settings, who, photo_id, "glass")

    threads = [threading.Thread(target=work, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 20
    with transaction(engine) as session:
        assert len(session.exec(select(Review)).all()) == 20


def test_one_verdict_makes_the_gold_label_and_gives_the_photo_back(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    assert relabel(session, settings, ada, row.id, "glass") == Decision(gold_label="glass")
    assert row.gold_label == "glass"
    assert row.gold_labelled_at is not None
    assert session.get(ReviewClaim, row.id) is None
    assert take(session, settings, ada) == []


def test_the_same_verdict_sent_twice_is_one(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    assert relabel(session, settings, ada, row.id, "glass") == relabel(session, settings, ada, row.id, "glass")
    assert len(reviews(session, row.id)) == 1


def test_a_verdict_without_a_claim_is_refused(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    with pytest.raises(Conflict):
        relabel(session, settings, ada, row.id, "glass")
    with pytest.raises(NotFound):
        relabel(session, settings, ada, "no such photo", "glass")


def test_agreeing_means_agreeing_with_what_was_shown(session: Session, settings: Settings) -> None:
    row, ada = photo(session, phone="metal"), person(session)
    take(session, settings, ada)
    session.add(Correction(photo_id=row.id, label="glass"))
    session.flush()
    with pytest.raises(Conflict) as refused:
        labelling.give_verdict(session, settings, ada, id_of(row), Verdict(ReviewVerdict.AGREE, "metal"))
    assert refused.value.code == "opinion_changed"
    assert (
        labelling.give_verdict(session, settings, ada, id_of(row), Verdict(ReviewVerdict.AGREE, "glass")).gold_label
        == "glass"
    )


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict(ReviewVerdict.AGREE), "bad_verdict"),
        (Verdict(ReviewVerdict.REJECT, "glass"), "bad_verdict"),
        (Verdict(ReviewVerdict.RELABEL, "moon_rock"), "unknown_label"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(
    session: Session, settings: Settings, verdict: Verdict, code: str
) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    with pytest.raises(DomainError) as refused:
        labelling.give_verdict(session, settings, ada, id_of(row), verdict)
    assert refused.value.code == code


def test_a_second_opinion_is_given_by_others_and_two_must_agree(session: Session, settings: Settings) -> None:
    row = photo(session)
    ada, bob, eve = person(session), person(session, "bob"), person(session, "eve")
    take(session, settings, ada)
    labelling.give_verdict(session, settings, ada, id_of(row), Verdict(ReviewVerdict.SECOND_OPINION))
    assert take(session, settings, ada) == []
    assert take(session, settings, bob) == [row.id]
    assert relabel(session, settings, bob, row.id, "glass") == Decision(needs_second_opinion=True)
    assert take(session, settings, eve) == [row.id]
    assert relabel(session, settings, eve, row.id, "glass") == Decision(gold_label="glass", is_sure=True)


def test_a_decided_photo_can_be_looked_at_again_and_nothing_is_overwritten(
    session: Session, settings: Settings
) -> None:
    row, ada, bob = photo(session), person(session), person(session, "bob")
    take(session, settings, ada)
    relabel(session, settings, ada, row.id, "glass")
    review_queue.claim_one(session, settings, bob, id_of(row))
    with pytest.raises(Conflict):
        review_queue.claim_one(session, settings, ada, id_of(row))
    assert relabel(session, settings, bob, row.id, "metal") == Decision(needs_second_opinion=True)
    assert row.gold_label is None
    assert reviews(session, row.id) == [(ada.id, "relabel", "glass"), (bob.id, "relabel", "metal")]


def test_a_photo_that_was_withdrawn_meanwhile_takes_no_verdict(session: Session, settings: Settings) -> None:
    row, ada = photo(session), person(session)
    take(session, settings, ada)
    row.state, row.allow_review = PhotoState.WITHDRAWN, False
    session.flush()
    with pytest.raises(Conflict) as refused:
        relabel(session, settings, ada, row.id, "glass")
    assert refused.value.code == "not_reviewable"


def test_giving_a_photo_back_lets_another_have_it(session: Session, settings: Settings) -> None:
    row, ada, bob = photo(session), person(session), person(session, "bob")
    take(session, settings, ada)
    review_queue.unclaim(session, bob, id_of(row))
    assert take(session, settings, bob) == []
    review_queue.unclaim(session, ada, id_of(row))
    assert take(session, settings, bob) == [row.id]


def test_the_counts_say_what_waits(session: Session, settings: Settings) -> None:
    ada = person(session)
    for _ in range(3):
        photo(session)
    gold(session, "glass")
    relabel(session, settings, ada, take(session, settings, ada)[0], "glass")
    take(session, settings, ada)
    photo(session, needs_second_opinion=True)
    counts = review_queue.queue_counts(session, ada)
    assert (counts.waiting, counts.claimed, counts.second_opinions, counts.yours_today) == (3, 1, 1, 1)


def test_an_item_hides_what_other_reviewers_said(session: Session, settings: Settings) -> None:
    ada, bob = person(session), person(session, "bob")
    row = photo(session, phone="metal")
    take(session, settings, ada)
    labelling.give_verdict(session, settings, ada, id_of(row), Verdict(ReviewVerdict.SECOND_OPINION))
    item = review_queue.claim(session, settings, bob, 1, draw=never)[0]
    assert item.needs_second_opinion
    assert item.shown_label == "metal"
    assert "reviews" not in vars(item)


def test_value_for_review_reads_the_newest_correction_and_the_rarity_of_gold(session: Session) -> None:
    gold(session, "metal")
    row = photo(session, phone="metal", scores={"metal": 1.0})
    labelling.revalue(session, ReviewWeights(), row)
    assert row.review_value == 0
    session.add(Correction(photo_id=row.id, label="trash"))
    session.flush()
    labelling.revalue(session, ReviewWeights(), row)
    assert row.review_value == pytest.approx(0.4)
    assert row.review_parts is not None
    assert ReviewWeights().reasons(row.review_parts) == ("resident_disagrees", "rarity")


def test_what_a_reviewer_sees_takes_as_many_queries_for_twenty_photos_as_for_one(
    session: Session, settings: Settings
) -> None:
    for _ in range(20):
        session.add(Correction(photo_id=photo(session).id, label="paper"))
    session.flush()
    ids = [PhotoId(photo_id) for photo_id in session.exec(select(Photo.id))]
    statements: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    seen = review_items.items(session, ids[:1])
    for_one = len(statements)
    seen = review_items.items(session, ids)
    assert len(statements) == 2 * for_one
    assert {(item.shown_label, item.correction, len(item.predictions)) for item in seen} == {("paper", "paper", 1)}


def test_a_claim_that_another_got_while_it_was_renewed_is_not_handed_out_twice(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bea = person(session), person(session, "bea")
    row = photo(session)
    assert take(session, settings, bea) == [row.id]
    monkeypatch.setattr(review_queue, "_held", lambda *_: [(row.id, False)])
    assert take(session, settings, ada) == []
