"""Releases: from a proposed model to one that phones have, and back.

Guarantees: only a blessed model is ever approved, by as many different people as the settings ask for, and only on
evidence against the release that is current now. One rollout is under way at a time. Every step is in the audit log
with its reason. What phones may be given follows from the rows alone (`desired_state`); the publisher makes it true.

    PROPOSED -> APPROVED -> PUBLISHED <-> HALTED       approve, (the publisher), halt, resume
                   |  ^          |           |
                   v  |          v           v
        AWAITING_SIGNATURES   WITHDRAWN <----+         withdraw, from anywhere, for ever
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from backend import audit_log, job_queue
from backend.current_model import current_version
from backend.database import now
from backend.errors import Conflict, DomainError, NotFound
from backend.settings import Settings
from backend.staff import Person
from backend.tables import (
    JobKind,
    Release,
    ReleaseApproval,
    ReleaseSignature,
    ReleaseState,
    TrainingRun,
)
from mobile_models.document import Sha256
from mobile_models.evaluation import Blessing, Verdict
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.repository import Outcome, StagedSignature
from mobile_models.updates.update_channel import STABLE, Candidate, ChannelPointer

EVERYBODY_PERCENT = 100.0
UPDATES = "updates"
_PUBLISHER = "publish"
_SIGNABLE = (ReleaseState.APPROVED, ReleaseState.AWAITING_SIGNATURES)
_OFFERED = (*_SIGNABLE, ReleaseState.PUBLISHED, ReleaseState.HALTED)
_UNDER_WAY = (*_SIGNABLE, ReleaseState.PUBLISHED)


@dataclass(frozen=True)
class WantedRelease:
    """A release that the update repository should hold, with the signatures that people made elsewhere."""

    version: int
    signatures: tuple[StagedSignature, ...]


@dataclass(frozen=True)
class Desired:
    """What the publisher must make true."""

    releases: tuple[WantedRelease, ...]
    channels: dict[str, ChannelPointer]


def staged_key(version: int) -> str:
    """Where the metadata that people are asked to sign lies in storage."""
    return f"artefacts/staged/{version}/targets.json"


def propose(session: Session, run: TrainingRun, manifest: ReleaseManifest, blessing: Blessing) -> Release:
    """Make a release of a finished run whose files are in storage. Raise `Conflict` unless the gate passed it."""
    if blessing.verdict != Verdict.PASSED:
        raise Conflict("The gate blocked this model; it cannot become a release.", code="blocked")
    if manifest.version != run.release_version:
        raise Conflict(f"The manifest is of version {manifest.version}, the run's is {run.release_version}.")
    release = Release(
        version=run.release_version,
        training_run_id=run.id,
        manifest=manifest.model_dump(mode="json"),
        blessing=blessing.model_dump(mode="json"),
    )
    session.add(release)
    audit_log.record(
        session, "retrain", "release.proposed", _subject(release.version), rubber_stamped=blessing.rubber_stamped
    )
    return release


def add_bundled(session: Session, manifest: ReleaseManifest, blessing: Blessing) -> Release:
    """Add the release that every phone carries: current without anybody's approval, as the only one there is."""
    release = Release(
        version=manifest.version,
        state=ReleaseState.PUBLISHED,
        rollout_percent=EVERYBODY_PERCENT,
        published_at=now(),
        manifest=manifest.model_dump(mode="json"),
        blessing=blessing.model_dump(mode="json"),
    )
    session.add(release)
    audit_log.record(session, "first start", "release.bundled", _subject(release.version))
    ask_publisher(session)
    return release


def find(session: Session, version: int) -> Release:
    found = session.get(Release, version)
    if found is None:
        raise NotFound(f"There is no release {version}.")
    return found


def newest(session: Session, limit: int = 100) -> Sequence[Release]:
    return session.exec(select(Release).order_by(col(Release.version).desc()).limit(limit)).all()


def approve(
    session: Session, settings: Settings, person: Person, version: int, rollout_percent: float, reason: str
) -> Release:
    """Approve a proposed release; with enough approvals of different people it goes to `rollout_percent` of phones.

    The last approval decides the percentage. Approving twice counts once.
    """
    releases = _lock_all(session)
    release = _of(releases, version)
    _check_state(release, "approve", ReleaseState.PROPOSED)
    _check_percent(rollout_percent)
    _check_nothing_under_way(releases, release)
    _check_evidence(session, releases, release)
    approvers = _approve_once(session, person, version)
    audit_log.record(
        session, person.name, "release.approved", _subject(version), rollout_percent=rollout_percent, reason=reason
    )
    if len(approvers) >= settings.approvals_needed:
        release.state, release.rollout_percent = ReleaseState.APPROVED, rollout_percent
        session.add(release)
        ask_publisher(session)
    return release


def widen(session: Session, person: Person, version: int, rollout_percent: float, reason: str) -> Release:
    """Offer a release to more phones; 100 makes it current. It is never taken from a phone that has it."""
    release = _of(_lock_all(session), version)
    _check_state(release, "widen", ReleaseState.PUBLISHED)
    _check_percent(rollout_percent)
    if rollout_percent <= release.rollout_percent:
        detail = f"It is at {release.rollout_percent:g} % already; to offer it to fewer phones, halt it."
        raise Conflict(detail, code="not_wider")
    release.rollout_percent = rollout_percent
    return _move(session, person, release, ReleaseState.PUBLISHED, "widened", reason)


def halt(session: Session, person: Person, version: int, reason: str) -> Release:
    """Offer a published release to nobody: phones go back to the one before. It can be resumed."""
    release = _of(_lock_all(session), version)
    _check_state(release, "halt", ReleaseState.PUBLISHED)
    _check_not_bundled(release)
    return _move(session, person, release, ReleaseState.HALTED, "halted", reason)


def resume(session: Session, person: Person, version: int, reason: str) -> Release:
    """Offer a halted release again, as widely as before."""
    releases = _lock_all(session)
    release = _of(releases, version)
    _check_state(release, "resume", ReleaseState.HALTED)
    _check_nothing_under_way(releases, release)
    return _move(session, person, release, ReleaseState.PUBLISHED, "resumed", reason)


def withdraw(session: Session, person: Person, version: int, reason: str) -> Release:
    """Take a release back for ever: phones go to the newest older one, else to the bundled one."""
    release = _of(_lock_all(session), version)
    _check_state(release, "withdraw", ReleaseState.PROPOSED, *_OFFERED)
    _check_not_bundled(release)
    return _move(session, person, release, ReleaseState.WITHDRAWN, "withdrawn", reason)


def add_signature(session: Session, person: Person, version: int, signature: StagedSignature) -> Release:
    """Keep a signature that was checked against the staged file (`repository.check_signature`), and publish again."""
    release = _of(_lock_all(session), version)
    _check_state(release, "sign", ReleaseState.AWAITING_SIGNATURES)
    row = session.get(ReleaseSignature, (version, signature.key_id)) or ReleaseSignature(
        version=version, key_id=signature.key_id, staged_sha256="", signature=""
    )
    row.staged_sha256, row.signature = signature.staged_sha256, signature.signature
    session.add(row)
    audit_log.record(session, person.name, "release.signed", _subject(version), key_id=signature.key_id)
    ask_publisher(session)
    return release


def signatures(session: Session, version: int) -> tuple[StagedSignature, ...]:
    statement = select(ReleaseSignature).where(ReleaseSignature.version == version).order_by(ReleaseSignature.key_id)
    return tuple(
        StagedSignature(row.key_id, row.signature, Sha256(row.staged_sha256)) for row in session.exec(statement)
    )


def approvals(session: Session, version: int) -> int:
    return len(session.exec(select(ReleaseApproval.staff_id).where(ReleaseApproval.version == version)).all())


def desired_state(session: Session) -> Desired:
    """Return what phones may be given, and what the channel should say once it can be got."""
    rows = session.exec(select(Release).order_by(col(Release.version))).all()
    offered = tuple(
        WantedRelease(row.version, signatures(session, row.version)) for row in rows if row.state in _OFFERED
    )
    return Desired(offered, {STABLE: pointer(rows)})


def pointer(rows: Sequence[Release]) -> ChannelPointer:
    """Return the channel's pointer that follows from all releases: the newest at 100 % and the one being rolled out.

    After a release was taken back to the bundled one, the pointer says "bundled" and not its number: that one may
    never have been signed, and phones must leave the bad one all the same.
    """
    offered = sorted((row for row in rows if row.state in _UNDER_WAY), key=lambda row: row.version)
    whole = next((row for row in reversed(offered) if row.rollout_percent >= EVERYBODY_PERCENT), None)
    taken_back = any(row.published_at is not None and row.state not in _UNDER_WAY for row in rows)
    is_bundled = whole is None or (whole.training_run_id is None and taken_back)
    newer = [row for row in offered if whole is None or row.version > whole.version]
    candidate = newer[-1] if newer else None
    return ChannelPointer(
        current=None if is_bundled or whole is None else whole.version,
        candidate=None if candidate is None else _candidate(candidate),
        return_to_bundled=is_bundled and candidate is None and taken_back,
    )


def _candidate(release: Release) -> Candidate:
    return Candidate(version=release.version, rollout_percent=release.rollout_percent, salt=release.salt)


def settle_published(session: Session, outcome: Outcome) -> None:
    """Write down what the publisher reached. A release that was published stays so, whatever waits to be signed."""
    for release in _lock_all(session):
        if release.state not in _SIGNABLE:
            continue
        if release.version in outcome.available:
            release.state, release.published_at = ReleaseState.PUBLISHED, now()
            audit_log.record(session, _PUBLISHER, "release.published", _subject(release.version))
        elif release.version in outcome.awaiting and release.state == ReleaseState.APPROVED:
            release.state = ReleaseState.AWAITING_SIGNATURES
            missing = outcome.awaiting[release.version].missing
            audit_log.record(
                session, _PUBLISHER, "release.awaits_signatures", _subject(release.version), missing=missing
            )
        elif release.version in outcome.refused:
            reason = outcome.refused[release.version]
            release.state = ReleaseState.WITHDRAWN
            audit_log.record(session, _PUBLISHER, "release.withdrawn", _subject(release.version), reason=reason)
        session.add(release)


def note_problems(session: Session, problems: Sequence[str]) -> None:
    """Write down what is wrong with the update repository, where it is not what was wrong before."""
    if list(problems) != current_problems(session):
        audit_log.record(session, _PUBLISHER, "updates.problems", UPDATES, problems=list(problems))


def current_problems(session: Session) -> list[str]:
    """Return what the publisher last found wrong, in words that anybody may read."""
    newest = audit_log.history(session, UPDATES, limit=1)
    return list(newest[-1].detail["problems"]) if newest else []


def ask_publisher(session: Session) -> None:
    session.flush()
    job_queue.enqueue(session, JobKind.PUBLISH, UPDATES)


def _lock_all(session: Session) -> Sequence[Release]:
    """There are few, and whether one may move depends on the others."""
    statement = select(Release).order_by(col(Release.version)).with_for_update()
    return session.exec(statement.execution_options(populate_existing=True)).all()


def _of(releases: Sequence[Release], version: int) -> Release:
    found = next((release for release in releases if release.version == version), None)
    if found is None:
        raise NotFound(f"There is no release {version}.")
    return found


def _move(session: Session, person: Person, release: Release, state: ReleaseState, action: str, reason: str) -> Release:
    release.state = state
    session.add(release)
    audit_log.record(
        session,
        person.name,
        f"release.{action}",
        _subject(release.version),
        rollout_percent=release.rollout_percent,
        reason=reason,
    )
    ask_publisher(session)
    return release


def _approve_once(session: Session, person: Person, version: int) -> set[int]:
    statement = select(ReleaseApproval.staff_id).where(ReleaseApproval.version == version)
    approvers = set(session.exec(statement).all())
    if person.id not in approvers:
        session.add(ReleaseApproval(version=version, staff_id=person.id))
        session.flush()
    return approvers | {person.id}


def _check_state(release: Release, act: str, *allowed: ReleaseState) -> None:
    if release.state not in allowed:
        detail = f"Release {release.version} is {release.state}; to {act} it, it must be {' or '.join(allowed)}."
        raise Conflict(detail, code="wrong_state")


def _check_percent(rollout_percent: float) -> None:
    if not 0 < rollout_percent <= EVERYBODY_PERCENT:
        raise DomainError("rollout_percent must be above 0 and at most 100.", code="bad_percent")


def _check_evidence(session: Session, releases: Sequence[Release], release: Release) -> None:
    """The gate passed it, against the release that is current now."""
    if Blessing.model_validate(release.blessing).verdict != Verdict.PASSED:
        raise Conflict("The gate blocked this model; it can never be released.", code="blocked")
    current = current_version(session)
    run = session.get(TrainingRun, release.training_run_id) if release.training_run_id is not None else None
    compared_with = None if run is None else run.champion_version
    if current is not None and compared_with != current:
        detail = (
            f"It was compared with {'no release' if compared_with is None else f'release {compared_with}'}, "
            f"and release {current} is current now. Train again."
        )
        raise Conflict(detail, code="stale_evidence")


def _check_nothing_under_way(releases: Sequence[Release], release: Release) -> None:
    for other in releases:
        waits = other.state in _SIGNABLE
        partial = other.state == ReleaseState.PUBLISHED and other.rollout_percent < EVERYBODY_PERCENT
        if other.version != release.version and (waits or partial):
            detail = f"Release {other.version} is on its way. Complete, halt or withdraw it first."
            raise Conflict(detail, code="rollout_under_way")


def _check_not_bundled(release: Release) -> None:
    if release.training_run_id is None:
        detail = "Every phone carries this release, so it cannot be taken back. Release a better one."
        raise Conflict(detail, code="bundled")


def _subject(version: int) -> str:
    return f"release/{version}"
