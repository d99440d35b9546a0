"""Make the update repository agree with the database.

Guarantees: running it again changes nothing that agrees already; killed anywhere, the repository stays whole and the
next run completes it (`updates.publishing.repository`). It signs with the keys of this host only: a release that
needs more signatures is staged for people to sign, and waits. Near expiry everything that these keys can sign is
signed anew.
"""

import logging
from datetime import timedelta
from functools import partial

import obstore
from sqlmodel import Session

from backend import desired_updates, publisher
from backend.database import now
from backend.desired_updates import WantedRelease
from backend.evidence import field_reports
from backend.releasing import patches, retention
from backend.releasing.patches import ReadyPatch
from backend.releasing.release_files import MANIFEST, MODEL, release_key
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import DesiredPatch, DesiredRelease, DesiredState, Outcome
from workers.claim import Settle, Task, Work
from workers.workplace import Workplace

log = logging.getLogger(__name__)


def _publish(work: Work) -> Settle:
    place = work.place
    with place.transaction() as session:
        retention.retire(session, place.settings, field_reports.releases_in_use(session, now()), now())
        patches.ask_for_wanted(session, now())
    keys = signing_keys.load(place.settings.resolved_keys_dir)
    work.check()
    grace = timedelta(days=place.settings.updates_grace_days)
    outcome = repository.reconcile(place.updates, keys, partial(_desired, place), grace=grace)
    for version, awaiting in outcome.awaiting.items():
        obstore.put(place.storage, publisher.staged_key(version), awaiting.staged)
    for version, reason in outcome.refused.items():
        log.error("release %d cannot be published: %s", version, reason)
    for city, reason in outcome.guides_refused.items():
        log.error("the guide of %s cannot be published: %s", city, reason)

    def settle(session: Session) -> None:
        desired_updates.settle(session, outcome, now())
        lost = [patch.pair for patch in patches.ready(session, now()) if patch.path in outcome.patches_refused]
        patches.make_again(session, lost, now())
        publisher.note_problems(session, _problems(outcome))

    return settle


def _problems(outcome: Outcome) -> list[str]:
    """In words that anybody may read; the log says the rest."""
    return [
        *outcome.warnings,
        *(f"the files of release {version} are not in storage" for version in sorted(outcome.unreadable)),
        *(f"release {version} cannot be published as it is" for version in sorted(outcome.refused)),
        *(f"the guide of {city} cannot be published as it is" for city in sorted(outcome.guides_refused)),
    ]


def _desired(place: Workplace) -> DesiredState:
    """A release that has lost its files holds up nothing: neither other releases nor that one is taken back."""
    with place.transaction() as session:
        wanted = desired_updates.read(session)
        ready = patches.ready(session, now())
    found: list[DesiredRelease] = []
    unreadable: set[int] = set()
    for release in wanted.releases:
        try:
            found.append(_desired_release(place, release))
        except FileNotFoundError:
            log.warning("the files of release %d are not in storage", release.version)
            unreadable.add(release.version)
    made = tuple(_desired_patch(place, patch) for patch in ready)
    return DesiredState(tuple(found), wanted.channels, frozenset(unreadable), made, wanted.guides)


def _desired_release(place: Workplace, release: WantedRelease) -> DesiredRelease:
    """Raise `FileNotFoundError` if manifest or model are not in storage."""

    def read(file: str) -> bytes:
        return bytes(obstore.get(place.storage, release_key(release.version, file)).bytes())

    obstore.head(place.storage, release_key(release.version, MODEL))
    return DesiredRelease(
        version=release.version,
        manifest=read(MANIFEST),
        read_model=lambda: read(MODEL),
        staged=_staged(place, release.version),
        signatures=release.signatures,
    )


def _desired_patch(place: Workplace, patch: ReadyPatch) -> DesiredPatch:
    def read() -> bytes:
        return bytes(obstore.get(place.storage, patch.pair.key).bytes())

    return DesiredPatch(patch.path, patch.size_bytes, patch.sha256, read)


def _staged(place: Workplace, version: int) -> bytes | None:
    try:
        return bytes(obstore.get(place.storage, publisher.staged_key(version)).bytes())
    except FileNotFoundError:
        return None


def _give_up(session: Session, _: str, reason: str) -> None:
    """No release is failed for it: they stay approved, and the hourly look at the repository tries again."""
    log.error("the update repository could not be brought up to date: %s", reason)
    publisher.note_problems(session, ["the update repository could not be brought up to date; see the publisher's log"])


PUBLISH = Task(act=_publish, give_up=_give_up)
