"""What residents let the city do with a photo, changed at any time; on SQLite and PostgreSQL."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from backend.database import now, transaction
from backend.datasets import snapshots
from backend.errors import Conflict, NotFound, Unavailable
from backend.intake import consent, own_photos
from backend.people.staff import Person
from backend.reviewing import labelling, review_queue
from backend.reviewing.labelling import Verdict
from backend.settings import Settings
from backend.tables import Correction, DeviceId, Photo, PhotoId, PhotoState, ReviewClaim, ReviewVerdict
from tests import tiny_model
from tests.backend.staff_world import device, gold, id_of, person, photo


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A city whose bundled release has seen nothing that is here."""
    return settings.model_copy(update={"bundled_release": tiny_model.release_folder(tmp_path / "bundled")})


def say(session: Session, settings: Settings, row: Photo, *, review: bool, training: bool) -> Photo:
    sender = DeviceId(row.device_id or "")
    weights = settings.review_weights
    return consent.change(session, weights, sender, id_of(row), allow_review=review, allow_training=training)


def claimed(session: Session, settings: Settings, who: Person) -> list[str]:
    return [item.photo_id for item in review_queue.claim(session, settings, who, 10, draw=lambda: 0.5)]


def test_who_lets_nobody_look_any_more_takes_the_photo_from_queue_and_reviewer(
    session: Session, settings: Settings
) -> None:
    row, rita = photo(session, device_id=device(session)), person(session, "rita")
    assert claimed(session, settings, rita) == [row.id]
    say(session, settings, row, review=False, training=True)
    assert session.get(ReviewClaim, row.id) is None
    assert claimed(session, settings, rita) == []
    with pytest.raises(Conflict, match="not for review"):
        labelling.give_verdict(session, settings, rita, id_of(row), Verdict(ReviewVerdict.RELABEL, "glass"))
    assert row.gold_label is None


def test_who_lets_staff_look_later_is_queued_by_what_it_is_worth_now(session: Session, settings: Settings) -> None:
    sender = device(session)
    row = photo(session, device_id=sender, allow_review=False, allow_training=False, review_value=0.0)
    at_first = photo(session, device_id=sender)
    labelling.revalue(session, settings.review_weights, at_first)
    say(session, settings, row, review=True, training=False)
    assert (row.review_value, row.review_parts) == (at_first.review_value, at_first.review_parts)
    assert row.id in claimed(session, settings, person(session))


@pytest.mark.parametrize("state", [PhotoState.RECEIVED, PhotoState.QUARANTINED, PhotoState.HIDDEN])
def test_consent_opens_nothing_that_is_kept_from_reviewers_for_another_reason(
    session: Session, settings: Settings, state: PhotoState
) -> None:
    """One that staff have covered is `received` until it was inspected anew."""
    row = photo(session, device_id=device(session), state=state, allow_review=False)
    say(session, settings, row, review=True, training=True)
    assert (row.state, row.allow_review) == (state, True)
    assert claimed(session, settings, person(session)) == []


def test_what_may_not_be_learned_from_any_more_is_left_out_of_the_next_snapshot(
    session: Session, settings: Settings
) -> None:
    rows = [gold(session, "glass", device_id=device(session)) for _ in range(3)]
    say(session, settings, rows[0], review=True, training=False)
    assert rows[0].sha256 not in snapshots.collect(session, settings).photo_ids
    say(session, settings, rows[0], review=True, training=True)
    assert rows[0].sha256 in snapshots.collect(session, settings).photo_ids


def test_consent_that_goes_while_a_snapshot_is_frozen_makes_the_worker_collect_again(
    session: Session, settings: Settings
) -> None:
    rows = [gold(session, "glass", device_id=device(session)) for _ in range(3)]
    asked = snapshots.request(session, "ada")
    assert asked.id is not None
    collected = snapshots.collect(session, settings)
    say(session, settings, rows[0], review=True, training=False)
    with pytest.raises(Unavailable):
        snapshots.settle_frozen(session, asked.id, collected)


def test_saying_the_same_again_changes_nothing(session: Session, settings: Settings) -> None:
    row, rita = photo(session, device_id=device(session)), person(session, "rita")
    claimed(session, settings, rita)
    say(session, settings, row, review=True, training=True)
    assert session.get(ReviewClaim, row.id) is not None


def test_a_withdrawn_photo_and_those_of_others_take_no_consent(session: Session, settings: Settings) -> None:
    withdrawn = photo(session, device_id=device(session), state=PhotoState.WITHDRAWN)
    with pytest.raises(Conflict, match="withdrawn"):
        say(session, settings, withdrawn, review=True, training=True)
    row, other = photo(session, device_id=device(session)), DeviceId(device(session))
    with pytest.raises(NotFound):
        consent.change(session, settings.review_weights, other, id_of(row), allow_review=False, allow_training=False)
    assert row.allow_review


def test_a_verdict_and_a_revocation_at_the_same_moment_leave_no_claim(engine: Engine, settings: Settings) -> None:
    """Whichever comes first: a verdict that counts was given while it was allowed."""
    with transaction(engine) as session:
        rita, sender = person(session, "rita"), device(session)
        rows = [photo(session, device_id=sender) for _ in range(5)]
        for row in rows:
            review_queue.claim_one(session, settings, rita, id_of(row))
    for row in rows:
        _together(
            partial(_revoke, engine, settings, DeviceId(sender), id_of(row)),
            partial(_relabel, engine, settings, rita, id_of(row)),
        )
    with transaction(engine) as session:
        for row in rows:
            now_there = session.get_one(Photo, row.id)
            assert not now_there.allow_review
            assert now_there.gold_label in (None, "glass")
            assert session.get(ReviewClaim, row.id) is None


def _revoke(engine: Engine, settings: Settings, sender: DeviceId, photo_id: PhotoId) -> None:
    with transaction(engine) as session:
        consent.change(session, settings.review_weights, sender, photo_id, allow_review=False, allow_training=False)


def _relabel(engine: Engine, settings: Settings, who: Person, photo_id: PhotoId) -> None:
    try:
        with transaction(engine) as session:
            labelling.give_verdict(session, settings, who, photo_id, Verdict(ReviewVerdict.RELABEL, "glass"))
    except Conflict as refused:
        assert refused.code in ("not_reviewable", "not_claimed")


def _together(*acts: Callable[[], None]) -> None:
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        barrier.wait()
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("correction", "gold_label", "rejected", "accepted"),
    [
        ("glass", "glass", False, True),
        ("glass", "paper", False, False),
        (None, "metal", False, True),  # What the phone said, and nobody corrected.
        (None, "glass", False, False),
        ("glass", None, False, None),
        ("glass", None, True, False),
    ],
)
def test_what_a_resident_said_counts_once_reviewers_say_the_same(
    session: Session, correction: str | None, gold_label: str | None, rejected: bool, accepted: bool | None
) -> None:
    row = photo(session, device_id=device(session), gold_label=gold_label, rejected_at=now() if rejected else None)
    if correction is not None:
        session.add_all([Correction(photo_id=row.id, label="paper"), Correction(photo_id=row.id, label=correction)])
        session.flush()
    assert own_photos.status(session, DeviceId(row.device_id or ""), id_of(row)).accepted is accepted


def test_a_phone_that_was_unsure_said_nothing_that_could_be_accepted(session: Session) -> None:
    row = photo(session, phone="unsure", device_id=device(session), gold_label="glass")
    assert own_photos.status(session, DeviceId(row.device_id or ""), id_of(row)).accepted is None
