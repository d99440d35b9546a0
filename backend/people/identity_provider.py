"""The city's identity provider: what the settings say of it, what it publishes of itself, and what it answers.

Guarantees: what it publishes (OpenID Connect Discovery 1.0) is kept for an hour, and taken only where it names itself
as the settings do. Whatever does not answer, or answers no document, is `Unavailable`: nobody is let in for want of an
answer.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.jwk import KeySet

from backend.errors import Unavailable
from backend.settings import Settings
from backend.tables import Role

_KEPT_SECONDS = 3600.0
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Provider:
    """The settings of single sign-on, checked."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str
    name_claim: str
    role_claim: str
    roles: tuple[tuple[str, Role], ...]

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role of the first rule that fits."""
        said = _inside(claims, self.role_claim)
        values = {said} if isinstance(said, str) else set(said) if isinstance(said, list) else set()
        return next((role for value, role in self.roles if value in values), None)

    def says_role(self, claims: Mapping[str, Any]) -> bool:
        return _inside(claims, self.role_claim) is not None

    def name_of(self, claims: Mapping[str, Any]) -> str:
        name = _inside(claims, self.name_claim)
        return name if isinstance(name, str) else str(claims["sub"])


def provider(settings: Settings) -> Provider | None:
    """Return what the settings say, or none where they say nothing; raise `ValueError` for half of it."""
    if not settings.oidc_issuer:
        if not settings.password_sign_in:
            raise ValueError("WASTELENS_PASSWORD_SIGN_IN is off, and WASTELENS_OIDC_ISSUER is not set")
        return None
    if not settings.oidc_client_id or not settings.oidc_roles:
        raise ValueError("WASTELENS_OIDC_ISSUER needs WASTELENS_OIDC_CLIENT_ID and WASTELENS_OIDC_ROLES")
    if urlsplit(settings.oidc_issuer).scheme != "https" and settings.environment == "production":
        raise ValueError("WASTELENS_OIDC_ISSUER has to be an https address")
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scope=settings.oidc_scope,
        name_claim=settings.oidc_name_claim,
        role_claim=settings.oidc_role_claim,
        roles=tuple(_rule(each) for each in settings.oidc_roles.split(",") if each.strip()),
    )


class IdentityProvider:
    """For any number of threads. Raises `Unavailable` where the provider does not answer."""

    def __init__(self, given: Provider) -> None:
        self.given = given
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    @property
    def authorization_endpoint(self) -> str:
        """Where a browser is sent."""
        return str(self._metadata()["authorization_endpoint"])

    def keys(self, *, fresh: bool) -> KeySet:
        address = self._metadata()["jwks_uri"]
        return KeySet.import_key_set(self._published(address, fresh=fresh))  # type: ignore[arg-type]  # It is checked there.

    def tokens(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any] | None:
        """Return what it gives for its code, or None where it does not take the code back."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self.given.client_id,
        }
        if self.given.client_secret:
            form["client_secret"] = self.given.client_secret
        asked = _ask("POST", self._metadata()["token_endpoint"], data=form)
        return _document(asked) if asked.status_code == httpx.codes.OK else None

    def user_info(self, access_token: str, subject: str) -> dict[str, Any]:
        """Return what it says of this subject; nothing where it says nothing, or speaks of somebody else."""
        address = self._metadata().get("userinfo_endpoint")
        if not address or not access_token:
            return {}
        asked = _ask("GET", address, headers={"Authorization": f"Bearer {access_token}"})
        said = _document(asked) if asked.status_code == httpx.codes.OK else {}
        return said if said.get("sub") == subject else {}

    def _metadata(self) -> dict[str, Any]:
        address = self.given.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = self._published(address, fresh=False)
        if found.get("issuer") != self.given.issuer:
            raise Unavailable("The city's sign-in says that it is another one.", code="single_sign_on_unavailable")
        return found

    def _published(self, address: str, *, fresh: bool) -> dict[str, Any]:
        with self._lock:
            at, found = self._kept.get(address, (0.0, {}))
        if fresh or not found or time.monotonic() - at > _KEPT_SECONDS:
            asked = _ask("GET", address)
            if asked.status_code != httpx.codes.OK:
                raise _silent()
            found = _document(asked)
            with self._lock:
                self._kept[address] = (time.monotonic(), found)
        return found


def _rule(text: str) -> tuple[str, Role]:
    value, _, role = text.rpartition("=")
    return value.strip(), Role(role.strip())


def _inside(claims: Mapping[str, Any], path: str) -> Any:
    """Return `claims["a"]["b"]` for `a.b`; a claim may have dots of its own, as addresses have."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _ask(method: str, address: str, **options: Any) -> httpx.Response:
    try:
        return httpx.request(method, address, timeout=_TIMEOUT_SECONDS, **options)
    except httpx.HTTPError as error:
        raise _silent() from error


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise _silent() from error
    return found if isinstance(found, dict) else {}


def _silent() -> Unavailable:
    return Unavailable("The city's sign-in does not answer. Try again in a while.", code="single_sign_on_unavailable")
