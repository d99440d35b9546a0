"""Receivers of notices: a real HTTP server and a real mail server on this machine, with certificates of their own."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services import free_port

HERE = "127.0.0.1"


def certificate(folder: Path) -> Path:
    """Make a certificate for this machine, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)])
    begin = datetime.now(UTC) - timedelta(hours=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HERE))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "here.pem"
    path.write_bytes(
        signed.public_bytes(encoding) + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    )
    return path


@dataclass
class Receiver:
    """Answers each POST with the next of `answers`, the last one for ever."""

    answers: list[int]
    address: str = ""
    location: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.received.append((headers, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def webhook_receiver(*answers: int, tls: Path | None = None) -> Iterator[Receiver]:
    receiver = Receiver(list(answers) or [204])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(headers, self.rfile.read(int(headers["content-length"])))
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            """A redirect that was followed would come so."""
            receiver.take({}, b"")
            self.send_error(405)

        def log_message(self, format: str, *args: Any) -> None:
            """What was received says it all."""

    server = ThreadingHTTPServer((HERE, 0), Handler)
    if tls is not None:
        server.socket = _context(tls).wrap_socket(server.socket, server_side=True)
    receiver.address = f"{'https' if tls else 'http'}://{HERE}:{server.server_address[1]}/notices"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    port: int = 0
    messages: list[Message] = field(default_factory=list)
    signed_in: list[tuple[bytes, bytes]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


@contextmanager
def mail_server(tls: Path, *, implicit: bool = False) -> Iterator[Mailbox]:
    """A server that wants STARTTLS and a password, or TLS from the first byte."""
    mailbox = Mailbox()

    class Handler(MessageHandler):
        def handle_message(self, message: Message) -> None:
            mailbox.messages.append(message)

        async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so.
            self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if address in mailbox.refused:
                return "550 no such mailbox"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    def sign_in(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        mailbox.signed_in.append((given.login, given.password))
        return AuthResult(success=given.password == b"secret", handled=False)

    context = _context(tls)
    options: dict[str, Any] = {"ssl_context": context}
    if not implicit:  # aiosmtpd asks for passwords after STARTTLS alone.
        options = {"require_starttls": True, "tls_context": context, "auth_required": True, "authenticator": sign_in}
    controller = Controller(Handler(), hostname=HERE, port=free_port(), ready_timeout=60, **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


def _context(tls: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls)
    return context
