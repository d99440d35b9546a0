"""What a resident says reaches the city, once, whatever happens in between. Against the real server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.settings import Settings
from backend.tables import Correction, Device, Photo, PhotoState, Prediction
from mobile_models import durable_file
from mobile_models.updates.keys.signing_keys import KeyRing
from phone.client import Phone
from phone.outbox import Outbox
from phone.server import Server, ServerRefused, ServerUnreachable
from phone.submission import Submission, SubmissionId
from tests import pictures
from tests.backend.world import publish_release, running
from tests.phone.conftest import MakePhone


class Office:
    """The city's side: its real server, and a look into its database."""

    def __init__(self, client: httpx.Client, parts: Parts) -> None:
        self.url, self.parts = str(client.base_url).rstrip("/"), parts

    def rows(self, kind: type) -> list:  # type: ignore[type-arg]
        with transaction(self.parts.engine) as session:
            return list(session.exec(select(kind)).all())


@pytest.fixture
def office(tmp_path: Path, migrated_sqlite_url: str) -> Iterator[Office]:
    settings = Settings(data_dir=tmp_path / "var", database_url=migrated_sqlite_url)
    with running(settings) as (client, parts):
        publish_release(parts.engine, parts.storage, tmp_path / "releases", 1)
        yield Office(client, parts)


@pytest.fixture
def phone(office: Office, make_phone: MakePhone) -> Phone:
    return make_phone(office.url)


def _keep(phone: Phone, label: str = "glass", **chosen: object) -> str:
    photo = pictures.jpeg(label)
    return phone.keep(photo, phone.classify(photo), Submission.model_validate(chosen))


def _at_most(seconds: float) -> None:
    assert 0 < seconds <= 300


def test_a_photo_taken_without_a_network_arrives_with_all_that_was_said(office: Office, make_phone: MakePhone) -> None:
    offline = make_phone("http://127.0.0.1:9")
    day = date(2026, 11, 2)
    kept = _keep(offline, correction="metal", captured_on=day, place="north", allow_review=True)
    sent = make_phone(office.url).send()
    assert (sent.delivered, sent.refused) == (1, ())
    (photo,) = office.rows(Photo)
    assert (photo.id, photo.captured_on, photo.place) == (kept, day, "north")
    assert (photo.allow_review, photo.allow_training) == (True, False)
    (prediction,) = office.rows(Prediction)
    assert (prediction.label, prediction.release_version) == ("glass", 1)
    assert sum(prediction.scores.values()) == pytest.approx(1)
    assert [correction.label for correction in office.rows(Correction)] == ["metal"]
    assert make_phone(office.url).outbox.waiting() == []


def test_the_phone_registers_once(phone: Phone, office: Office, make_phone: MakePhone) -> None:
    assert phone.register() == make_phone(office.url).register()
    assert len(office.rows(Device)) == 1


def test_the_token_is_readable_by_its_owner_alone(phone: Phone, tmp_path: Path) -> None:
    phone.register()
    assert (tmp_path / "phone" / "device.json").stat().st_mode & 0o777 == 0o600


def test_what_was_sent_twice_is_one_submission(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone)
    registration = phone.register()
    with httpx.Client(base_url=office.url, timeout=30) as http:
        photo, submission = pictures.jpeg("glass"), phone.outbox.submission(submission_id)
        Server(http, registration.token).submit(submission_id, photo, submission)  # And the answer was lost.
    assert phone.send().delivered == 1
    assert len(office.rows(Photo)) == len(office.rows(Prediction)) == 1


def test_a_correction_can_come_later_and_the_newest_counts(phone: Phone) -> None:
    submission_id = _keep(phone)
    phone.send()
    assert phone.status(submission_id).correction is None
    phone.correct(submission_id, "metal")
    phone.correct(submission_id, "paper")
    assert phone.send().delivered == 1
    assert phone.status(submission_id).correction == "paper"


def test_a_correction_before_the_photo_was_sent_follows_it(phone: Phone) -> None:
    submission_id = _keep(phone, correction="metal")
    phone.correct(submission_id, "paper")
    assert phone.send().delivered == 2
    assert phone.status(submission_id).correction == "paper"


def test_a_correction_says_why_at_once_and_later(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone, correction="metal", correction_reason="dirty_or_wet")
    phone.send()
    phone.correct(submission_id, "metal", "none_fits")
    phone.send()
    assert [row.reason for row in office.rows(Correction)] == ["dirty_or_wet", "none_fits"]


def test_consent_is_kept_until_it_was_sent_and_the_newest_wins(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone, allow_review=True, allow_training=True)
    phone.send()
    phone.change_consent(submission_id, allow_review=False, allow_training=False)
    phone.change_consent(submission_id, allow_review=True, allow_training=False)
    assert Outbox(phone.outbox._directory).waiting() == [submission_id], "it outlives the process"
    assert phone.send().delivered == 1
    (photo,) = office.rows(Photo)
    assert (photo.allow_review, photo.allow_training) == (True, False)
    assert phone.outbox.waiting() == []


def test_no_photo_goes_out_with_a_consent_that_was_taken_back(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone, allow_review=True, allow_training=True)
    phone.change_consent(submission_id, allow_review=False, allow_training=False)
    said = phone.outbox.submission(submission_id)
    assert (said.allow_review, said.allow_training) == (False, False)
    assert phone.send().delivered == 2
    (photo,) = office.rows(Photo)
    assert (photo.allow_review, photo.allow_training) == (False, False)


def test_consent_taken_back_after_a_try_whose_answer_was_lost_reaches_the_server(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone, allow_review=True, allow_training=True)
    kept = {path: path.read_bytes() for path in phone.outbox._directory.glob(f"{submission_id}.*")}
    phone.send()
    for path, content in kept.items():  # As a crash before the answer leaves them.
        path.write_bytes(content)
    phone.change_consent(submission_id, allow_review=False, allow_training=False)
    sent = phone.send()
    assert (sent.delivered, sent.refused, phone.outbox.waiting()) == (2, (), [])
    (photo,) = office.rows(Photo)
    assert (photo.allow_review, photo.allow_training) == (False, False)


def test_what_is_withdrawn_leaves_no_consent_that_waits(phone: Phone, office: Office) -> None:
    submission_id = _keep(phone)
    phone.change_consent(submission_id, allow_review=True, allow_training=True)
    phone.withdraw(submission_id)
    sent = phone.send()
    assert (sent.delivered, sent.refused, office.rows(Photo)) == (1, (), [])


@pytest.mark.parametrize("label", ["banana", ""])
def test_a_correction_to_an_unknown_label_is_refused_on_the_phone(phone: Phone, label: str) -> None:
    submission_id = _keep(phone)
    with pytest.raises(ValueError, match="known labels: cardboard"):
        phone.correct(submission_id, label)


def test_a_withdrawn_photo_is_gone_here_at_once_and_there_when_the_server_is_reached(
    phone: Phone, office: Office, tmp_path: Path
) -> None:
    submission_id = _keep(phone)
    phone.send()
    phone.correct(submission_id, "metal")
    phone.withdraw(submission_id)
    assert not list((tmp_path / "phone" / "outbox").glob("*.json"))
    assert phone.send().delivered == 1
    assert [photo.state for photo in office.rows(Photo)] == [PhotoState.WITHDRAWN]
    assert phone.outbox.waiting() == [] and not office.rows(Correction)


def test_a_photo_withdrawn_before_it_was_sent_never_leaves_the_phone(phone: Phone, office: Office) -> None:
    phone.withdraw(_keep(phone))
    assert phone.send().refused == ()
    assert office.rows(Photo) == [] and phone.outbox.waiting() == []


def test_what_the_server_refuses_is_moved_aside_with_the_reason_and_never_sent_again(phone: Phone) -> None:
    bad = phone.outbox.add(b"this is no photo", Submission())
    good = _keep(phone)
    sent = phone.send()
    assert sent.delivered == 1 and phone.status(good).id == good
    (refusal,) = sent.refused
    assert (refusal.submission_id, refusal.kind, refusal.problem.status) == (bad, "submission", 415)
    assert refusal.problem.code == "unsupported_format" and refusal.problem.detail
    assert phone.outbox.refusals() == [refusal]
    assert phone.send() == type(sent)(0, ())


def test_a_correction_of_what_the_server_does_not_know_is_moved_aside(phone: Phone) -> None:
    unknown = phone.outbox.add(b"", Submission())
    phone.send()
    phone.correct(unknown, "metal")
    assert [(each.kind, each.problem.code) for each in phone.send().refused] == [("correction", "not_found")]


def test_a_server_that_is_away_is_tried_again_after_longer_and_longer_waits(make_phone: MakePhone) -> None:
    phone = make_phone("http://127.0.0.1:9")
    submission_id = _keep(phone)
    waits: list[float] = []
    with pytest.raises(ServerUnreachable):
        phone.send(attempts=5, sleep=waits.append)
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)] == [True] * 4
    assert phone.outbox.waiting() == [submission_id]


def test_it_arrives_once_the_server_is_back(office: Office, make_phone: MakePhone, tmp_path: Path) -> None:
    phone = make_phone(office.url)
    phone.register()
    _keep(phone)
    office.parts.settings.data_dir.joinpath("storage").rename(tmp_path / "away")
    (tmp_path / "var" / "storage").write_text("a disk that is not mounted")

    def mend(seconds: float) -> None:
        _at_most(seconds)
        (tmp_path / "var" / "storage").unlink()
        (tmp_path / "away").rename(tmp_path / "var" / "storage")

    assert phone.send(sleep=mend).delivered == 1
    assert len(office.rows(Photo)) == 1


class _Postbox(Server):
    """A server whose answers are scripted, for what a real one does rarely."""

    def __init__(self, *failures: Exception | None) -> None:
        super().__init__(httpx.Client())
        object.__setattr__(self, "failures", list(failures))
        object.__setattr__(self, "arrived", [])

    def submit(self, submission_id: str, photo: bytes, submission: Submission) -> None:  # type: ignore[override]
        self.arrived.append(submission_id)  # type: ignore[attr-defined]
        failure = self.failures.pop(0) if self.failures else None  # type: ignore[attr-defined]
        if failure is not None:
            raise failure


def test_one_photo_at_which_the_server_breaks_does_not_hold_up_the_others(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    first, second = (outbox.add(b"photo", Submission()) for _ in range(2))
    sent = outbox.send(_Postbox(ServerUnreachable("broken", 500)))
    assert sent.delivered == 1 and sent.failure is not None
    assert outbox.waiting() == [first] and second not in outbox.waiting()


def test_what_was_queued_within_one_tick_of_the_disks_clock_is_sent_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = durable_file.write

    def write_at_one_time(path: Path, content: bytes) -> None:
        write(path, content)
        os.utime(path, ns=(10**18, 10**18))

    monkeypatch.setattr(durable_file, "write", write_at_one_time)
    outbox = Outbox(tmp_path)
    kept = [outbox.add(b"photo", Submission()) for _ in range(8)]
    assert outbox.waiting() == kept


@pytest.mark.parametrize("status", [None, 429, 503])
def test_a_server_that_asks_for_patience_is_left_alone(tmp_path: Path, status: int | None) -> None:
    outbox = Outbox(tmp_path)
    kept = [outbox.add(b"photo", Submission()) for _ in range(3)]
    postbox = _Postbox(ServerUnreachable("busy", status, 60))
    assert outbox.send(postbox).failure is not None
    assert postbox.arrived == kept[:1] and outbox.waiting() == kept  # type: ignore[attr-defined]


def test_a_phone_that_the_server_no_longer_knows_keeps_its_photos(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    kept = outbox.add(b"photo", Submission())
    with pytest.raises(ServerRefused):
        outbox.send(_Postbox(ServerRefused(401, "not_signed_in", "unknown token")))
    assert outbox.waiting() == [kept] and outbox.refusals() == []


def test_a_phone_that_the_server_has_forgotten_registers_again_and_loses_nothing(phone: Phone, office: Office) -> None:
    before = phone.register().device_id
    kept = _keep(phone)
    with transaction(office.parts.engine) as session:
        session.delete(session.get_one(Device, before))
    assert phone.send().delivered == 1
    (photo,) = office.rows(Photo)
    assert photo.id == kept
    assert photo.device_id == phone.register().device_id != before


def test_a_photo_that_was_lost_on_the_phone_is_reported_and_holds_up_no_other(phone: Phone, tmp_path: Path) -> None:
    lost, fine = _keep(phone), _keep(phone, "metal")
    phone.correct(lost, "paper")
    (tmp_path / "phone" / "outbox" / f"{lost}.photo").unlink()
    sent = phone.send()
    assert sent.delivered == 1
    assert phone.status(SubmissionId(fine)).state == "received"
    refused = {(each.submission_id, each.kind): each.problem.code for each in sent.refused}
    assert refused == {(lost, "submission"): "photo_lost", (lost, "correction"): "not_found"}
    assert phone.outbox.waiting() == []


def test_a_captive_portal_is_no_server(tmp_path: Path, make_phone: MakePhone) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>Please sign in</html>"))
    with httpx.Client(base_url="http://city.test", transport=transport) as http:
        for ask in (lambda server: server.register(), lambda server: server.submit("1", b"", Submission())):
            with pytest.raises(ServerUnreachable, match="does not answer like Wastelens"):
                ask(Server(http, "token"))


# Crashes.

_KEEP_FOR_EVER = """
import sys, pathlib
from phone.outbox import Outbox
from phone.submission import Correction, Submission
outbox = Outbox(pathlib.Path(sys.argv[1]))
while True:
    submission_id = outbox.add(b"photo" * 10_000, Submission(place="north"))
    outbox.correct(submission_id, Correction(label="metal"))
    print(submission_id, flush=True)
"""

_SEND = """
import sys, pathlib
from phone.client import Phone
from phone.server import Server

submit = Server.submit

def submit_and_wait(*submission):
    status = submit(*submission)
    print("answered", flush=True)
    sys.stdin.readline()
    return status

Server.submit = submit_and_wait
folder, url, root, bundled = sys.argv[1:]
phone = Phone(pathlib.Path(folder), url, pathlib.Path(root).read_bytes(), pathlib.Path(bundled))
phone.send()
"""


def test_what_was_kept_survives_kill_9(tmp_path: Path) -> None:
    promised: list[str] = []
    for _ in range(3):
        command = [sys.executable, "-c", _KEEP_FOR_EVER, str(tmp_path / "outbox")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            promised += [process.stdout.readline().strip() for _ in range(5)]
            os.kill(process.pid, signal.SIGKILL)
            promised += [line.strip() for line in process.stdout if line.endswith("\n")]
    outbox = Outbox(tmp_path / "outbox")
    assert len(promised) >= 15 and set(promised) <= set(outbox.waiting())
    for submission_id in promised:
        assert (tmp_path / "outbox" / f"{submission_id}.photo").read_bytes() == b"photo" * 10_000
    for submission_id in outbox.waiting():
        assert outbox.submission(submission_id).place == "north"


def test_killed_while_sending_everything_arrives_exactly_once(
    office: Office, phone: Phone, make_phone: MakePhone, tmp_path: Path, bundled: Path, keys: KeyRing
) -> None:
    phone.register()
    kept = [_keep(phone, label, correction="metal") for label in list(pictures.COLOURS) * 4]
    root = tmp_path / "root.json"
    root.write_bytes(keys.trusted_root)
    command = [sys.executable, "-c", _SEND, str(tmp_path / "phone"), office.url, str(root), str(bundled)]
    for pause_seconds in (0, 0.003, 0.02):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            for _ in range(5):
                assert process.stdout.readline() == "answered\n"
                process.stdin.write("go on\n")
                process.stdin.flush()
            time.sleep(pause_seconds)  # Somewhere between this answer and the next one.
            os.kill(process.pid, signal.SIGKILL)
    assert 0 < len(phone.outbox.waiting()) < len(kept), "it was killed in the middle"
    make_phone(office.url).send()
    assert sorted(photo.id for photo in office.rows(Photo)) == sorted(kept)
    assert len(office.rows(Prediction)) == len(office.rows(Correction)) == len(kept)


def test_killed_while_withdrawing_the_photo_never_leaves_the_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(tmp_path)
    submission_id = outbox.add(b"photo", Submission())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(durable_file, "remove", killed)
        outbox.withdraw(submission_id)
    assert (tmp_path / f"{submission_id}.photo").exists()
    Outbox(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"{submission_id}.withdrawal"]


def test_a_photo_whose_submission_was_never_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    Outbox(tmp_path)
    (tmp_path / "x.photo").write_bytes(b"half")
    assert Outbox(tmp_path).waiting() == []
    assert not (tmp_path / "x.photo").exists()
