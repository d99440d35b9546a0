"""What a phone gets back of its own, and what is left of it when it is forgotten; on SQLite and PostgreSQL."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from obstore.store import ObjectStore
from sqlalchemy import event
from sqlmodel import Session, select

from backend.api.dependencies import Parts, transaction_of
from backend.database import now, transaction
from backend.intake import own_data, photo_store
from backend.tables import Device, DeviceBlock, DeviceId, Photo, PhotoId, PhotoState, ReviewVerdict
from mobile_models.document import sha256
from tests.backend.staff_world import device, gold, person, photo
from tests.backend.world import Resident, photo_rows, stored_photo, stored_photos


def test_a_resident_gets_the_stored_photo_back_and_nobody_else_does(
    resident: Resident, neighbour: Resident, parts: Parts
) -> None:
    photo_id = resident.submit().json()["id"]
    path = f"/v1/submissions/{photo_id}/photo"
    answer = resident.ask("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == stored_photo(parts.storage, photo_id)
    assert answer.headers["cache-control"] == "private, no-cache"
    same = resident.ask("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert neighbour.ask("GET", path).status_code == 404
    assert resident.ask("GET", f"/v1/submissions/{uuid.uuid4()}/photo").status_code == 404


def test_a_photo_that_was_withdrawn_is_gone_for_its_sender_too(resident: Resident) -> None:
    path = f"/v1/submissions/{resident.submit().json()['id']}"
    resident.ask("DELETE", path)
    answer = resident.ask("GET", f"{path}/photo")
    assert (answer.status_code, answer.json()["code"]) == (410, "withdrawn")


def test_the_export_tells_all_that_is_held_and_no_reviewer(
    resident: Resident, neighbour: Resident, parts: Parts
) -> None:
    location = {"latitude": 10.123456, "longitude": 106.987654, "precision": "district"}
    sent = resident.submit(correction="glass", correction_reason="dirty_or_wet", note="found it", location=location)
    photo_id = sent.json()["id"]
    neighbour.submit()
    with transaction(parts.engine) as session:
        rita = person(session, "rita-the-reviewer")
        row = session.get_one(Photo, photo_id)
        row.state, row.gold_label, row.gold_labelled_at = PhotoState.INSPECTED, "glass", now()
        session.add(row)
        registered_at = session.get_one(Device, row.device_id).created_at
        assert rita.id
    answer = resident.ask("GET", "/v1/devices/me/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="wastelens.json"'
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["registered_on"], told["is_blocked"]) == (registered_at.date().isoformat(), False)
    (only,) = told["submissions"]
    kept = only["photo"]
    assert (kept["id"], kept["note"], kept["allow_review"]) == (photo_id, "found it", True)
    assert (kept["latitude"], kept["longitude"], kept["location_precision"]) == (10.12, 106.99, "district")
    assert kept["sha256"] == sha256(stored_photo(parts.storage, photo_id))
    assert (only["state"], kept["gold_label"], only["accepted"]) == ("inspected", "glass", True)
    assert [(each["label"], each["reason"]) for each in only["corrections"]] == [("glass", "dirty_or_wet")]
    assert [(each["made_by"], each["label"], each["release_version"]) for each in only["predictions"]] == [
        ("phone", "metal", 1)
    ]
    assert "rita-the-reviewer" not in answer.text


def test_the_export_of_hundreds_of_photos_is_whole_in_order_and_takes_few_queries(session: Session) -> None:
    sender = DeviceId(device(session))
    sent = [photo(session, device_id=sender).id for _ in range(450)]
    session.expunge_all()  # As in a request, which has loaded nothing yet.
    with _counted(session) as statements:
        told = own_data.export(session, sender)
    assert [each.photo.id for each in told.submissions] == sent[::-1]
    assert all(len(each.predictions) == 1 for each in told.submissions)
    assert len(statements) < 25


@contextmanager
def _counted(session: Session) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    engine = session.get_bind().engine
    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


def test_a_phone_that_is_forgotten_leaves_tombstones_and_nothing_that_leads_to_it(
    resident: Resident, neighbour: Resident, parts: Parts
) -> None:
    sent = [resident.submit().json()["id"] for _ in range(3)]
    resident.ask("DELETE", f"/v1/submissions/{sent[0]}")
    others = neighbour.submit().json()["id"]
    answer = resident.ask("DELETE", "/v1/devices/me")
    assert (answer.status_code, answer.json()) == (200, {"withdrawn": 2})
    assert stored_photos(parts.storage) == [others]
    mine = [row for row in photo_rows(parts) if row.id in sent]
    assert {(row.state, row.device_id, row.allow_training) for row in mine} == {(PhotoState.WITHDRAWN, None, False)}
    for method, path in (("GET", "/v1/submissions"), ("DELETE", "/v1/devices/me")):
        assert resident.ask(method, path).json()["code"] == "not_signed_in"
    assert neighbour.submit(photo_id=sent[1]).status_code == 409, "the id cannot come back"


def test_many_photos_are_forgotten_and_one_that_comes_meanwhile_too(resident: Resident, parts: Parts) -> None:
    first = resident.submit().json()["id"]
    with transaction(parts.engine) as session:
        sender = session.get_one(Photo, first).device_id
        for _ in range(44):
            photo(session, device_id=sender)
    assert sender is not None
    begun = 0

    @contextmanager
    def begin() -> Iterator[Session]:
        nonlocal begun
        begun += 1
        if begun == 4:  # All that was there is withdrawn by now.
            assert resident.submit().status_code == 201
        with transaction_of(parts) as session:
            yield session

    assert own_data.forget(begin, parts.storage, DeviceId(sender)) == 46
    assert stored_photos(parts.storage) == []


def test_what_was_interrupted_goes_on_when_it_is_asked_again(
    resident: Resident, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [resident.submit().json()["id"] for _ in range(3)]
    sender = DeviceId(photo_rows(parts)[0].device_id or "")

    def fail_at_the_last(storage: ObjectStore, photo_id: PhotoId) -> None:
        if photo_id == max(sent):
            raise OSError("no storage")
        photo_store._delete(storage, photo_store.key(photo_id))

    with monkeypatch.context() as patched:
        patched.setattr(photo_store, "delete", fail_at_the_last)
        with pytest.raises(OSError, match="no storage"):
            own_data.forget(partial(transaction_of, parts), parts.storage, sender)
    assert resident.ask("GET", "/v1/submissions").status_code == 200, "the token works until all is gone"
    assert resident.ask("DELETE", "/v1/devices/me").json() == {"withdrawn": 3}
    assert stored_photos(parts.storage) == []


def test_photos_that_are_being_sent_while_the_phone_is_forgotten_do_not_stay(resident: Resident, parts: Parts) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(resident.submit().status_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    forgotten = resident.ask("DELETE", "/v1/devices/me")
    for thread in threads:
        thread.join()
    assert forgotten.status_code == 200
    assert set(statuses) <= {201, 401}
    assert stored_photos(parts.storage) == []
    assert {row.state for row in photo_rows(parts)} <= {PhotoState.WITHDRAWN}


def test_a_block_goes_with_the_phone_and_gold_of_others_stays(session: Session, storage: ObjectStore) -> None:
    sender = DeviceId(device(session))
    session.add(DeviceBlock(device_id=sender, reason="spam", blocked_by="eve"))
    mine, theirs = gold(session, "glass", device_id=sender), gold(session, "glass", device_id=device(session))
    mine.rejected_as = ReviewVerdict.NOT_WASTE
    session.flush()

    @contextmanager
    def begin() -> Iterator[Session]:
        yield session

    assert own_data.export(session, sender).is_blocked
    own_data.forget(begin, storage, sender)
    assert session.exec(select(DeviceBlock)).all() == []
    assert session.get(Device, sender) is None
    session.expire_all()
    kept = session.get_one(Photo, theirs.id)
    assert (kept.gold_label, kept.device_id is None) == ("glass", False)
