"""A city's own sign-in: a small OpenID Connect provider with a real RSA key, on this machine.

Guarantees: it holds its clients to the rules as a real one does: registered address, secret, PKCE, one use of a code.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "wastelens", "a secret of the client"


class Provider:
    """`somebody` is who sits before the browser over there; `lies` replace what the token should say."""

    def __init__(self, address: str) -> None:
        self.issuer = address
        self.somebody: dict[str, Any] = {"sub": "u-1", "preferred_username": "Mai", "roles": ["waste-review"]}
        self.lies: dict[str, Any] = {}
        self.user_info: dict[str, Any] = {}
        self.error = ""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.new_key()

    def new_key(self) -> None:
        self.key = self.published = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes: nobody is asked for a password here."""
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT_ID)
        assert (query["code_challenge_method"], "openid" in query["scope"].split()) == ("S256", True)
        if self.error:
            return f"{query['redirect_uri']}?{urlencode({'error': self.error, 'state': query['state']})}"
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        proven = begun is not None and (
            begun["code_challenge"] == challenge.decode().rstrip("=")
            and begun["redirect_uri"] == form["redirect_uri"]
            and form.get("client_secret") == CLIENT_SECRET
        )
        if begun is None or not proven:
            return None
        moment = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": moment, "exp": moment + 60, "nonce": begun["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims | self.somebody | self.lies, self.key)
        return {"access_token": "for user info", "token_type": "Bearer", "id_token": signed}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            provider.asked.append(asked.path)
            if asked.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(asked.query).items()}
                self._send(303, {}, {"Location": provider.authorize(query)})
                return
            documents = {
                "/.well-known/openid-configuration": provider.configuration(),
                "/jwks": KeySet([provider.published]).as_dict(private=False),
                "/userinfo": provider.user_info,
            }
            self._send(200, documents[asked.path])

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = provider.token({name: values[0] for name, values in parse_qs(body).items()})
            self._send(400 if given is None else 200, given or {"error": "invalid_grant"})

        def _send(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    return Handler


@contextmanager
def provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    given = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(given)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield given
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
