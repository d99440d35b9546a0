"""Small worlds for workers: photos that came in, releases that are out, and a doorbell that remembers."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import obstore
from PIL import Image

from backend import photo_store
from backend.current_model import release_key
from backend.tables import (
    Device,
    JobKind,
    Opinionated,
    Photo,
    PhotoId,
    PhotoSource,
    Prediction,
    Release,
    ReleaseState,
)
from mobile_models import photo as photos
from mobile_models.document import sha256
from tests.tiny_model import release_folder
from workers.workplace import Workplace


@dataclass
class Bell:
    """A doorbell that only remembers."""

    rung: list[tuple[JobKind, int]] = field(default_factory=list)

    def __call__(self, kind: JobKind, job_id: int) -> None:
        self.rung.append((kind, job_id))


def publish_release(place: Workplace, folder: Path, version: int = 1) -> None:
    """A release that everybody has, as far as the database and the storage are concerned."""
    release_folder(folder, version)
    for file in folder.iterdir():
        obstore.put(place.storage, release_key(version, file.name), file.read_bytes())
    with place.transaction() as session:
        session.add(
            Release(version=version, state=ReleaseState.PUBLISHED, manifest={}, blessing={}, rollout_percent=100)
        )


def receive(place: Workplace, picture: Image.Image, predicted: str | None = None, **columns: object) -> PhotoId:
    """A resident's photo that has just come in, with the opinion of the phone."""
    photo_id, content = PhotoId(str(uuid.uuid4())), photos.encode(picture)
    photo_store.put(place.storage, photo_id, content)
    values = {
        "source": PhotoSource.SUBMISSION,
        "fingerprint": photo_id,
        "sha256": sha256(content),
        "origin_sha256": photo_id,
        "width": picture.width,
        "height": picture.height,
        "size_bytes": len(content),
        "group_id": photo_id,
        "allow_review": True,
        "allow_training": True,
    }
    with place.transaction() as session:
        device = Device(token_sha256=photo_id)
        session.add(device)
        session.flush()
        session.add(Photo(id=photo_id, **{"device_id": device.id, **values, **columns}))
        session.flush()
        if predicted is not None:
            session.add(
                Prediction(
                    photo_id=photo_id,
                    made_by=Opinionated.PHONE,
                    release_version=1,
                    label=predicted,
                    scores={predicted: 0.9},
                )
            )
    return photo_id
