"""Covering, hiding, blocking, and what of it stays."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx
import obstore
import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from backend.api.dependencies import Parts, transaction_of
from backend.database import now, transaction
from backend.datasets import snapshots
from backend.errors import Conflict, DomainError, NotFound
from backend.intake import moderation, photo_store, thumbnails
from backend.intake.photo_sandbox import CleanPhoto, PhotoSandbox, Region
from backend.intake.thumbnails import Thumbnails
from backend.people.staff import Person
from backend.reviewing import review_queue
from backend.searching import photo_details, photo_search
from backend.searching.photo_search import Search
from backend.tables import AuditEvent, Job, JobState, Photo, PhotoId, PhotoNote, PhotoState, Role
from mobile_models import photo as photos
from mobile_models.document import sha256
from tests import pictures
from tests.backend import staff_world
from tests.backend.world import Resident, stored_photo


def sent(resident: Resident, parts: Parts, **changes: Any) -> PhotoId:
    """A photo that came in and was inspected."""
    photo_id = PhotoId(resident.submit(**changes).json()["id"])
    with transaction(parts.engine) as session:
        row = session.get_one(Photo, photo_id)
        row.state, row.inspected_at, row.embedding = PhotoState.INSPECTED, now(), b"12"
        session.add(row)
    return photo_id


def covered(parts: Parts, person: Person, photo_id: PhotoId, regions: Sequence[Region]) -> Photo:
    return moderation.redact(lambda: transaction_of(parts), parts.storage, parts.sandbox, person, photo_id, regions)


def test_of_two_who_cover_at_once_the_second_looks_again(
    resident: Resident, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = sent(resident, parts)
    with transaction(parts.engine) as session:
        ada = staff_world.person(session)
    cover = PhotoSandbox.cover

    def meanwhile(sandbox: PhotoSandbox, content: bytes, regions: Sequence[Region]) -> CleanPhoto:
        monkeypatch.setattr(PhotoSandbox, "cover", cover)
        covered(parts, ada, photo_id, [(0, 0, 20, 20)])
        return cover(sandbox, content, regions)

    monkeypatch.setattr(PhotoSandbox, "cover", meanwhile)
    with pytest.raises(Conflict) as refused:
        covered(parts, ada, photo_id, [(40, 40, 60, 60)])
    assert refused.value.code == "changed_meanwhile"
    image = Image.open(io.BytesIO(stored_photo(parts.storage, photo_id)))
    assert all(abs(value - 128) < 12 for value in image.getpixel((10, 10)))  # type: ignore[union-attr]


def test_what_is_covered_is_gone_for_good(resident: Resident, parts: Parts) -> None:
    photo_id = sent(resident, parts)
    before = stored_photo(parts.storage, photo_id)
    Thumbnails().of(parts.storage, photo_id, sha256(before))
    with transaction(parts.engine) as session:
        ada = staff_world.person(session, role=Role.ENGINEER)
    row = covered(parts, ada, photo_id, [(8, 8, 40, 9999)])
    after = stored_photo(parts.storage, photo_id)
    assert row.sha256 == sha256(after) != sha256(before)
    image = Image.open(io.BytesIO(after))
    assert image.size == (row.width, row.height)
    for place in ((12, 12), (36, row.height - 4)):
        assert all(abs(value - 128) < 12 for value in image.getpixel(place))  # type: ignore[union-attr]
    kept = [found["path"] for listed in obstore.list(parts.storage) for found in listed]
    assert kept == [photo_store.key(photo_id)]
    assert row.embedding is None
    assert row.state == PhotoState.RECEIVED
    with transaction(parts.engine) as session:
        assert session.exec(select(Job).where(Job.subject == photo_id)).one().state == JobState.QUEUED
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "photo.redacted")).one()
    assert event.detail["regions"] == [8, 8, 40, row.height]
    assert Thumbnails().of(parts.storage, photo_id, row.sha256)
    with pytest.raises(NotFound):
        Thumbnails().of(parts.storage, photo_id, sha256(before))


@pytest.mark.parametrize(
    "regions", [[], [(0, 0, 2, 2)], [(900, 900, 990, 990)], [(40, 40, 8, 8)], [(0, 0, 50, 50)] * 21]
)
def test_regions_that_cover_nothing_are_refused(
    resident: Resident, parts: Parts, regions: list[tuple[int, int, int, int]]
) -> None:
    photo_id = sent(resident, parts)
    before = stored_photo(parts.storage, photo_id)
    with transaction(parts.engine) as session:
        ada = staff_world.person(session)
    with pytest.raises(DomainError) as refused:
        covered(parts, ada, photo_id, regions)
    assert refused.value.code == "bad_region"
    assert stored_photo(parts.storage, photo_id) == before


def test_a_hidden_photo_is_neither_reviewed_nor_trained_on_until_it_is_shown_again(session: Session) -> None:
    ada = staff_world.person(session, role=Role.ENGINEER)
    row = staff_world.photo(session, inspected_at=now())
    photo_id = staff_world.id_of(row)
    row.gold_label = "glass"
    usable = select(Photo.id).where(*snapshots.is_usable())
    assert session.exec(usable).all() == [photo_id]
    moderation.hide(session, ada, photo_id, "a face")
    assert session.exec(usable).all() == []
    row.gold_label = None
    session.flush()
    assert review_queue.queue_counts(session, ada).waiting == 0
    reviewer = staff_world.person(session, "eve")
    assert photo_details.may_be_seen(ada, row)
    assert not photo_details.may_be_seen(reviewer, row)
    with pytest.raises(Conflict):
        moderation.hide(session, ada, photo_id, "again")
    moderation.show(session, ada, photo_id)
    assert review_queue.queue_counts(session, ada).waiting == 1
    assert row.hidden_reason is None
    with pytest.raises(Conflict):
        moderation.show(session, ada, photo_id)


def test_a_hidden_photo_that_was_never_inspected_is_inspected_first(session: Session) -> None:
    ada = staff_world.person(session)
    row = staff_world.photo(session, state=PhotoState.RECEIVED)
    moderation.hide(session, ada, staff_world.id_of(row), "a face")
    moderation.show(session, ada, staff_world.id_of(row))
    assert row.state == PhotoState.RECEIVED
    assert session.exec(select(Job)).one().subject == row.id


def test_its_sender_is_told_that_a_hidden_photo_is_kept_from_everybody(resident: Resident, parts: Parts) -> None:
    photo_id = sent(resident, parts)
    with transaction(parts.engine) as session:
        moderation.hide(session, staff_world.person(session), photo_id, "the neighbour's face")
    answer = resident.ask("GET", f"/v1/submissions/{photo_id}").json()
    assert answer["state"] == "quarantined"
    assert "neighbour" not in str(answer)


def test_a_blocked_device_brings_nothing_more_and_its_earlier_photos_are_hidden(
    resident: Resident, neighbour: Resident, parts: Parts
) -> None:
    photo_id, other = sent(resident, parts), sent(neighbour, parts, photo=pictures.jpeg("paper"))
    with transaction(parts.engine) as session:
        ada = staff_world.person(session)
        assert moderation.block_device(session, ada, photo_id, "insults", hide_earlier=True) == 1
        with pytest.raises(Conflict):
            moderation.block_device(session, ada, photo_id, "insults", hide_earlier=False)
    refused = resident.submit()
    assert (refused.status_code, refused.json()["code"]) == (403, "device_blocked")
    assert neighbour.submit().status_code == 201
    with transaction(parts.engine) as session:
        assert session.get_one(Photo, photo_id).state == PhotoState.HIDDEN
        assert session.get_one(Photo, other).state == PhotoState.INSPECTED
        details = photo_details.of(session, ada, photo_id)
        assert details.device_is_blocked
        events = session.exec(select(AuditEvent).where(col(AuditEvent.action).startswith("device."))).all()
        assert str(details.photo.device_id) not in str([event.detail for event in events])
        moderation.lift_block(session, ada, 1)
    assert resident.submit().status_code == 201


def test_notes_are_found_and_go_with_the_photo(resident: Resident, parts: Parts, engine: Engine) -> None:
    photo_id = sent(
        resident, parts, note="Chai <b>thủy tinh</b>", location={"latitude": 10.771234, "longitude": 106.698765}
    )
    with transaction(engine) as session:
        ada = staff_world.person(session)
        moderation.add_note(session, ada, photo_id, "label torn off")
        row = session.get_one(Photo, photo_id)
        assert (row.latitude, row.longitude, row.note) == (10.77, 106.7, "Chai <b>thủy tinh</b>")
        assert (row.predicted_label, row.predicted_release, row.confidence) == ("metal", 1, 0.6)
        for asked in ("thuy tinh", "torn"):
            assert len(photo_search.page(session, ada, Search(text=asked), limit=5)) == 1
        assert [note.text for note in photo_details.of(session, ada, photo_id).notes] == ["label torn off"]
    resident.ask("DELETE", f"/v1/submissions/{photo_id}")
    with transaction(engine) as session:
        row = session.get_one(Photo, photo_id)
        assert (row.latitude, row.note) == (None, None)
        assert session.exec(select(PhotoNote)).all() == []
        assert photo_search.page(session, ada, Search(text="torn"), limit=5) == []


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ({"latitude": 10.7712345, "longitude": 106.6987654, "precision": "exact"}, (10.77123, 106.69877)),
        ({"latitude": 10.7712345, "longitude": 106.6987654, "precision": "street"}, (10.771, 106.699)),
        ({"latitude": 10.7712345, "longitude": 106.6987654, "precision": "district"}, (10.77, 106.7)),
        ({"latitude": 91, "longitude": 0}, None),
        ({"latitude": 1, "longitude": 2, "precision": "house"}, None),
    ],
)
def test_a_position_is_kept_as_coarse_as_the_resident_chose(
    resident: Resident, parts: Parts, location: dict[str, object], kept: tuple[float, float] | None
) -> None:
    answer = resident.submit(location=location)
    assert answer.status_code == (201 if kept else 422)
    if kept:
        with transaction(parts.engine) as session:
            row = session.get_one(Photo, answer.json()["id"])
        assert (row.latitude, row.longitude) == kept


def test_nobody_changes_photos_outside_of_their_areas(session: Session, parts: Parts) -> None:
    ada = staff_world.person(session, areas=["North"])
    photo_id = staff_world.id_of(staff_world.photo(session, place="South", received_at=now() - timedelta(days=1)))
    with pytest.raises(NotFound):
        moderation.hide(session, ada, photo_id, "a face")
    with pytest.raises(NotFound):
        moderation.add_note(session, ada, photo_id, "x")
    with pytest.raises(NotFound):
        moderation.block_device(session, ada, photo_id, "x", hide_earlier=True)
    with pytest.raises(NotFound):
        moderation.redact(lambda: nullcontext(session), parts.storage, parts.sandbox, ada, photo_id, [(0, 0, 9, 9)])
    with pytest.raises(NotFound):
        photo_details.of(session, ada, photo_id)


def test_thumbnails_are_small_and_forgotten(resident: Resident, parts: Parts, client: httpx.Client) -> None:
    photo_id = sent(resident, parts)
    digest = sha256(stored_photo(parts.storage, photo_id))
    small = Image.open(io.BytesIO(Thumbnails().of(parts.storage, photo_id, digest)))
    assert max(small.size) <= thumbnails.EDGE_PIXELS
    resident.ask("DELETE", f"/v1/submissions/{photo_id}")
    assert [found["path"] for listed in obstore.list(parts.storage) for found in listed] == []


def test_a_thumbnail_that_is_made_while_its_photo_goes_does_not_stay(
    resident: Resident, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = sent(resident, parts)
    digest = sha256(stored_photo(parts.storage, photo_id))
    shrink = photos.encode

    def withdrawn_meanwhile(image: Image.Image, quality: int) -> bytes:
        assert resident.ask("DELETE", f"/v1/submissions/{photo_id}").status_code == 200
        return shrink(image, quality)

    monkeypatch.setattr(photos, "encode", withdrawn_meanwhile)
    with pytest.raises(NotFound):
        Thumbnails().of(parts.storage, photo_id, digest)
    assert [found["path"] for listed in obstore.list(parts.storage) for found in listed] == []
