"""Send notices to the staff: a signed webhook, and e-mail.

Guarantees: each delivery is claimed, sent outside any transaction, and settled; what fails is tried again later. A
webhook is signed as Standard Webhooks have it (standardwebhooks.com, specification 1.0: `webhook-id`,
`webhook-timestamp`, `webhook-signature`), goes to no other address than the one that was set, and follows no redirect.
Outside of development neither a notice nor a password leaves without TLS.
"""

import base64
import binascii
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import urlsplit

import httpx

from backend.database import now
from backend.records import notices
from backend.records.notices import Letter
from backend.settings import Settings
from backend.tables import NoticeWay
from workers.workplace import Workplace

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # It logs whole addresses, and a webhook's is often a secret.

_AT_ONCE = 10
_TIMEOUT_SECONDS = 20.0
_SECRET_PREFIX = "whsec_"  # noqa: S105  # How every such secret begins.
_SECRET_BYTES = range(24, 65)


class NotSent(Exception):
    """This attempt has failed; the message says why, for people."""

    def __init__(self, detail: str, *, again: bool = True) -> None:
        super().__init__(detail)
        self.again = again


def send_notices(place: Workplace) -> None:
    """Send what is due: one after the other, so that a slow receiver keeps nobody waiting but itself."""
    with place.transaction() as session:
        notices.address(session, place.settings, now())
    for _ in range(_AT_ONCE):
        with place.transaction() as session:
            letter = notices.claim(session, now())
        if letter is None or place.stopping.is_set():
            return
        _deliver(place, letter)


def _deliver(place: Workplace, letter: Letter) -> None:
    try:
        _send(place.settings, letter)
    except NotSent as error:
        log.warning("notice %s by %s, attempt %d: %s", letter.notice_id, letter.way, letter.attempt, error)
        with place.transaction() as session:
            notices.settle_failed(session, letter, str(error), now(), again=error.again)
        return
    with place.transaction() as session:
        notices.settle_sent(session, letter, now())


def _send(settings: Settings, letter: Letter) -> None:
    """Whatever goes wrong is a failed attempt, so that people see it and it comes to an end."""
    send = {NoticeWay.WEBHOOK: send_webhook, NoticeWay.EMAIL: send_email}[letter.way]
    try:
        send(settings, letter, now())
    except NotSent:
        raise
    except Exception as error:
        log.exception("notice %s by %s", letter.notice_id, letter.way)
        raise NotSent(f"It failed in a way that nobody foresaw ({type(error).__name__}); see the log.") from error


def send_webhook(settings: Settings, letter: Letter, moment: datetime) -> None:
    """Raise `NotSent` unless the receiver answers with 2xx."""
    url = settings.notices_webhook_url
    if urlsplit(url).scheme != "https" and settings.environment != "development":
        raise NotSent("WASTELENS_NOTICES_WEBHOOK_URL is not https; set one that is.")
    body = webhook_body(letter)
    headers = webhook_headers(settings.notices_webhook_secret, letter.notice_id, moment, body)
    try:
        with httpx.stream(
            "POST", url, content=body, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        ) as answer:  # What it answers is not read: only its status counts, and it may be endless.
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotSent(f"The webhook's receiver cannot be reached: {type(error).__name__}.") from error
    if not 200 <= status < 300:
        raise NotSent(f"The webhook's receiver answered {status}.")


def webhook_body(letter: Letter) -> bytes:
    """The same bytes at each attempt, so that receivers may compare them."""
    data = {"subject": letter.subject, "text": letter.text}
    content = {"type": "wastelens.notice", "timestamp": letter.written_at.isoformat(), "data": data}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def webhook_headers(secret: str, message_id: str, moment: datetime, body: bytes) -> Mapping[str, str]:
    """Sign `id.timestamp.body` with HMAC-SHA256. Raise `NotSent` for a secret that is none."""
    timestamp = str(int(moment.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(_key(secret), signed, sha256)).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise NotSent("WASTELENS_NOTICES_WEBHOOK_SECRET must be whsec_ and 24 to 64 random bytes in base64.")
    return key


def send_email(settings: Settings, letter: Letter, _: datetime) -> None:
    """Raise `NotSent` unless the mail server takes it for every address.

    Where it takes it for some, it is not sent again: those would get it at each attempt.
    """
    if settings.smtp_security == "none" and settings.environment != "development":
        raise NotSent("WASTELENS_SMTP_SECURITY is none; set starttls or tls.")
    if not settings.smtp_host or not settings.notices_email_from:
        raise NotSent("E-mail needs WASTELENS_SMTP_HOST and WASTELENS_NOTICES_EMAIL_FROM; set both.")
    try:
        with _connected(settings) as server:
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            refused = server.send_message(_email(settings, letter))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"The mail server did not take it: {type(error).__name__}.") from error
    if refused:
        raise NotSent(f"The mail server refused {len(refused)} of the addresses.", again=False)


def _connected(settings: Settings) -> smtplib.SMTP:
    context = ssl.create_default_context()
    address = (settings.smtp_host, settings.smtp_port)
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(*address, timeout=_TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(*address, timeout=_TIMEOUT_SECONDS)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=context)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
    return server


def _email(settings: Settings, letter: Letter) -> EmailMessage:
    """The id is the notice's own, so that a mailbox shows one message that was sent twice as one."""
    message = EmailMessage()
    message["From"] = settings.notices_email_from
    message["To"] = settings.notices_email_to
    message["Subject"] = f"[Wastelens] {letter.subject}"
    message["Date"] = format_datetime(letter.written_at)
    domain = settings.notices_email_from.rpartition("@")[2].strip("> ") or "localhost"
    message["Message-ID"] = f"<{letter.notice_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
