"""The features that a train worker keeps of photos, once a photo may not be learned from any more.

Guarantees: nothing stays of a photo that was withdrawn, that nobody lets models learn from, or that has no row: each
train worker looks before it trains, and the one that sweeps looks every hour.
"""

import logging

from sqlmodel import col, select

from backend.datasets import snapshots
from backend.tables import Photo
from mobile_models.document import Sha256
from training.feature_cache.feature_store import FeatureStore
from workers.workplace import Workplace

log = logging.getLogger(__name__)

AT_ONCE = 500


def forget_withdrawn(place: Workplace) -> None:
    store = FeatureStore(place.settings.resolved_features_dir)
    withdrawn = _withdrawn(place, sorted(store.photos()))
    if withdrawn:
        log.info("forgot %d features of %d withdrawn photos", store.forget(withdrawn), len(withdrawn))


def _withdrawn(place: Workplace, kept: list[Sha256]) -> set[Sha256]:
    """Return those photos of `kept` that nobody has given any more."""
    given: set[str] = set()
    with place.transaction() as session:
        for start in range(0, len(kept), AT_ONCE):
            some = col(Photo.sha256).in_(kept[start : start + AT_ONCE])
            statement = select(Photo.sha256).where(some, *snapshots.may_still_be_learned_from())
            given.update(session.exec(statement))
    return {digest for digest in kept if digest not in given}
