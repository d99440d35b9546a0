"""Make the update repository agree with the database.

Guarantees: running it again changes nothing that agrees already; killed anywhere, the repository stays whole and the
next run completes it (`mobile_models.repository`). It signs with the keys of this host only: a release that needs more
signatures is staged for people to sign, and waits. Near expiry everything that these keys can sign is signed anew.
"""

import logging

import obstore
from sqlmodel import Session

from backend import releases
from backend.current_model import release_key
from backend.releases import WantedRelease
from mobile_models import repository, signing_keys
from mobile_models.repository import DesiredRelease, DesiredState
from workers.claim import Settle, Task, Work
from workers.workplace import Workplace

log = logging.getLogger(__name__)


def _publish(work: Work) -> Settle:
    place = work.place
    with place.transaction() as session:
        wanted = releases.desired_state(session)
    keys = signing_keys.load(place.settings.resolved_keys_dir)
    desired = DesiredState(tuple(_desired(place, release) for release in wanted.releases), wanted.channels)
    work.check()
    outcome = repository.reconcile(place.updates, keys, desired)
    for version, awaiting in outcome.awaiting.items():
        obstore.put(place.storage, releases.staged_key(version), awaiting.staged)
    for warning in outcome.warnings:
        log.warning("update repository: %s", warning)
    for version, reason in outcome.refused.items():
        log.error("release %d cannot be published: %s", version, reason)
    return lambda session: releases.settle_published(session, outcome)


def _desired(place: Workplace, release: WantedRelease) -> DesiredRelease:
    def read(file: str) -> bytes:
        return bytes(obstore.get(place.storage, release_key(release.version, file)).bytes())

    return DesiredRelease(
        version=release.version,
        manifest=read("manifest.json"),
        read_model=lambda: read("model.tflite"),
        staged=_staged(place, release.version),
        signatures=release.signatures,
    )


def _staged(place: Workplace, version: int) -> bytes | None:
    try:
        return bytes(obstore.get(place.storage, releases.staged_key(version)).bytes())
    except FileNotFoundError:
        return None


def _give_up(_: Session, __: str, reason: str) -> None:
    """No release is failed for it: they stay approved, and the hourly look at the repository tries again."""
    log.error("the update repository could not be brought up to date: %s", reason)


PUBLISH = Task(act=_publish, give_up=_give_up)
