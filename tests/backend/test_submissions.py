"""Residents send, correct, look after and withdraw their photos, over HTTP on SQLite and PostgreSQL."""

import io
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlmodel import Session, select

from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.intake.photos import Incoming
from backend.intake.submission import Submission
from backend.settings import Settings
from backend.tables import (
    Correction,
    DatasetSnapshotPhoto,
    DatasetSnapshotRow,
    DeviceId,
    Job,
    JobKind,
    JobState,
    Photo,
    PhotoId,
    PhotoState,
    Prediction,
    Release,
    ReviewClaim,
    Role,
    Staff,
    TrainingMode,
    TrainingRun,
)
from mobile_models.document import sha256
from tests import pictures
from tests.backend.world import Resident, photo_rows, register, running, stored_photo, stored_photos, submission
from tests.waiting import PATIENCE_SECONDS


def test_a_photo_is_taken_in_with_its_prediction_and_a_job_to_inspect_it(resident: Resident, parts: Parts) -> None:
    photo_id = str(uuid.uuid4())
    answer = resident.submit(photo_id=photo_id, correction="glass", captured_on="2026-11-01", place="Northside")
    assert answer.status_code == 201
    content = answer.json()
    assert (content["id"], content["state"], content["correction"]) == (photo_id, "received", "glass")
    assert (content["gold_label"], content["in_releases"]) == (None, [])
    with transaction(parts.engine) as session:
        photo = session.get_one(Photo, photo_id)
        assert (str(photo.captured_on), photo.place, photo.allow_review) == ("2026-11-01", "Northside", True)
        assert photo.size_bytes == len(stored_photo(parts.storage, photo_id))
        prediction = session.exec(select(Prediction)).one()
        assert (prediction.label, prediction.release_version, prediction.made_by) == ("metal", 1, "phone")
        assert prediction.scores == {"metal": 0.6, "glass": 0.4}
        assert session.exec(select(Correction.label)).one() == "glass"
        job = session.exec(select(Job)).one()
        assert (job.kind, job.subject, job.state) == (JobKind.INSPECT, photo_id, JobState.QUEUED)


def test_what_is_stored_is_upright_and_without_a_byte_of_metadata(resident: Resident, parts: Parts) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "SECRET"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.6)
    photo = pictures.jpeg("glass", size=(120, 80), exif=exif, comment=b"SECRET")
    photo_id = resident.submit(photo).json()["id"]
    content = stored_photo(parts.storage, photo_id)
    assert b"SECRET" not in content
    assert b"Exif" not in content
    with Image.open(io.BytesIO(content)) as image:
        assert (image.size, image.format) == ((80, 120), "JPEG")
        assert not image.getexif()


def test_the_longest_edge_of_what_is_stored_is_limited(resident: Resident, parts: Parts) -> None:
    photo_id = resident.submit(pictures.jpeg("paper", size=(2400, 1200))).json()["id"]
    row = photo_rows(parts)[0]
    assert (row.id, row.width, row.height) == (photo_id, 1600, 800)


def test_the_same_submission_sent_twice_is_one_and_gets_the_same_answer(resident: Resident, parts: Parts) -> None:
    photo_id = str(uuid.uuid4())
    first = resident.submit(photo_id=photo_id)
    again = resident.submit(photo_id=photo_id)
    upper = resident.submit(photo_id=photo_id.upper())
    assert [answer.status_code for answer in (first, again, upper)] == [201, 200, 200]
    assert first.json() == again.json() == upper.json()
    assert len(photo_rows(parts)) == len(stored_photos(parts.storage)) == 1


def test_other_bytes_under_the_same_id_are_a_conflict(resident: Resident, parts: Parts) -> None:
    photo_id = resident.submit().json()["id"]
    before = stored_photo(parts.storage, photo_id)
    other_photo = resident.submit(pictures.jpeg("paper"), photo_id)
    other_words = resident.submit(photo_id=photo_id, correction="glass")
    for answer in (other_photo, other_words):
        assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")
    assert stored_photo(parts.storage, photo_id) == before


def test_an_id_of_another_device_is_a_conflict_that_tells_nothing(resident: Resident, neighbour: Resident) -> None:
    photo_id = resident.submit().json()["id"]
    answer = neighbour.submit(photo_id=photo_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "id_taken")
    assert neighbour.ask("GET", f"/v1/submissions/{photo_id}").status_code == 404


def together(*acts: Any) -> list[httpx.Response]:
    """Run all at the same moment."""
    barrier = threading.Barrier(len(acts))
    answers: list[httpx.Response] = []

    def run(act: Any) -> None:
        barrier.wait()
        answers.append(act())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_same_submission_by_two_connections_at_once_is_one(resident: Resident, parts: Parts) -> None:
    for _ in range(5):
        photo_id = str(uuid.uuid4())
        answers = together(*[lambda sent=photo_id: resident.submit(photo_id=sent)] * 3)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert len(photo_rows(parts)) == len(stored_photos(parts.storage)) == 5


def test_of_two_submissions_that_race_for_one_id_the_winners_bytes_are_stored(resident: Resident, parts: Parts) -> None:
    for seed in range(5):
        photo_id = str(uuid.uuid4())
        answers = together(
            lambda sent=photo_id, seed=seed: resident.submit(pictures.jpeg("glass", seed), sent),
            lambda sent=photo_id, seed=seed: resident.submit(pictures.jpeg("trash", seed), sent),
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        with transaction(parts.engine) as session:
            row = session.get_one(Photo, photo_id)
        assert row.size_bytes == len(stored_photo(parts.storage, photo_id))


def test_equal_photos_of_two_senders_stay_two_submissions(
    resident: Resident, neighbour: Resident, parts: Parts
) -> None:
    assert [resident.submit().status_code, neighbour.submit().status_code] == [201, 201]
    first, second = photo_rows(parts)
    assert first.origin_sha256 == second.origin_sha256
    assert first.id != second.id
    assert first.device_id != second.device_id


def raw_request(client: httpx.Client, resident: Resident, body: bytes, length: int) -> socket.socket:
    """Begin an upload of `length` bytes and send only `body` of it."""
    address = (client.base_url.host, client.base_url.port or 80)
    connection = socket.create_connection(address, timeout=PATIENCE_SECONDS)
    head = (
        f"PUT /v1/submissions/{uuid.uuid4()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {resident.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def multipart(photo: bytes) -> bytes:
    words = json.dumps(submission()).encode()
    return (
        b'--b\r\nContent-Disposition: form-data; name="submission"\r\n\r\n' + words + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n' + photo + b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.999])
def test_a_cut_upload_leaves_no_photo_and_no_row(
    client: httpx.Client, resident: Resident, parts: Parts, fraction: float
) -> None:
    body = multipart(pictures.jpeg("glass", size=(1600, 1200), quality=98))
    with raw_request(client, resident, body[: int(len(body) * fraction)], len(body)):
        time.sleep(0.2)
    time.sleep(0.3)
    assert photo_rows(parts) == []
    assert stored_photos(parts.storage) == []
    assert resident.submit().status_code == 201, "the server goes on"


def test_a_body_that_never_says_its_length_is_refused_all_the_same(resident: Resident, parts: Parts) -> None:
    def long() -> Iterator[bytes]:
        yield multipart(b"")[: -len(b"\r\n--b--\r\n")]
        yield from (bytes(65536) for _ in range(400))

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = resident.ask("PUT", f"/v1/submissions/{uuid.uuid4()}", content=long(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_bytes")
    assert photo_rows(parts) == []


def test_without_a_token_nothing_is_read_and_the_answer_says_how(client: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic x"}):
        answer = client.put(f"/v1/submissions/{uuid.uuid4()}", headers=headers, files={"photo": b"x"})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_an_unknown_label_is_refused_and_the_known_ones_are_named(resident: Resident, release: Path) -> None:
    prediction = {"label": "banana", "scores": {"banana": 1.0}, "release": 1}
    for changes in ({"prediction": prediction}, {"correction": "banana"}):
        answer = resident.submit(**changes)
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_label")
        assert "known labels: cardboard, glass, metal, paper, plastic, trash" in answer.json()["detail"]


def test_an_unsure_prediction_and_one_of_a_release_unknown_here_are_taken(resident: Resident, parts: Parts) -> None:
    prediction = {"label": "unsure", "scores": {"glass": 0.3}, "release": 77}
    assert resident.submit(prediction=prediction).status_code == 201
    with transaction(parts.engine) as session:
        assert session.exec(select(Prediction.release_version)).one() == 77


def test_a_photo_without_a_prediction_is_taken(resident: Resident) -> None:
    assert resident.submit(prediction=None, correction="paper").status_code == 201


def test_beyond_the_daily_limit_a_device_must_wait_and_others_need_not(settings: Settings) -> None:
    with running(settings.model_copy(update={"submissions_per_device_per_day": 2})) as (client, _):
        eager, other = register(client), register(client)
        answers = [eager.submit() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert answers[2].headers["retry-after"]
        assert eager.submit(photo_id=answers[0].json()["id"]).status_code == 200, "a repetition is nothing new"
        assert other.submit().status_code == 201


def test_a_correction_may_come_later_and_the_newest_counts(resident: Resident, parts: Parts) -> None:
    path = f"/v1/submissions/{resident.submit().json()['id']}"
    for label in ("paper", "glass", "glass"):
        answer = resident.ask("PUT", f"{path}/correction", json={"label": label})
        assert (answer.status_code, answer.json()["correction"]) == (200, label)
    with transaction(parts.engine) as session:
        assert session.exec(select(Correction.label).order_by(Correction.id)).all() == ["paper", "glass"]  # type: ignore[arg-type]


def test_a_correction_may_say_why_and_another_reason_is_another_word(resident: Resident, parts: Parts) -> None:
    sent = resident.submit(correction="glass", correction_reason="dirty_or_wet").json()
    assert (sent["correction"], sent["correction_reason"]) == ("glass", "dirty_or_wet")
    path = f"/v1/submissions/{sent['id']}/correction"
    for reason in ("dirty_or_wet", "several_things", None):
        answer = resident.ask("PUT", path, json={"label": "glass", "reason": reason}).json()
        assert (answer["correction"], answer["correction_reason"]) == ("glass", reason)
    with transaction(parts.engine) as session:
        reasons = session.exec(select(Correction.reason).order_by(Correction.id)).all()  # type: ignore[arg-type]
    assert reasons == ["dirty_or_wet", "several_things", None], "the same again is one"


def test_a_reason_is_one_of_those_that_there_are_and_has_a_correction(resident: Resident) -> None:
    path = f"/v1/submissions/{resident.submit().json()['id']}/correction"
    assert resident.ask("PUT", path, json={"label": "glass", "reason": "because"}).status_code == 422
    assert resident.submit(correction_reason="bad_photo").json()["errors"][0]["field"] == "submission"


def test_consent_is_changed_over_the_interface_and_told(resident: Resident, neighbour: Resident) -> None:
    sent = resident.submit(allow_training=False).json()
    assert (sent["allow_review"], sent["allow_training"]) == (True, False)
    path = f"/v1/submissions/{sent['id']}/consent"
    for review, training in ((False, False), (True, True), (True, True)):
        answer = resident.ask("PUT", path, json={"allow_review": review, "allow_training": training})
        assert (answer.status_code, answer.json()["allow_review"], answer.json()["allow_training"]) == (
            200,
            review,
            training,
        )
    wanted = {"allow_review": False, "allow_training": False}
    assert neighbour.ask("PUT", path, json=wanted).status_code == 404
    assert resident.ask("PUT", path, json={"allow_review": False}).status_code == 422, "nothing is guessed"
    resident.ask("DELETE", f"/v1/submissions/{sent['id']}")
    refused = resident.ask("PUT", path, json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawn")


def test_a_correction_of_an_inspected_photo_moves_it_up_in_the_review_queue(resident: Resident, parts: Parts) -> None:
    said = {"label": "metal", "scores": {"metal": 1.0}, "release": 1}
    photo_id = resident.submit(prediction=said).json()["id"]
    with transaction(parts.engine) as session:
        session.exec(select(Job)).one().state = JobState.DONE
        photo = session.exec(select(Photo)).one()
        photo.state, photo.review_value = PhotoState.INSPECTED, 0.15
    resident.ask("PUT", f"/v1/submissions/{photo_id}/correction", json={"label": "paper"})
    with transaction(parts.engine) as session:
        assert session.exec(select(Photo.review_value)).one() == pytest.approx(0.4), "the resident disagrees"
        assert session.exec(select(Job)).one().state == JobState.DONE, "nothing has to be inspected again"


def test_a_version_that_knows_more_fields_recognises_what_was_sent_before_it() -> None:
    class LaterSubmission(Submission):
        season: str | None = None

    device, photo_id, origin = DeviceId("device"), PhotoId(str(uuid.uuid4())), sha256(b"photo")
    before = Incoming(device, photo_id, origin, Submission(correction="glass"))
    after = Incoming(device, photo_id, origin, LaterSubmission(correction="glass"))
    assert before.fingerprint == after.fingerprint
    assert before.fingerprint != Incoming(device, photo_id, origin, Submission(correction="paper")).fingerprint


def test_a_correction_to_nothing_known_or_of_nothing_known_is_refused(resident: Resident, neighbour: Resident) -> None:
    path = f"/v1/submissions/{resident.submit().json()['id']}/correction"
    assert resident.ask("PUT", path, json={"label": "banana"}).json()["code"] == "unknown_label"
    assert resident.ask("PUT", path, json={"label": "unsure"}).json()["code"] == "unknown_label"
    assert neighbour.ask("PUT", path, json={"label": "glass"}).status_code == 404
    unknown = f"/v1/submissions/{uuid.uuid4()}/correction"
    assert resident.ask("PUT", unknown, json={"label": "glass"}).status_code == 404


def test_a_withdrawn_photo_has_lost_its_bytes_and_all_that_was_derived(resident: Resident, parts: Parts) -> None:
    photo_id = resident.submit(place="Northside", captured_on="2026-11-01").json()["id"]
    with transaction(parts.engine) as session:
        _be_reviewed(session, photo_id)
    answer = resident.ask("DELETE", f"/v1/submissions/{photo_id}")
    assert (answer.status_code, answer.json()["state"], answer.json()["gold_label"]) == (200, "withdrawn", None)
    assert stored_photos(parts.storage) == []
    with transaction(parts.engine) as session:
        photo = session.get_one(Photo, photo_id)
        assert (photo.place, photo.captured_on, photo.embedding, photo.gold_label) == (None, None, None, None)
        assert not photo.allow_training
        assert session.get(ReviewClaim, photo_id) is None


def _be_reviewed(session: Session, photo_id: str) -> None:
    photo = session.get_one(Photo, photo_id)
    photo.state, photo.embedding, photo.gold_label = PhotoState.INSPECTED, b"1234", "glass"
    rita = Staff(name="rita", password_hash="", role=Role.REVIEWER)
    session.add(rita)
    session.flush()
    session.add(ReviewClaim(photo_id=photo_id, staff_id=rita.id or 0, expires_at=now()))


def test_a_tombstone_stays_so_that_the_photo_cannot_come_back(resident: Resident, parts: Parts) -> None:
    photo_id = resident.submit().json()["id"]
    path = f"/v1/submissions/{photo_id}"
    assert [resident.ask("DELETE", path).status_code for _ in range(2)] == [200, 200]
    again = resident.submit(photo_id=photo_id)
    assert (again.status_code, again.json()["state"]) == (200, "withdrawn")
    assert stored_photos(parts.storage) == []
    correction = resident.ask("PUT", f"{path}/correction", json={"label": "glass"})
    assert (correction.status_code, correction.json()["code"]) == (409, "withdrawn")


def test_nobody_withdraws_the_photo_of_another(resident: Resident, neighbour: Resident, parts: Parts) -> None:
    photo_id = resident.submit().json()["id"]
    assert neighbour.ask("DELETE", f"/v1/submissions/{photo_id}").status_code == 404
    assert len(stored_photos(parts.storage)) == 1


def test_a_list_holds_ones_own_newest_first_in_pages(resident: Resident, neighbour: Resident) -> None:
    sent = [resident.submit().json()["id"] for _ in range(3)]
    neighbour.submit()
    first = resident.ask("GET", "/v1/submissions", params={"limit": 2}).json()["submissions"]
    rest = resident.ask("GET", "/v1/submissions", params={"limit": 2, "before": first[-1]["received_at"]}).json()
    assert [each["id"] for each in first + rest["submissions"]] == sent[::-1]


def test_a_resident_sees_which_published_models_were_made_with_a_photo(resident: Resident, parts: Parts) -> None:
    photo_id = resident.submit().json()["id"]
    with transaction(parts.engine) as session:
        for version, published_at in ((7, now()), (8, None)):
            _make_release(session, photo_id, version, published_at)
    assert resident.ask("GET", f"/v1/submissions/{photo_id}").json()["in_releases"] == [7]


def _make_release(session: Session, photo_id: str, version: int, published_at: Any) -> None:
    snapshot = DatasetSnapshotRow(requested_by="test")
    session.add(snapshot)
    session.flush()
    session.add(DatasetSnapshotPhoto(snapshot_id=snapshot.id, photo_id=photo_id, split="train", label="glass"))
    run = TrainingRun(
        recipe={},
        mode=TrainingMode.FINE_TUNE,
        weights="champion",
        seed=1,
        snapshot_id=snapshot.id or 0,
        trigger="hand",
        requested_by="test",
        release_version=version,
    )
    session.add(run)
    session.flush()
    session.add(Release(version=version, training_run_id=run.id, manifest={}, blessing={}, published_at=published_at))
