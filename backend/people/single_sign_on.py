"""Single sign-on: the city's own sign-in, by OpenID Connect (authorization code with PKCE, RFC 7636).

Guarantees: what comes back is taken only from the browser that began (state, in a sealed cookie), for what it began
(nonce, PKCE), from the issuer of the settings (`iss`, RFC 9207), for this client (`aud`), signed with one of the
issuer's keys. Somebody is known by issuer and subject alone, never by name or address: nobody becomes somebody else
by being renamed. Who has no role there gets none here, and a role that changed there has changed here.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from sqlmodel import Session, select

from backend.errors import Conflict, Forbidden, NotSignedIn
from backend.people import sealing, sign_ins, staff
from backend.people.identity_provider import IdentityProvider, Provider
from backend.people.sealing import Seal
from backend.people.staff_sessions import Origin, SignedIn
from backend.records import audit_log
from backend.settings import Settings
from backend.tables import Role, SignInWay, Staff

LASTS_SECONDS = 600
"""So long one may take to sign in over there."""
ACTOR = "single sign-on"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_LEEWAY_SECONDS = 60


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


class SingleSignOn:
    """The way there and back. For any number of threads."""

    def __init__(self, settings: Settings, given: Provider) -> None:
        self._settings, self._provider = settings, given
        self._over_there = IdentityProvider(given)

    def begin(self, redirect_uri: str, then: str) -> Begun:
        """Raise `Unavailable` if the provider does not answer."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        location = prepare_grant_uri(
            self._over_there.authorization_endpoint,
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
        tokens = self._over_there.tokens(answer["code"], begun["verifier"], begun["redirect_uri"])
        if tokens is None:
            raise _refused("The city's sign-in did not take back its own answer.")
        claims = self._claims(str(tokens.get("id_token", "")), begun["nonce"])
        if not self._provider.says_role(claims):
            claims |= self._over_there.user_info(str(tokens.get("access_token", "")), claims["sub"])
        return Identity(
            subject=f"{self._provider.issuer}#{claims['sub']}",
            name=self._provider.name_of(claims),
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
            return jwt.decode(id_token, self._over_there.keys(fresh=False), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(id_token, self._over_there.keys(fresh=True), algorithms=_ALGORITHMS)


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
        audit_log.record(session, ACTOR, "staff.sessions_revoked", f"staff/{row.id}", reason="no role over there")


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


def _refused(why: str) -> NotSignedIn:
    return NotSignedIn(why, code="single_sign_on_failed")
