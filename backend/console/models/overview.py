"""`/console/models`: which model is on the phones, what is on its way, and what waits for a person."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from sqlmodel import Session

from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import pages
from backend.console.models import words
from backend.console.visitor import Engineer
from backend.database import now
from backend.evidence import field_reports
from backend.releasing import channels, releases, rollouts
from backend.runs import training_runs
from backend.tables import Release, ReleaseChannel, ReleaseState, Rollout, RolloutState

router = APIRouter(include_in_schema=False)
MODELS = "/console/models"
_SHOWN_RUNS = 12
_WAITING = (ReleaseState.PROPOSED, ReleaseState.AWAITING_SIGNATURES)


@dataclass(frozen=True)
class ChannelCard:
    channel: ReleaseChannel
    rollout: Rollout | None
    halted: Rollout | None
    """The newest one, where that was halted and nothing has followed."""


@dataclass(frozen=True)
class ReleaseRow:
    release: Release
    accuracy: float
    photos: int
    approvals: int
    share: float
    """Of the phones, in the last weeks."""


@router.get(MODELS)
def overview(visitor: Engineer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        in_use = field_reports.releases_in_use(session, now())
        rows = [_row(session, release, in_use.get(release.version, 0)) for release in releases.newest(session)]
        shown: dict[str, Any] = {
            "channels": [_card(session, channel) for channel in reversed(channels.every(session))],
            "waiting": [row for row in rows if row.release.state in _WAITING],
            "releases": rows,
            "runs": training_runs.newest(session, _SHOWN_RUNS),
            "approvals_needed": parts.settings.approvals_needed,
        }
    return pages.render("models/overview.html", visitor, parts.settings, **(shown | words.tables()))


def _card(session: Session, channel: ReleaseChannel) -> ChannelCard:
    last = next((each for each in rollouts.newest(session) if each.channel == channel.name), None)
    halted = last if last is not None and last.state == RolloutState.HALTED else None
    return ChannelCard(channel, channels.open_rollout(session, channel.name), halted)


def _row(session: Session, release: Release, share: float) -> ReleaseRow:
    summary = release.manifest.get("evaluation", {})
    approved = len(releases.approvals(session, release.version))
    return ReleaseRow(release, summary.get("accuracy", 0.0), summary.get("holdout_photos", 0), approved, share)
