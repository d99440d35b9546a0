"""Single sign-on: the city's own sign-in, by OpenID Connect (authorization code with PKCE, RFC 7636).

Guarantees: what comes back is taken only from the browser that began (state, in a sealed cookie), for what it began
(nonce, PKCE), from the issuer of the settings (`iss`, RFC 9207), for this client (`aud`), signed with one of the
issuer's keys. Somebody is known by issuer and subject alone, never by name or address: nobody becomes somebody else
by being renamed. Who has no role there gets none here, and a role that changed there has changed here.
"""

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlmodel import Session, select

from backend.errors import Conflict, Forbidden, NotSignedIn, Unavailable
from backend.people import sealing, sign_ins, staff
from backend.people.sealing import Seal
from backend.people.staff_sessions import Origin, SignedIn
from backend.settings import Settings
from backend.tables import Role, SignInWay, Staff

LASTS_SECONDS = 600
"""So long one may take to sign in over there."""
ACTOR = "single sign-on"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_KEPT_SECONDS = 3600.0
_LEEWAY_SECONDS = 60
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


@dataclass(frozen=True)
class Begun:
    """The browser goes to `location` and keeps `cookie`."""

    location: str
    cookie: str


@dataclass(frozen=True)
class Identity:
    """Who somebody is over there. `role` is what that means here."""

    subject: str
    name: str
    role: Role | None
    then: str


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


class SingleSignOn:
    """The way there and back. Keeps what the provider publishes of itself for an hour."""

    def __init__(self, settings: Settings, given: Provider) -> None:
        self._provider = given
        self._settings = settings
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, redirect_uri: str, then: str) -> Begun:
        """Raise `Unavailable` if the provider does not answer."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        location = prepare_grant_uri(
            self._metadata()["authorization_endpoint"],
            self._provider.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=self._provider.scope,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "redirect_uri": redirect_uri, "then": then}
        return Begun(location, self._seal().close(json.dumps(kept)))

    def finish(self, cookie: str, answer: Mapping[str, str]) -> Identity:
        """Return who came back with `answer` (the query); raise `NotSignedIn` or `Unavailable`."""
        begun = self._begun(cookie)
        if not secrets.compare_digest(answer.get("state", "").encode(), begun["state"].encode()):
            raise _refused("This answer belongs to another sign-in.")
        if answer.get("iss", self._provider.issuer) != self._provider.issuer or not answer.get("code"):
            raise _refused(f"The city's sign-in said: {answer.get('error', 'nothing')[:80]}.")
        tokens = self._tokens(answer["code"], begun)
        claims = self._claims(str(tokens.get("id_token", "")), begun["nonce"])
        if _inside(claims, self._provider.role_claim) is None:
            claims |= self._user_info(str(tokens.get("access_token", "")), claims["sub"])
        name = _inside(claims, self._provider.name_claim)
        return Identity(
            subject=f"{self._provider.issuer}#{claims['sub']}",
            name=name if isinstance(name, str) else claims["sub"],
            role=self._provider.role_of(claims),
            then=begun["then"],
        )

    def _seal(self) -> Seal:
        return sealing.seal(self._settings, "single sign-on")

    def _begun(self, cookie: str) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._seal().open(cookie, LASTS_SECONDS))
        except sealing.Unreadable:
            raise _refused("It took too long, or it was begun in another browser.") from None
        return found

    def _tokens(self, code: str, begun: Mapping[str, str]) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun["redirect_uri"],
            "code_verifier": begun["verifier"],
            "client_id": self._provider.client_id,
        }
        secret = self._provider.client_secret
        asked = _ask(
            "POST", self._metadata()["token_endpoint"], data=form | ({"client_secret": secret} if secret else {})
        )
        if asked.status_code != httpx.codes.OK:
            raise _refused("The city's sign-in did not take back its own answer.")
        return _document(asked)

    def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Return what the token says, once all that OpenID Connect Core 3.1.3.7 asks for has been checked."""
        wanted = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(id_token).claims
            wanted.validate(claims)
        except (JoseError, ValueError) as error:
            raise _refused("The city's sign-in gave a token that does not hold.") from error
        if claims.get("azp", self._provider.client_id) != self._provider.client_id:
            raise _refused("The city's sign-in gave a token for another program.")
        return dict(claims)

    def _decoded(self, id_token: str) -> jwt.Token:
        """With the keys that are kept; where these do not do, the provider may have new ones."""
        try:
            return jwt.decode(id_token, self._keys(fresh=False), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(id_token, self._keys(fresh=True), algorithms=_ALGORITHMS)

    def _keys(self, *, fresh: bool) -> KeySet:
        address = self._metadata()["jwks_uri"]
        return KeySet.import_key_set(self._published(address, fresh=fresh))  # type: ignore[arg-type]  # It is checked there.

    def _user_info(self, access_token: str, subject: str) -> dict[str, Any]:
        address = self._metadata().get("userinfo_endpoint")
        if not address or not access_token:
            return {}
        asked = _ask("GET", address, headers={"Authorization": f"Bearer {access_token}"})
        said = _document(asked) if asked.status_code == httpx.codes.OK else {}
        return said if said.get("sub") == subject else {}

    def _metadata(self) -> dict[str, Any]:
        address = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = self._published(address, fresh=False)
        if found.get("issuer") != self._provider.issuer:
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


def sign_in(session: Session, settings: Settings, identity: Identity, origin: Origin) -> SignedIn:
    """Open a session for somebody, who is added at the first time; raise `Forbidden` without a role."""
    row = _known(session, identity)
    if identity.role is None:
        raise Forbidden("Your account has no role here. Ask your administrator.", code="no_role")
    if row is None:
        made = staff.add(
            session, _free_name(session, identity), identity.role, None, by=ACTOR, subject=identity.subject
        )
        row = session.get_one(Staff, made.id)
    elif row.role != identity.role:
        _follow(session, row, identity.role)
    return sign_ins.opened(session, settings, row, SignInWay.SINGLE_SIGN_ON, origin)


def end_sessions(session: Session, identity: Identity) -> None:
    """For somebody who has lost every role over there: what is still open here ends."""
    row = _known(session, identity)
    if row is not None:
        staff.end_everything(session, staff.known(row.id))


def _known(session: Session, identity: Identity) -> Staff | None:
    return session.exec(select(Staff).where(Staff.subject == identity.subject).with_for_update()).one_or_none()


def _follow(session: Session, row: Staff, role: Role) -> None:
    """The last administrator stays one: else nobody could set right what is wrong over there."""
    try:
        staff.change(session, staff.known(row.id), role, row.areas, by=staff.Person(0, ACTOR, Role.ADMINISTRATOR))
    except Conflict:
        return


def _free_name(session: Session, identity: Identity) -> str:
    """Return the name that somebody new gets: with a number where another one has it already."""
    wanted = identity.name.strip()[:70] or "somebody"
    taken = set(session.exec(select(Staff.name)).all()) | {staff.IMPORTER}
    numbered = (f"{wanted} {number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name not in taken)


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


def _refused(why: str) -> NotSignedIn:
    return NotSignedIn(why, code="single_sign_on_failed")
