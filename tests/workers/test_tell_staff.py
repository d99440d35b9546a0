"""Notices arrive, signed and once, or people see that they did not; on SQLite and PostgreSQL."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backend.database import now
from backend.records import notices
from backend.records.notices import Letter
from backend.settings import Settings
from backend.tables import FieldReceipt, Notice, NoticeDelivery, NoticeState, NoticeWay
from tests.workers import receivers
from tests.workers.receivers import Mailbox, mail_server, webhook_receiver
from workers import tell_staff, upkeep
from workers.tell_staff import NotSent
from workers.workplace import Workplace

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the example in the specification of Standard Webhooks."""
MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LETTER = Letter("msg_1", NoticeWay.WEBHOOK, 1, "Release 3 halted", "5 of 6 phones crashed — grüß Gott.", MOMENT)


def with_settings(place: Workplace, **changes: Any) -> Workplace:
    return replace(place, settings=place.settings.model_copy(update=changes))


def write(place: Workplace, subject: str = "Release 3 halted") -> str:
    with place.transaction() as session:
        return notices.tell_staff(session, subject, "5 of 6 phones crashed — grüß Gott.").id


def deliveries(place: Workplace) -> list[NoticeDelivery]:
    with place.transaction() as session:
        return list(session.exec(select(NoticeDelivery)).all())


def problems(place: Workplace) -> list[str]:
    with place.transaction() as session:
        return list(notices.problems(session, now()))


def make_due(place: Workplace) -> None:
    with place.transaction() as session:
        for row in session.exec(select(NoticeDelivery)):
            row.available_at = now() - timedelta(seconds=1)
            session.add(row)


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The example of standardwebhooks.com."""
    headers = tell_staff.webhook_headers(
        SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_a_notice_arrives_once_and_can_be_verified(place: Workplace) -> None:
    notice_id = write(place)
    with webhook_receiver() as receiver:
        there = with_settings(place, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        for _ in range(3):
            tell_staff.send_notices(there)
    ((headers, body),) = receiver.received
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
    assert headers["webhook-id"] == notice_id
    assert json.loads(body)["data"] == {"subject": "Release 3 halted", "text": "5 of 6 phones crashed — grüß Gott."}
    assert [row.state for row in deliveries(place)] == [NoticeState.SENT]


def test_a_notice_that_is_rolled_back_is_told_to_nobody(place: Workplace) -> None:
    with pytest.raises(ZeroDivisionError), place.transaction() as session:
        notices.tell_staff(session, "never", "happened")
        _ = 1 / 0
    with webhook_receiver() as receiver:
        tell_staff.send_notices(
            with_settings(place, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        )
    assert receiver.received == []


def test_what_fails_is_tried_again_later_with_the_same_bytes(place: Workplace) -> None:
    write(place)
    with webhook_receiver(500, 204) as receiver:
        there = with_settings(place, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        tell_staff.send_notices(there)
        tell_staff.send_notices(there)
        assert len(receiver.received) == 1, "it is not due yet"
        assert problems(place) == ["staff have not been told by webhook yet, after 1 attempts: Release 3 halted"]
        make_due(place)
        tell_staff.send_notices(there)
    (first, second) = receiver.received
    assert (first[0]["webhook-id"], first[1]) == (second[0]["webhook-id"], second[1])
    assert problems(place) == []


def test_delays_grow_and_an_end_comes(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place)
    dead = with_settings(place, notices_webhook_url="http://127.0.0.1:1/", notices_webhook_secret=SECRET)
    waits, moment = [], now()
    monkeypatch.setattr(tell_staff, "now", lambda: moment)
    for _ in range(notices.MOST_ATTEMPTS):
        tell_staff.send_notices(dead)
        due = deliveries(place)[0].available_at
        waits.append(due - moment)
        moment = due
    tell_staff.send_notices(dead)
    (row,) = deliveries(place)
    assert (row.state, row.attempts) == (NoticeState.FAILED, notices.MOST_ATTEMPTS)
    assert [wait.total_seconds() for wait in waits[:3]] == [30, 90, 270]
    assert sum(waits[:-1], timedelta()) > timedelta(days=2), "longer than a weekend"
    assert "12 attempts" in problems(place)[0]


def test_a_sender_that_was_killed_leaves_it_to_the_next_one_and_not_to_two(place: Workplace) -> None:
    write(place)
    there = with_settings(place, notices_webhook_url="http://127.0.0.1:1/", notices_webhook_secret=SECRET)
    with place.transaction() as session:
        notices.address(session, there.settings, now())
    with place.transaction() as session:
        assert notices.claim(session, now()) is not None
    with place.transaction() as session:  # The claim was committed, and the process is gone.
        assert notices.claim(session, now()) is None
        assert notices.claim(session, now() + timedelta(minutes=9)) is None, "a slow receiver is not a dead sender"
        assert notices.claim(session, now() + notices.HELD) is not None


def test_what_nobody_foresaw_is_a_failed_attempt_that_people_see(
    place: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    write(place)
    wrong = with_settings(place, notices_webhook_url="https://[::1/", notices_webhook_secret=SECRET)
    tell_staff.send_notices(wrong)
    (row,) = deliveries(place)
    assert (row.attempts, row.error) == (1, "It failed in a way that nobody foresaw (ValueError); see the log.")
    assert "after 1 attempts" in problems(place)[0]
    assert "Traceback" in caplog.text


def test_the_address_of_a_webhook_is_in_no_log(place: Workplace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    write(place)
    with webhook_receiver(500) as receiver:
        address = f"{receiver.address}T0K3N"
        there = with_settings(place, notices_webhook_url=address, notices_webhook_secret=SECRET)
        tell_staff.send_notices(there)
    assert len(receiver.received) == 1
    assert "attempt 1" in caplog.text
    assert "T0K3N" not in caplog.text


def test_two_senders_at_once_send_each_notice_once(place: Workplace) -> None:
    ids = {write(place, f"notice {number}") for number in range(4)}
    with webhook_receiver() as receiver:
        there = with_settings(place, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        threads = [threading.Thread(target=tell_staff.send_notices, args=(there,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell_staff.send_notices(there)  # Whoever lost a race has left the rest to a later look.
    received = [headers["webhook-id"] for headers, _ in receiver.received]
    assert sorted(received) == sorted(ids)


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed(status: int) -> None:
    with webhook_receiver() as elsewhere, webhook_receiver(status) as receiver:
        receiver.location = elsewhere.address
        settings = Settings(notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        with pytest.raises(NotSent, match=str(status)):
            tell_staff.send_webhook(settings, LETTER, MOMENT)
        assert elsewhere.received == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!"])
def test_a_weak_secret_signs_nothing(secret: str) -> None:
    with webhook_receiver() as receiver:
        settings = Settings(notices_webhook_url=receiver.address, notices_webhook_secret=secret)
        with pytest.raises(NotSent, match="NOTICES_WEBHOOK_SECRET"):
            tell_staff.send_webhook(settings, LETTER, MOMENT)
    assert receiver.received == []


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts."""
    path = receivers.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def production(**changes: Any) -> Settings:
    return Settings(environment="production", notices_webhook_secret=SECRET, **changes)


def test_in_production_a_webhook_goes_over_https_alone(tls: Path) -> None:
    with webhook_receiver(tls=tls) as receiver:
        tell_staff.send_webhook(production(notices_webhook_url=receiver.address), LETTER, MOMENT)
    assert len(receiver.received) == 1
    with webhook_receiver() as plain:
        with pytest.raises(NotSent, match="not https"):
            tell_staff.send_webhook(production(notices_webhook_url=plain.address), LETTER, MOMENT)
        assert plain.received == []


def test_a_receiver_with_a_foreign_certificate_is_told_nothing(tmp_path: Path) -> None:
    with webhook_receiver(tls=receivers.certificate(tmp_path)) as receiver:
        with pytest.raises(NotSent, match="cannot be reached"):
            tell_staff.send_webhook(production(notices_webhook_url=receiver.address), LETTER, MOMENT)
        assert receiver.received == []


MAIL_FIELDS = (
    "notices_email_to", "notices_email_from", "smtp_host", "smtp_port", "smtp_user", "smtp_password"
)  # fmt: skip


def mail_settings(mailbox: Mailbox, **changes: Any) -> Settings:
    values = {
        "notices_email_to": "ada@city.example, bert@city.example",
        "notices_email_from": "Wastelens <wastelens@city.example>",
        "smtp_host": receivers.HERE,
        "smtp_port": mailbox.port,
        "smtp_user": "wastelens",
        "smtp_password": "secret",
    }
    return production(**(values | changes))


@pytest.fixture(params=["starttls", "tls"])
def mail(request: pytest.FixtureRequest, tls: Path) -> Iterator[tuple[Mailbox, Settings]]:
    with mail_server(tls, implicit=request.param == "tls") as mailbox:
        user = "wastelens" if request.param == "starttls" else ""
        yield mailbox, mail_settings(mailbox, smtp_security=request.param, smtp_user=user)


def test_an_email_arrives_over_tls_with_the_id_of_the_notice(mail: tuple[Mailbox, Settings]) -> None:
    mailbox, settings = mail
    tell_staff.send_email(settings, LETTER, MOMENT)
    (message,) = mailbox.messages
    assert message["Subject"] == "[Wastelens] Release 3 halted"
    assert message["Message-ID"] == "<msg_1@city.example>"
    assert message["X-RcptTo"] == "ada@city.example, bert@city.example"
    assert message.get_payload(decode=True).decode().strip() == LETTER.text  # type: ignore[union-attr]  # One part.
    assert mailbox.signed_in == ([(b"wastelens", b"secret")] if settings.smtp_user else [])


@pytest.mark.parametrize(
    ("changes", "refused", "said"),
    [
        ({"smtp_password": "wrong"}, set(), "SMTPAuthenticationError"),
        ({}, {"bert@city.example"}, "refused 1 of the addresses"),
        ({"smtp_security": "none"}, set(), "starttls or tls"),
        ({"smtp_host": ""}, set(), "set both"),
        ({"notices_email_from": "x@y\nBcc: all@city.example"}, set(), "did not take it"),
    ],
)
def test_an_email_that_does_not_reach_everybody_is_not_sent(
    tls: Path, changes: dict[str, Any], refused: set[str], said: str
) -> None:
    with mail_server(tls) as mailbox:
        mailbox.refused = refused
        with pytest.raises(NotSent, match=said):
            tell_staff.send_email(mail_settings(mailbox, **changes), LETTER, MOMENT)
        assert len(mailbox.messages) == len(refused)


def test_who_got_an_email_does_not_get_it_again_for_the_one_who_did_not(place: Workplace, tls: Path) -> None:
    write(place)
    with mail_server(tls) as mailbox:
        mailbox.refused = {"bert@city.example"}
        given = mail_settings(mailbox).model_dump(include=set(MAIL_FIELDS))
        there = with_settings(place, **given)
        tell_staff.send_notices(there)
        make_due(place)
        tell_staff.send_notices(there)
    assert len(mailbox.messages) == 1
    assert [(row.state, row.error) for row in deliveries(place)] == [
        (NoticeState.FAILED, "The mail server refused 1 of the addresses.")
    ]
    assert len(problems(place)) == 1


def test_a_mail_server_that_cannot_prove_its_name_gets_no_password(tmp_path: Path) -> None:
    with mail_server(receivers.certificate(tmp_path)) as mailbox:
        with pytest.raises(NotSent, match="SSLCertVerificationError"):
            tell_staff.send_email(mail_settings(mailbox), LETTER, MOMENT)
        assert mailbox.signed_in == []


def test_each_way_has_a_fate_of_its_own(place: Workplace, tls: Path) -> None:
    write(place)
    with webhook_receiver(503) as receiver, mail_server(tls) as mailbox:
        given = mail_settings(mailbox).model_dump(include=set(MAIL_FIELDS))
        there = with_settings(place, **given, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET)
        tell_staff.send_notices(there)
    assert {row.way: row.state for row in deliveries(place)} == {
        NoticeWay.WEBHOOK: NoticeState.WAITING,
        NoticeWay.EMAIL: NoticeState.SENT,
    }
    assert len(mailbox.messages) == 1


def test_without_any_way_a_notice_is_kept_and_settled(place: Workplace) -> None:
    notice_id = write(place)
    tell_staff.send_notices(place)
    assert deliveries(place) == []
    with place.transaction() as session:
        assert session.get_one(Notice, notice_id).addressed_at is not None


def test_the_sweep_sends_notices_and_forgets_receipts(place: Workplace) -> None:
    write(place)
    with place.transaction() as session:
        for days in (30, 36):
            session.add(FieldReceipt(digest=f"{days} days old", day=(now() - timedelta(days=days)).date()))
    with webhook_receiver() as receiver:
        upkeep.run(with_settings(place, notices_webhook_url=receiver.address, notices_webhook_secret=SECRET))
    assert len(receiver.received) == 1
    with place.transaction() as session:
        assert session.exec(select(FieldReceipt.digest)).all() == ["30 days old"]
