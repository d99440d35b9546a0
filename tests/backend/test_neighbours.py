"""The reviewed photos that look most like one; on SQLite and PostgreSQL."""

from typing import Any

import numpy as np
import pytest
from sqlmodel import Session

from backend.intake import near_duplicates
from backend.reviewing import neighbours
from backend.reviewing.neighbours import KEPT_SECONDS, Neighbours, _read
from backend.tables import PhotoState
from tests.backend.staff_world import gold, person, photo


def look(*values: float) -> dict[str, Any]:
    packed = near_duplicates.pack(np.array(values, dtype=np.float32))
    return {"embedding": packed, "embedding_release": 1}


def test_the_most_alike_come_first_with_their_labels(session: Session) -> None:
    near, nearer = gold(session, "glass", **look(1, 0.5)), gold(session, "metal", **look(1, 0.1))
    gold(session, "paper", **look(-1, 0))
    gold(session, "paper", **(look(1, 0) | {"embedding_release": 2}))
    photo(session, **look(1, 0))
    found = Neighbours().of(session, person(session), photo(session, **look(1, 0)))
    assert [(each.photo_id, each.gold_label) for each in found] == [(nearer.id, "metal"), (near.id, "glass")]
    assert found[0].likeness == pytest.approx(1 / np.sqrt(1.01), abs=0.001)


def test_a_photo_without_embedding_has_none(session: Session) -> None:
    gold(session, "glass", **look(1, 0))
    assert Neighbours().of(session, person(session), photo(session)) == ()


def test_only_what_the_person_may_see_now_is_named(session: Session) -> None:
    kept, ada = Neighbours(), person(session, areas=["Northside"])
    here, elsewhere = (gold(session, "glass", place=place, **look(1, 0)) for place in ("Northside", "Southside"))
    of = photo(session, place="Northside", **look(1, 0))
    assert [each.photo_id for each in kept.of(session, ada, of)] == [here.id]
    assert len(kept.of(session, person(session, "bob"), of)) == 2
    here.state = elsewhere.state = PhotoState.WITHDRAWN
    session.flush()
    assert kept.of(session, ada, of) == (), "although it is still kept"


def test_photos_of_two_releases_in_turn_are_not_read_anew_each_time(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counted(session: Session, release: int, moment: float) -> Any:
        read.append(release)
        return _read(session, release, moment)

    monkeypatch.setattr(neighbours, "_read", counted)
    ada, kept = person(session), Neighbours()
    waiting = {release: photo(session, **(look(1, 0) | {"embedding_release": release})) for release in (1, 2, 3)}
    for release in (1, 2, 1, 2, 3, 2, 1):
        kept.of(session, ada, waiting[release])
    assert read == [1, 2, 3, 1], "of three the one that nobody has asked for longest is forgotten"


def test_what_was_decided_since_is_found_after_a_while(session: Session) -> None:
    moment = 0.0
    kept, ada, of = Neighbours(lambda: moment), person(session), photo(session, **look(1, 0))
    assert kept.of(session, ada, of) == ()
    gold(session, "glass", **look(1, 0))
    assert kept.of(session, ada, of) == ()
    moment += KEPT_SECONDS + 1
    assert len(kept.of(session, ada, of)) == 1
