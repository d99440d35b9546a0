"""The publisher of the small world: what the publish worker does, without the worker."""

from datetime import UTC, datetime

from obstore.store import MemoryStore
from sqlmodel import Session

from backend import desired_updates
from backend.desired_updates import WantedRelease
from backend.releasing.rollouts import Terms
from backend.rollout_plan import RolloutPlan
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import DesiredRelease, DesiredState, Outcome
from mobile_models.updates.update_channel import ChannelPointer
from tests.updates import files

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def terms(plan: str = "5", **changes: object) -> Terms:
    return Terms(RolloutPlan.parse(plan), **changes)  # type: ignore[arg-type]


class Publisher:
    def __init__(self, session: Session, keys: KeyRing) -> None:
        self.session, self.keys, self.store = session, keys, MemoryStore()
        self.staged: dict[int, bytes] = {}

    def publish(self, moment: datetime = MOMENT) -> Outcome:
        wanted = desired_updates.read(self.session)
        releases = tuple(self._release(each) for each in wanted.releases)
        desired = DesiredState(releases, wanted.channels, guides=wanted.guides)
        outcome = repository.reconcile(self.store, self.keys, desired)
        self.staged = {version: awaiting.staged for version, awaiting in outcome.awaiting.items()}
        desired_updates.settle(self.session, outcome, moment)
        self.session.flush()
        return outcome

    def _release(self, wanted: WantedRelease) -> DesiredRelease:
        document, model = files(wanted.version)
        return DesiredRelease(
            wanted.version, document, lambda: model, self.staged.get(wanted.version), wanted.signatures
        )

    @property
    def pointer(self) -> ChannelPointer:
        return self.told("stable")

    def told(self, channel: str) -> ChannelPointer:
        found = repository.pointer(self.store, channel)
        assert found is not None
        return found
