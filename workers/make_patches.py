"""Make a patch between two releases, so that phones which have the one get the other in fewer bytes.

Guarantees: a patch that is published was applied here first, and gave the model that its release names. Models beyond
`LARGEST_BYTES` are left alone, so that memory and time stay bounded. No release and no rollout waits for a patch: one
that cannot be made, or saves too little, is left out.
"""

import logging
import tempfile
from datetime import timedelta
from pathlib import Path

import obstore
from sqlmodel import Session

from backend.database import now
from backend.releasing import patches as pairs
from backend.releasing.patches import Made, Pair
from backend.releasing.release_files import MODEL, release_key
from backend.tables import Patch, PatchState, Release
from mobile_models.document import Sha256, sha256
from mobile_models.manifest import ModelFile, ReleaseManifest
from mobile_models.updates import patches
from workers.claim import CannotBeDone, Settle, Task, Work
from workers.workplace import Workplace

log = logging.getLogger(__name__)

LARGEST_BYTES = 64 * 1024 * 1024
"""Of a model. Two of them fit into the window in which a patch may refer back."""
WORTH_IT = 0.9
"""A patch larger than this share of the whole model is not worth a phone's second file and second check."""
KEPT_FOR = timedelta(days=7)


def _make(work: Work) -> Settle:
    pair = pairs.pair_of(work.subject)
    with work.place.transaction() as session:
        row = session.get(Patch, pair)
        if row is None or row.state != PatchState.REQUESTED:
            return _nothing_to_do
        named = [_named(session, version) for version in pair]
    old, new = (_model(work.place, version, model) for version, model in zip(pair, named, strict=True))
    patch = patches.make(old, new)
    work.check()
    if patch is None or len(patch) > WORTH_IT * len(new):
        return lambda session: pairs.settle_not_smaller(session, pair, now())
    _try(old, patch, sha256(new))
    obstore.put(work.place.storage, pair.key, patch)
    made = Made(patches.read_header(patch).method.name.lower(), len(patch), sha256(patch))
    log.info("patch %s has %.1f %% of the whole", pair.subject, 100 * len(patch) / len(new))
    return lambda session: pairs.settle_made(session, pair, made, now())


def _nothing_to_do(_: Session) -> None:
    """It was made before, or nobody wants it any more."""


def _named(session: Session, version: int) -> ModelFile:
    return ReleaseManifest.model_validate(session.get_one(Release, version).manifest).model


def _model(place: Workplace, version: int, named: ModelFile) -> bytes:
    """Raise `CannotBeDone` unless the model in storage is the one that its release names, and not too large."""
    if named.size_bytes > LARGEST_BYTES:
        raise CannotBeDone(f"The model of release {version} has {named.size_bytes} bytes; phones take it whole.")
    try:
        content = bytes(obstore.get(place.storage, release_key(version, MODEL)).bytes())
    except FileNotFoundError as error:
        raise CannotBeDone(f"The model of release {version} is not in storage.") from error
    if sha256(content) != named.sha256:
        raise CannotBeDone(f"The stored model of release {version} is not the one that its manifest names.")
    return content


def _try(old: bytes, patch: bytes, wanted: Sha256) -> None:
    """Do what a phone will do. Raise `PatchProblem` if it would not get the model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old").write_bytes(old)
        (folder / "patch").write_bytes(patch)
        patches.apply(folder / "old", folder / "patch", folder / "new", LARGEST_BYTES)
        if sha256((folder / "new").read_bytes()) != wanted:
            raise patches.PatchProblem("the patch leads to another model")


def forget_unwanted(place: Workplace) -> None:
    """Delete patches that nobody has wanted for a while; phones in the middle of one have it from the repository."""
    moment = now()
    with place.transaction() as session:
        unwanted = pairs.long_unwanted(session, moment - KEPT_FOR, moment)
    for pair in unwanted:
        _delete(place, pair)
        with place.transaction() as session:
            pairs.forget(session, pair)


def _delete(place: Workplace, pair: Pair) -> None:
    try:
        obstore.delete(place.storage, pair.key)
    except FileNotFoundError:
        log.debug("patch %s had no file", pair.subject)


def _give_up(session: Session, subject: str, reason: str) -> None:
    pairs.settle_failed(session, pairs.pair_of(subject), reason, now())


MAKE_PATCH = Task(act=_make, give_up=_give_up)
