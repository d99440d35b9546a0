"""Show reviewers where the current model looked: Grad-CAM of the checkpoint that it was made from.

Guarantees: an overlay is of the photo as it is stored now, or there is none. Where Keras is not installed, or the
release came without its checkpoint, nothing happens: reviewers then have no such button. Keras is loaded by the first
photo that needs it; one network is kept.
"""

import importlib.util
import io
import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from sqlmodel import Session

from backend.errors import Unavailable
from backend.intake import photo_store
from backend.releasing.current_model import current_version
from backend.tables import Photo, PhotoId, PhotoState
from mobile_models import photo as photos
from mobile_models.classifier import Classifier
from mobile_models.document import sha256
from mobile_models.manifest import ReleaseManifest
from workers import artefacts
from workers.claim import Settle, Task, Work

if TYPE_CHECKING:
    from training.reporting.explain import GradCam

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.keras"
_QUALITY = 85


def _explain(work: Work) -> Settle:
    photo_id = PhotoId(work.subject)
    with work.place.transaction() as session:
        photo = session.get(Photo, photo_id)
        wanted = photo.sha256 if photo is not None and photo.state == PhotoState.INSPECTED else None
        version = current_version(session)
    if wanted is None or version is None or not has_keras():
        return _nothing_to_do
    checkpoint = artefacts.fetch_release(work.place, version) / CHECKPOINT
    content = _read(work, photo_id)
    if not checkpoint.is_file() or content is None or sha256(content) != wanted:
        return _nothing_to_do
    overlay = _overlay(_classifier(work), checkpoint, content)
    return lambda session: _settle(session, work, photo_id, wanted, overlay)


def has_keras() -> bool:
    return importlib.util.find_spec("keras") is not None


def _nothing_to_do(_: Session) -> None:
    """It was withdrawn or changed, or nothing here can look into the model."""


def _read(work: Work, photo_id: PhotoId) -> bytes | None:
    try:
        return photo_store.read(work.place.storage, photo_id)
    except FileNotFoundError:
        return None


def _classifier(work: Work) -> Classifier | None:
    try:
        return work.place.model.classifier()
    except Unavailable:
        return None


def _overlay(classifier: Classifier | None, checkpoint: Path, content: bytes) -> bytes | None:
    """Return a JPEG of what the network was fed, with what spoke for the label that the model found most likely."""
    from training.reporting.explain import NoHeatMap, overlay  # noqa: PLC0415  # Keras takes its time.

    if classifier is None:
        return None
    image = photos.decode(content)
    label = classifier.manifest.label_set.index(classifier.classify_image(image).best_label)
    prepared = ReleaseManifest.read(checkpoint.with_name("manifest.json")).input_spec.prepare(image)[0]
    try:
        heat = _camera(checkpoint).heat(prepared, label)
    except NoHeatMap as error:
        log.info("No overlay: %s", error)
        return None
    written = io.BytesIO()
    Image.fromarray(overlay(prepared, heat)).save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


@lru_cache(1)
def _camera(checkpoint: Path) -> "GradCam":
    from training.reporting.explain import GradCam  # noqa: PLC0415

    return GradCam(checkpoint)


def _settle(session: Session, work: Work, photo_id: PhotoId, wanted: str, overlay: bytes | None) -> None:
    photo = session.get_one(Photo, photo_id, with_for_update=True, populate_existing=True)
    if overlay is not None and photo.state == PhotoState.INSPECTED and photo.sha256 == wanted:
        photo_store.put_overlay(work.place.storage, photo_id, overlay)


def _give_up(_: Session, photo_id: str, reason: str) -> None:
    log.warning("No overlay for photo %s: %s", photo_id, reason)


EXPLAIN_PHOTO = Task(act=_explain, give_up=_give_up)
