"""What phones should be given, and what the publisher reached of it.

Guarantees: what is desired follows from the rows alone (`read`); the publisher makes it true. Settling changes only
what still waited when the publisher ended: a rollout that was halted meanwhile stays halted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from backend import publisher
from backend.guides import guidance
from backend.releasing import channels, release_history, releases, rollouts
from backend.tables import Release, ReleaseState
from mobile_models.updates.publishing.repository import Outcome, StagedSignature
from mobile_models.updates.update_channel import ChannelPointer

SIGNABLE = (ReleaseState.APPROVED, ReleaseState.AWAITING_SIGNATURES)


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
    guides: dict[str, bytes]
    """By city."""


def read(session: Session) -> Desired:
    """Return what phones may be given, and what the channels should say once it can be got."""
    wanted = tuple(
        WantedRelease(row.version, releases.signatures(session, row.version))
        for row in _releases(session)
        if row.state in SIGNABLE or rollouts.is_kept(row)
    )
    return Desired(wanted, channels.pointers(session), guidance.wanted(session))


def settle(session: Session, outcome: Outcome, moment: datetime) -> None:
    """Write down what the publisher reached. A release that was published stays so, whatever waits to be signed.

    A rollout that is completed by it tells its phones nothing new; a channel that follows another one may move.
    """
    channels.lock(session)
    told = channels.pointers(session)
    for release in _releases(session):
        if release.state not in SIGNABLE:
            continue
        if release.version in outcome.available:
            releases.settle_available(session, publisher.NAME, release, moment)
        elif release.version in outcome.awaiting and release.state == ReleaseState.APPROVED:
            missing = outcome.awaiting[release.version].missing
            releases.settle_awaiting(session, publisher.NAME, release, missing)
        elif release.version in outcome.refused:
            releases.settle_refused(session, publisher.NAME, release, outcome.refused[release.version])
    rollouts.reached(session, publisher.NAME, outcome.available, moment=moment)
    release_history.record_published(session, outcome, moment)
    guidance.settle(session, outcome.guides, moment)
    if channels.pointers(session) != told:
        publisher.ask(session)


def _releases(session: Session) -> Sequence[Release]:
    return session.exec(select(Release).order_by(col(Release.version))).all()
