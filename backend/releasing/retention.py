"""Retention: which releases phones can still be sent to.

Guarantees: what a channel points to, what a rollout under way brings, what phones would go back to, and what enough
phones still run is always kept. A release that is retired leaves the list of signed models when that is signed next,
and never comes back; the phones that run it go on with it until they follow their channel.
"""

from collections.abc import Collection, Mapping, Set
from datetime import datetime

from sqlmodel import Session, col, select

from backend import publisher
from backend.records import audit_log
from backend.releasing import channels
from backend.settings import Settings
from backend.tables import OPEN_ROLLOUT, Release, ReleaseState, Rollout, RolloutState


def kept(
    published: Collection[int], pinned: Set[int], in_use: Mapping[int, float], newest: int, used_by_fraction: float
) -> frozenset[int]:
    """Return which of the published releases stay: the newest, the pinned, and those that many phones run."""
    used = {version for version, share in in_use.items() if share > used_by_fraction}
    return frozenset(published) & (set(sorted(published)[-newest:]) | pinned | used)


def retire(session: Session, settings: Settings, in_use: Mapping[int, float], moment: datetime) -> None:
    """Retire what is not kept any more, given the share of phones that run each release; the publisher asks first."""
    channels.lock(session)
    statement = select(Release).where(Release.state == ReleaseState.PUBLISHED, col(Release.retired_at).is_(None))
    published = {release.version: release for release in session.exec(statement).all()}
    staying = kept(
        published,
        _pinned(session),
        in_use,
        settings.releases_kept,
        settings.kept_while_used_by_percent / 100,
    )
    for version in sorted(published.keys() - staying):
        published[version].retired_at = moment
        session.add(published[version])
        audit_log.record(session, publisher.NAME, "release.retired", f"release/{version}")


def _pinned(session: Session) -> set[int]:
    """What channels point to, what is under way, and what both would go back to."""
    found = {channel.current_version for channel in channels.every(session)}
    for rollout in session.exec(select(Rollout)).all():
        is_current = rollout.state == RolloutState.COMPLETED and rollout.version in found
        if is_current or rollout.state in OPEN_ROLLOUT:
            found |= {rollout.version, rollout.came_from}
    return {version for version in found if version is not None}
