"""Where photos and artefacts lie: a folder or a bucket behind one interface (obstore).

Guarantees: an object is there whole or not at all. A photo lies under a name that follows from its id; what was made of
it (where a model looked) goes when the photo is changed or deleted.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from backend.settings import Settings
from backend.tables import PhotoId

PHOTOS, OVERLAYS = "photos/", "overlays/"
_CONNECT_TIMEOUT, _TIMEOUT = timedelta(seconds=5), timedelta(seconds=60)


def open_store(settings: Settings, url: str) -> ObjectStore:
    """Open `file:///folder` (made if need be), `s3://bucket/prefix` or `memory://`; raise `ValueError` for others."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True, automatic_cleanup=True)
    if parts.scheme == "memory":
        return MemoryStore()
    if parts.scheme == "s3":
        return _open_bucket(settings, parts.netloc, parts.path.strip("/"))
    raise ValueError(f"unknown storage {url!r}; use file:///folder, s3://bucket/prefix or memory://")


def _open_bucket(settings: Settings, bucket: str, prefix: str) -> S3Store:
    """Without keys in the settings, those of the environment or of the machine's role are used."""
    keys = {
        "access_key_id": settings.s3_access_key_id,
        "secret_access_key": settings.s3_secret_access_key,
        "endpoint": settings.s3_endpoint,
    }
    return S3Store(
        bucket,
        prefix=prefix or None,
        region=settings.s3_region,
        client_options={
            "connect_timeout": _CONNECT_TIMEOUT,
            "timeout": _TIMEOUT,
            "allow_http": settings.s3_endpoint.startswith("http://"),
        },
        **{name: value for name, value in keys.items() if value},  # type: ignore[arg-type]
    )


def key(photo_id: PhotoId) -> str:
    return f"{PHOTOS}{photo_id}.jpg"


def put(store: ObjectStore, photo_id: PhotoId, content: bytes) -> None:
    obstore.put(store, key(photo_id), content)
    _delete(store, overlay_key(photo_id))


def read(store: ObjectStore, photo_id: PhotoId) -> bytes:
    """Raise `FileNotFoundError` if the photo is not there."""
    return bytes(obstore.get(store, key(photo_id)).bytes())


def delete(store: ObjectStore, photo_id: PhotoId) -> None:
    """Delete the photo if it is there."""
    _delete(store, overlay_key(photo_id))
    _delete(store, key(photo_id))


def overlay_key(photo_id: PhotoId) -> str:
    return f"{OVERLAYS}{photo_id}.jpg"


def put_overlay(store: ObjectStore, photo_id: PhotoId, content: bytes) -> None:
    """Keep where a model looked. The caller has locked the row of the photo and found it unchanged."""
    obstore.put(store, overlay_key(photo_id), content)


def read_overlay(store: ObjectStore, photo_id: PhotoId) -> bytes:
    """Raise `FileNotFoundError` if there is none."""
    return bytes(obstore.get(store, overlay_key(photo_id)).bytes())


def _delete(store: ObjectStore, name: str) -> None:
    try:
        obstore.delete(store, name)
    except FileNotFoundError:
        return
