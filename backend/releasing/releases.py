"""Releases: from a proposed model to one that may be given to phones, and back.

Guarantees: only a blessed model is ever approved, by as many different people as the settings ask for, and only on
evidence against the release that is current now; without people only where a setting says so, and never a model that
had no champion to beat. Who brings it to whom is a rollout's affair. Every step is in the audit log with its reason.

    PROPOSED -> APPROVED -> PUBLISHED       approve, (the publisher)
                   |  ^          |
                   v  |          v
        AWAITING_SIGNATURES   WITHDRAWN     withdraw, from anywhere, for ever
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from backend import publisher
from backend.database import now
from backend.errors import Conflict, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.releasing import channels, rollouts
from backend.releasing.current_model import current_version
from backend.releasing.rollouts import Terms
from backend.rollout_plan import RolloutPlan
from backend.settings import Settings
from backend.tables import (
    OPEN_ROLLOUT,
    Release,
    ReleaseApproval,
    ReleaseSignature,
    ReleaseState,
    Rollout,
    RolloutState,
    Staff,
    TrainingRun,
)
from mobile_models.document import Sha256
from mobile_models.evaluation import Blessing, Verdict
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.publishing.repository import StagedSignature

AUTOMATIC = "automatic approval"


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
    """Add a release that phones carry. The first one is current without anybody's approval, as the only one there is.

    One of a newer program is only known: its reports count as its own, and the city's own numbers go on above it.
    """
    is_first = session.exec(select(Release.version).limit(1)).first() is None
    actor = "first start" if is_first else "start"
    release = Release(
        version=manifest.version,
        state=ReleaseState.PUBLISHED,
        published_at=now(),
        manifest=manifest.model_dump(mode="json"),
        blessing=blessing.model_dump(mode="json"),
    )
    session.add(release)
    audit_log.record(session, actor, "release.bundled", _subject(release.version))
    for channel in channels.every(session) if is_first else ():
        channels.move(session, actor, channel.name, release.version)
    publisher.ask(session)
    return release


def find(session: Session, version: int) -> Release:
    found = session.get(Release, version)
    if found is None:
        raise NotFound(f"There is no release {version}.")
    return found


def newest(session: Session, limit: int = 100) -> Sequence[Release]:
    return session.exec(select(Release).order_by(col(Release.version).desc()).limit(limit)).all()


def approve(session: Session, settings: Settings, person: Person, version: int, terms: Terms, reason: str) -> Release:
    """Approve a proposed release; with enough approvals of different people its rollout begins on these terms.

    The last approval decides the terms. Approving twice counts once.
    """
    release = _locked(session, version)
    _check_may_be_approved(session, release, terms.channel)
    approvers = _approve_once(session, person, version, reason)
    _record_approval(session, person.name, version, terms, reason)
    if len(approvers) >= settings.approvals_needed:
        _accept(session, person.name, release, terms, reason)
    return release


def approve_automatically(session: Session, settings: Settings, *, moment: datetime | None = None) -> Release | None:
    """Approve the newest proposed release that beat the current one, if the settings say that nobody need look.

    Never one that had no champion to beat, and none while another one is on its way.
    """
    if not settings.approve_automatically:
        return None
    channels.lock(session)
    terms = Terms(RolloutPlan.parse(settings.rollout_plan))
    statement = select(Release).where(Release.state == ReleaseState.PROPOSED).order_by(col(Release.version).desc())
    for release in session.exec(statement).all():
        if Blessing.model_validate(release.blessing).rubber_stamped:
            continue
        try:
            _check_may_be_approved(session, release, terms.channel)
        except Conflict:
            continue
        reason = "the gate passed it against the release that is current now"
        _record_approval(session, AUTOMATIC, release.version, terms, reason)
        _accept(session, AUTOMATIC, release, terms, reason, moment=moment)
        return release
    return None


def roll_out(session: Session, person: Person, version: int, terms: Terms, reason: str) -> Rollout:
    """Bring an approved release to a channel: a further one, or anew after a rollout that was halted."""
    release = _locked(session, version)
    _check_state(release, "roll out", ReleaseState.APPROVED, ReleaseState.AWAITING_SIGNATURES, ReleaseState.PUBLISHED)
    _check_evidence(session, release)
    return rollouts.start(session, person.name, version, terms, reason)


def withdraw(session: Session, person: Person, version: int, reason: str) -> Release:
    """Take a release back for ever: its rollouts end, and channels go back to a release before, or the bundled one."""
    release = _locked(session, version)
    _check_state(release, "withdraw", *(state for state in ReleaseState if state != ReleaseState.WITHDRAWN))
    if release.training_run_id is None:
        detail = "Every phone carries this release, so it cannot be taken back. Release a better one."
        raise Conflict(detail, code="bundled")
    _withdraw(session, person.name, release, reason)
    publisher.ask(session)
    return release


def add_signature(session: Session, person: Person, version: int, signature: StagedSignature) -> Release:
    """Keep a signature that was checked against the staged file (`repository.check_signature`), and publish again."""
    release = _locked(session, version)
    _check_state(release, "sign", ReleaseState.AWAITING_SIGNATURES)
    row = session.get(ReleaseSignature, (version, signature.key_id)) or ReleaseSignature(
        version=version, key_id=signature.key_id, staged_sha256="", signature=""
    )
    row.staged_sha256, row.signature = signature.staged_sha256, signature.signature
    session.add(row)
    audit_log.record(session, person.name, "release.signed", _subject(version), key_id=signature.key_id)
    publisher.ask(session)
    return release


def signatures(session: Session, version: int) -> tuple[StagedSignature, ...]:
    statement = select(ReleaseSignature).where(ReleaseSignature.version == version).order_by(ReleaseSignature.key_id)
    return tuple(
        StagedSignature(row.key_id, row.signature, Sha256(row.staged_sha256)) for row in session.exec(statement)
    )


def approvals(session: Session, version: int) -> list[tuple[str, ReleaseApproval]]:
    """Return who approved it and what they said, in order."""
    statement = select(Staff.name, ReleaseApproval).where(
        ReleaseApproval.version == version, ReleaseApproval.staff_id == Staff.id
    )
    return list(session.exec(statement.order_by(col(ReleaseApproval.created_at))).all())


def settle_available(session: Session, actor: str, release: Release, moment: datetime) -> None:
    """Phones can get it now."""
    release.state, release.published_at = ReleaseState.PUBLISHED, moment
    session.add(release)
    audit_log.record(session, actor, "release.published", _subject(release.version))


def settle_awaiting(session: Session, actor: str, release: Release, missing: int) -> None:
    release.state = ReleaseState.AWAITING_SIGNATURES
    session.add(release)
    audit_log.record(session, actor, "release.awaits_signatures", _subject(release.version), missing=missing)


def settle_refused(session: Session, actor: str, release: Release, reason: str) -> None:
    """It cannot be published as it is, ever."""
    _withdraw(session, actor, release, reason)


def _accept(
    session: Session, actor: str, release: Release, terms: Terms, reason: str, *, moment: datetime | None = None
) -> None:
    release.state = ReleaseState.APPROVED
    session.add(release)
    session.flush()
    rollouts.start(session, actor, release.version, terms, reason, moment=moment)


def _withdraw(session: Session, actor: str, release: Release, reason: str) -> None:
    release.state = ReleaseState.WITHDRAWN
    session.add(release)
    audit_log.record(session, actor, "release.withdrawn", _subject(release.version), reason=reason)
    for rollout in rollouts.of_release(session, release.version):
        was_open = rollout.state in (*OPEN_ROLLOUT, RolloutState.HALTED, RolloutState.COMPLETED)
        if was_open:
            rollouts.end(session, actor, rollout, RolloutState.WITHDRAWN, reason)
            rollouts.leave(session, actor, rollout)


def _locked(session: Session, version: int) -> Release:
    channels.lock(session)
    return find(session, version)


def _approve_once(session: Session, person: Person, version: int, reason: str) -> set[int]:
    statement = select(ReleaseApproval.staff_id).where(ReleaseApproval.version == version)
    approvers = set(session.exec(statement).all())
    if person.id not in approvers:
        session.add(ReleaseApproval(version=version, staff_id=person.id, reason=reason))
        session.flush()
    return approvers | {person.id}


def _record_approval(session: Session, actor: str, version: int, terms: Terms, reason: str) -> None:
    audit_log.record(
        session,
        actor,
        "release.approved",
        _subject(version),
        channel=terms.channel,
        plan=str(terms.plan),
        reason=reason,
    )


def _check_state(release: Release, act: str, *allowed: ReleaseState) -> None:
    if release.state not in allowed:
        detail = f"Release {release.version} is {release.state}; to {act} it, it must be {' or '.join(allowed)}."
        raise Conflict(detail, code="wrong_state")


def _check_may_be_approved(session: Session, release: Release, channel: str) -> None:
    _check_state(release, "approve", ReleaseState.PROPOSED)
    _check_evidence(session, release)
    rollouts.check_free(session, channel, release.version)


def _check_evidence(session: Session, release: Release) -> None:
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


def _subject(version: int) -> str:
    return f"release/{version}"
