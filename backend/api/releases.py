"""`/v1/releases`: approving and withdrawing, and signing where no server sees the key.

`widen`, `pause`, `resume` and `halt` act on the release's rollout that is under way, else on its newest one.
"""

from datetime import datetime
from typing import Any

import obstore
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from backend import publisher
from backend.api.dependencies import CurrentSettings, Parts, PartsOfServer, Transaction, transaction_of
from backend.api.rollout_bodies import ReasonBody, RolloutAnswer, TermsBody, WidenBody
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber, Text
from backend.errors import Conflict, DomainError
from backend.records import audit_log
from backend.releasing import channels, releases, rollouts
from backend.settings import Settings
from backend.tables import Release, ReleaseState
from mobile_models.document import Sha256
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import StagedSignature
from mobile_models.updates.staged_targets import SignatureRefused

router = APIRouter(prefix="/v1/releases", tags=["releases"])


class SignatureBody(BaseModel):
    key_id: Text = Field(max_length=200)
    signature: str = Field(max_length=2000, pattern=r"^[0-9a-f]+$")
    staged_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Approval(BaseModel):
    name: str
    at: datetime
    reason: str


class ReleaseAnswer(BaseModel):
    version: int
    state: ReleaseState
    training_run_id: str | None
    created_at: datetime
    published_at: datetime | None
    retired_at: datetime | None
    """Since when phones can no longer be sent to it."""
    manifest: dict[str, Any]
    blessing: dict[str, Any]
    approvals: int
    approvals_needed: int
    approved_by: list[Approval]
    signed_by: list[str]
    """Ids of the keys whose signatures were sent in."""
    current_on: list[str]
    """Channels whose current release it is."""
    rollouts: list[RolloutAnswer]
    """Newest first."""


class Event(BaseModel):
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]


class ReleaseWithHistory(ReleaseAnswer):
    history: list[Event]


class ReleaseList(BaseModel):
    releases: list[ReleaseAnswer]


@router.get("")
def newest(_: Engineer, session: Transaction, settings: CurrentSettings) -> ReleaseList:
    found = releases.newest(session)
    return ReleaseList(releases=[_answer(session, settings, row) for row in found])


@router.get("/{version}")
def one(version: RowNumber, _: Engineer, session: Transaction, settings: CurrentSettings) -> ReleaseWithHistory:
    release = releases.find(session, version)
    events = audit_log.history(session, f"release/{version}")
    history = [Event.model_validate(event, from_attributes=True) for event in events]
    return ReleaseWithHistory(**vars(_answer(session, settings, release)), history=history)


@router.post("/{version}/approve")
def approve(
    version: RowNumber, given: TermsBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Approve a proposed release and say how it is rolled out. It may take two people, and then signatures."""
    row = releases.approve(session, settings, person, version, given.terms(settings), given.reason)
    return _answer(session, settings, row)


@router.post("/{version}/widen")
def widen(
    version: RowNumber, given: WidenBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Offer it to more phones; 100 makes it the current release."""
    rollouts.widen(session, person.name, rollouts.meant(session, version), given.rollout_percent, given.reason)
    return _answer(session, settings, releases.find(session, version))


@router.post("/{version}/pause")
def pause(
    version: RowNumber, given: ReasonBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Keep its rollout as wide as it is."""
    rollouts.pause(session, person.name, rollouts.meant(session, version), given.reason)
    return _answer(session, settings, releases.find(session, version))


@router.post("/{version}/halt")
def halt(
    version: RowNumber, given: ReasonBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Offer it to nobody; phones go back to the one before. It can be resumed."""
    rollouts.halt(session, person.name, rollouts.meant(session, version), given.reason)
    return _answer(session, settings, releases.find(session, version))


@router.post("/{version}/resume")
def resume(
    version: RowNumber, given: ReasonBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Let its rollout go on, after it was paused or halted."""
    rollouts.resume(session, person.name, rollouts.meant(session, version), given.reason)
    return _answer(session, settings, releases.find(session, version))


@router.post("/{version}/withdraw")
def withdraw(
    version: RowNumber, given: ReasonBody, person: Engineer, session: Transaction, settings: CurrentSettings
) -> ReleaseAnswer:
    """Take it back for ever."""
    row = releases.withdraw(session, person, version, given.reason)
    return _answer(session, settings, row)


@router.get("/{version}/staged", response_class=Response, responses={200: {"content": {"application/json": {}}}})
def staged(version: RowNumber, _: Engineer, parts: PartsOfServer) -> Response:
    """The metadata to sign, to the byte. `wastelens releases sign` fetches it, shows it and signs it."""
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        releases.find(session, version)
    return Response(_staged(parts, version), media_type="application/json")


@router.post("/{version}/signatures", status_code=202)
def add_signature(version: RowNumber, given: SignatureBody, person: Engineer, parts: PartsOfServer) -> ReleaseAnswer:
    """Send in a signature of the staged metadata. With enough of them the release is published."""
    signature = StagedSignature(given.key_id, given.signature, Sha256(given.staged_sha256))
    try:
        repository.check_signature(parts.updates, _staged(parts, version), signature)
    except SignatureRefused as error:
        raise DomainError(f"The signature does not count: {error}.", code="signature_refused") from None
    with transaction_of(parts) as session:
        row = releases.add_signature(session, person, version, signature)
        return _answer(session, parts.settings, row)


def _staged(parts: Parts, version: int) -> bytes:
    try:
        return bytes(obstore.get(parts.storage, publisher.staged_key(version)).bytes())
    except FileNotFoundError:
        raise Conflict(f"Release {version} has nothing to sign (yet).", code="nothing_staged") from None


def _answer(session: Session, settings: Settings, row: Release) -> ReleaseAnswer:
    approved = releases.approvals(session, row.version)
    return ReleaseAnswer(
        **row.model_dump(),
        approvals=len(approved),
        approvals_needed=settings.approvals_needed,
        approved_by=[Approval(name=name, at=each.created_at, reason=each.reason) for name, each in approved],
        signed_by=[signature.key_id for signature in releases.signatures(session, row.version)],
        current_on=[each.name for each in channels.every(session) if each.current_version == row.version],
        rollouts=[RolloutAnswer.of(each) for each in rollouts.of_release(session, row.version)],
    )
