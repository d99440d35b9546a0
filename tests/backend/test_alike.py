"""Photos that look alike are claimed and decided together; on SQLite and PostgreSQL."""

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from backend.database import transaction
from backend.intake import near_duplicates
from backend.reviewing import alike, review_queue
from backend.reviewing.labelling import Verdict
from backend.settings import Settings
from backend.tables import Photo, Review, ReviewVerdict
from tests.backend.staff_world import id_of, person, photo

GLASS = Verdict(ReviewVerdict.RELABEL, "glass")


def embedding(*values: float) -> bytes:
    return near_duplicates.pack(np.array(values, dtype=np.float32))


def test_what_looks_most_like_the_most_valuable_one_comes_first(session: Session, settings: Settings) -> None:
    def add(value: float, *direction: float) -> Photo:
        return photo(
            session,
            review_value=value,
            predicted_label="glass",
            embedding=embedding(*direction) if direction else None,
            embedding_release=1,
        )

    far, near, first, unknown = add(0.5, 0, 1), add(0.4, 1, 0.1), add(0.9, 1, 0), add(0.8)
    photo(session, predicted_label="metal")
    ada = person(session)
    assert alike.claim_label(session, settings, ada, "glass") == [first.id, near.id, far.id, unknown.id]
    assert set(alike.held(session, ada, label="glass")) == {far.id, near.id, first.id, unknown.id}


def test_offers_are_what_waits_more_than_once(session: Session, settings: Settings) -> None:
    ada, bob = person(session), person(session, "bob")
    for group in ("one", "one", "two"):
        photo(session, group_id=group, predicted_label="glass")
    found = alike.offers(session, ada)
    assert [(each.key, each.photos) for each in found.groups] == [("one", 2)]
    assert [(each.key, each.photos) for each in found.labels] == [("glass", 3)]
    assert len(alike.claim_group(session, settings, ada, "one")) == 2
    assert alike.claim_group(session, settings, bob, "one") == []
    assert alike.offers(session, bob) == alike.Offers((), ())


def test_each_gets_its_own_review_and_one_that_changed_hands_keeps_none_from_it(
    session: Session, settings: Settings
) -> None:
    ada, bob = person(session), person(session, "bob")
    rows = [photo(session, phone=label, group_id="one") for label in ("glass", "metal", "glass")]
    held = alike.claim_group(session, settings, ada, "one")
    review_queue.unclaim(session, ada, id_of(rows[2]))
    review_queue.claim_one(session, settings, bob, id_of(rows[2]))
    assert alike.decide(session, settings, ada, held, GLASS) == alike.Decided(photos=2, refused=1)
    said = {row.photo_id: row.verdict for row in session.exec(select(Review))}
    assert said == {rows[0].id: ReviewVerdict.AGREE, rows[1].id: ReviewVerdict.RELABEL}


def test_who_claims_what_another_is_claiming_at_this_moment_gets_the_rest_and_waits_for_nobody(
    engine: Engine, settings: Settings
) -> None:
    """Two who wait for each other wait for ever: each has what the other wants next."""
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite lets in one after the other")
    with transaction(engine) as session:
        ada, bob = person(session), person(session, "bob")
        rows = [photo(session, group_id="one") for _ in range(3)]
    with transaction(engine) as first, transaction(engine) as second:
        review_queue.claim_one(first, settings, bob, id_of(rows[1]))
        second.connection().execute(text("SET LOCAL lock_timeout = '5s'"))
        assert set(alike.claim_group(second, settings, ada, "one")) == {rows[0].id, rows[2].id}
