"""Where photos and artefacts lie: a folder or a bucket behind one interface (obstore).

Guarantees: an object is there whole or not at all. A photo lies under a name that follows from its id.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from backend.settings import Settings
from backend.tables import PhotoId

PHOTOS = "photos/"
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


def read(store: ObjectStore, photo_id: PhotoId) -> bytes:
    """Raise `FileNotFoundError` if the photo is not there."""
    return bytes(obstore.get(store, key(photo_id)).bytes())


def delete(store: ObjectStore, photo_id: PhotoId) -> None:
    """Delete the photo if it is there."""
    try:
        obstore.delete(store, key(photo_id))
    except FileNotFoundError:
        return
