"""`/console/models/releases`: what a model can do, where it comes from, who approves it, and where it is.

Guarantees: each person approves once; what still misses is always said. The way from a release leads down to the photos
that it learnt from.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Response
from sqlmodel import Session, col, select

from backend import known_labels
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import label_names, pages
from backend.console.models import evidence_view, words
from backend.console.models.overview import MODELS
from backend.console.visitor import Engineer, Visitor
from backend.database import RowNumber, Text
from backend.datasets import snapshots
from backend.errors import DomainError
from backend.records import audit_log
from backend.releasing import channels, releases, rollouts
from backend.releasing.release_files import release_key
from backend.releasing.rollouts import Terms
from backend.rollout_plan import BadPlan, RolloutPlan
from backend.runs import run_files, training_runs
from backend.settings import Settings
from backend.tables import DatasetSnapshotRow, Release, ReleaseState, TrainingRun
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.update_channel import STABLE, DownloadConditions

router = APIRouter(include_in_schema=False)
RELEASES = f"{MODELS}/releases"
_GIVABLE = (ReleaseState.APPROVED, ReleaseState.AWAITING_SIGNATURES, ReleaseState.PUBLISHED)
Reason = Annotated[Text, Form(max_length=500)]


class TermsForm:
    """How a release is to be brought to phones."""

    def __init__(
        self,
        plan: Annotated[Text, Form(max_length=300)],
        channel: Annotated[Text, Form(max_length=50)] = STABLE,
        unmetered_only: Annotated[bool, Form()] = False,
        charging_only: Annotated[bool, Form()] = False,
        idle_only: Annotated[bool, Form()] = False,
        reason: Reason = "",
    ) -> None:
        self.plan, self.channel, self.reason = plan, channel, reason.strip()
        self.conditions = DownloadConditions(
            unmetered_only=unmetered_only, charging_only=charging_only, idle_only=idle_only
        )

    def terms(self) -> Terms:
        try:
            return Terms(RolloutPlan.parse(self.plan), self.channel, self.conditions)
        except BadPlan as error:
            raise DomainError(str(error), code="bad_plan") from None


AskedTerms = Annotated[TermsForm, Depends()]


@dataclass(frozen=True)
class Lineage:
    """From a release down to the photos."""

    run: TrainingRun | None
    snapshot: DatasetSnapshotRow | None
    parent: Release | None
    children: list[int]
    """Releases whose runs compared themselves with this one."""


@router.get(f"{RELEASES}/{{version}}")
def one(version: RowNumber, visitor: Engineer, parts: PartsOfServer) -> Response:
    return _page(visitor, parts, version)


@router.post(f"{RELEASES}/{{version}}/approve")
def approve(version: RowNumber, visitor: Engineer, parts: PartsOfServer, given: AskedTerms) -> Response:
    try:
        with transaction_of(parts) as session:
            releases.approve(session, parts.settings, visitor.person, version, given.terms(), given.reason)
    except DomainError as refused:
        return _page(visitor, parts, version, refused, given)
    return _done(version, visitor.language.texts.gettext("Your approval counts."))


@router.post(f"{RELEASES}/{{version}}/roll-out")
def roll_out(version: RowNumber, visitor: Engineer, parts: PartsOfServer, given: AskedTerms) -> Response:
    try:
        with transaction_of(parts) as session:
            releases.roll_out(session, visitor.person, version, given.terms(), given.reason)
    except DomainError as refused:
        return _page(visitor, parts, version, refused, given)
    return _done(version, visitor.language.texts.gettext("The rollout has begun."))


@router.post(f"{RELEASES}/{{version}}/withdraw")
def withdraw(version: RowNumber, visitor: Engineer, parts: PartsOfServer, reason: Reason) -> Response:
    try:
        with transaction_of(parts) as session:
            releases.withdraw(session, visitor.person, version, reason.strip())
    except DomainError as refused:
        return _page(visitor, parts, version, refused)
    return _done(version, visitor.language.texts.gettext("The release is withdrawn for good."))


def _done(version: int, said: str) -> Response:
    return pages.redirect(f"{RELEASES}/{version}", said=said)


def _page(
    visitor: Visitor,
    parts: Parts,
    version: int,
    refused: DomainError | None = None,
    given: TermsForm | None = None,
) -> Response:
    with transaction_of(parts) as session:
        release = releases.find(session, version)
        shown = _rows(session, visitor, parts.settings, release)
    card = run_files.read(parts.storage, release_key(version, run_files.MODEL_CARD))
    return pages.render(
        "models/release.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        release=release,
        manifest=ReleaseManifest.model_validate(release.manifest) if release.manifest else None,
        evidence=evidence_view.of_release(visitor.language, parts.storage, release),
        model_card=(card or b"").decode(errors="replace"),
        may_roll_out=release.state in _GIVABLE and release.retired_at is None,
        terms=given or TermsForm(parts.settings.rollout_plan),
        **shown,
        **words.tables(),
    )


def _rows(session: Session, visitor: Visitor, settings: Settings, release: Release) -> dict[str, Any]:
    approved, needed = releases.approvals(session, release.version), settings.approvals_needed
    return {
        "approvals": approved,
        "approvals_needed": needed,
        "approvals_missing": max(0, needed - len(approved)),
        "has_approved": any(name == visitor.person.name for name, _ in approved),
        "signatures": releases.signatures(session, release.version),
        "rollouts": rollouts.of_release(session, release.version),
        "current_on": [each.name for each in channels.every(session) if each.current_version == release.version],
        "channel_names": [each.name for each in channels.every(session)],
        "events": list(reversed(audit_log.history(session, f"release/{release.version}", 30))),
        "lineage": _lineage(session, release),
        "label_names": label_names.of(visitor.language, known_labels.label_set(session)),
    }


def _lineage(session: Session, release: Release) -> Lineage:
    if release.training_run_id is None:
        return Lineage(None, None, None, _children(session, release.version))
    run = training_runs.find(session, release.training_run_id)
    parent = None if run.champion_version is None else session.get(Release, run.champion_version)
    return Lineage(run, snapshots.find(session, run.snapshot_id), parent, _children(session, release.version))


def _children(session: Session, version: int) -> list[int]:
    statement = (
        select(Release.version)
        .join(TrainingRun, col(Release.training_run_id) == col(TrainingRun.id))
        .where(TrainingRun.champion_version == version)
    )
    return list(session.exec(statement.order_by(col(Release.version))).all())
