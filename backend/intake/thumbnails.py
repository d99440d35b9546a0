"""Small pictures of photos, for lists.

Guarantees: one is made when it is first looked at and kept beside the photo, under a name that follows from the
photo's bytes: another picture never stands under it. `forget` leaves none of a photo in storage. The newest ones stay
in memory, a few megabytes at most.
"""

import threading
from collections import OrderedDict

import obstore
from obstore.store import ObjectStore

from backend.errors import NotFound
from backend.intake import photo_store
from backend.tables import PhotoId
from mobile_models import photo as photos
from mobile_models.document import sha256

EDGE_PIXELS = 320
FOLDER = "thumbnails/"
_QUALITY = 80
_IN_MEMORY = 300


class Thumbnails:
    """Those of one server process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: OrderedDict[str, bytes] = OrderedDict()

    def of(self, store: ObjectStore, photo_id: PhotoId, digest: str) -> bytes:
        """Return the JPEG of a photo whose stored bytes have this digest; raise `NotFound` if those are gone."""
        key = f"{_folder(photo_id)}{digest[:32]}.jpg"
        with self._lock:
            if key in self._newest:
                self._newest.move_to_end(key)
                return self._newest[key]
        content = _stored(store, key) or _made(store, key, photo_id, digest)
        with self._lock:
            self._newest[key] = content
            while len(self._newest) > _IN_MEMORY:
                self._newest.popitem(last=False)
        return content


def original(store: ObjectStore, photo_id: PhotoId) -> bytes:
    """Return the stored photo; raise `NotFound` if it is gone."""
    try:
        return photo_store.read(store, photo_id)
    except FileNotFoundError:
        raise NotFound("The photo was withdrawn a moment ago.") from None


def forget(store: ObjectStore, photo_id: PhotoId) -> None:
    for listed in obstore.list(store, _folder(photo_id)):
        obstore.delete(store, [found["path"] for found in listed])


def _stored(store: ObjectStore, key: str) -> bytes | None:
    try:
        return bytes(obstore.get(store, key).bytes())
    except FileNotFoundError:
        return None


def _made(store: ObjectStore, key: str, photo_id: PhotoId, digest: str) -> bytes:
    """The stored file is one that our own sandbox wrote, which its digest proves; so it is decoded right here."""
    content = _unchanged(store, photo_id, digest)
    made = photos.encode(photos.decode(content, longest_edge=EDGE_PIXELS), _QUALITY)
    obstore.put(store, key, made)
    try:  # Whoever takes the photo away does that first, and then forgets what lies here by then.
        _unchanged(store, photo_id, digest)
    except NotFound:
        forget(store, photo_id)
        raise
    return made


def _unchanged(store: ObjectStore, photo_id: PhotoId, digest: str) -> bytes:
    content = original(store, photo_id)
    if sha256(content) != digest:
        raise NotFound("The photo is being changed. Look again.")
    return content


def _folder(photo_id: PhotoId) -> str:
    return f"{FOLDER}{photo_id}/"
