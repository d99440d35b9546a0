"""One interface to a folder and a bucket."""

from pathlib import Path

import pytest
from obstore.store import MemoryStore, ObjectStore

from backend.intake import photo_store
from backend.settings import Settings
from backend.tables import PhotoId


@pytest.fixture(params=["folder", "bucket", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    changes = {"memory": {"storage_url": "memory://"}, "folder": {}}.get(request.param)
    changes = request.getfixturevalue("bucket_settings") if changes is None else changes
    settings = Settings(data_dir=tmp_path / "a folder with spaces", **changes)
    return photo_store.open_store(settings, settings.resolved_storage_url)


def test_a_photo_is_put_read_and_deleted(store: ObjectStore) -> None:
    photo_id = PhotoId("7a3f")
    photo_store.put(store, photo_id, b"first")
    photo_store.put(store, photo_id, b"second")
    assert photo_store.read(store, photo_id) == b"second"
    for _ in range(2):
        photo_store.delete(store, photo_id)
    with pytest.raises(FileNotFoundError):
        photo_store.read(store, photo_id)


def test_an_unknown_storage_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        photo_store.open_store(Settings(data_dir=tmp_path), "ftp://example.org/photos")


def test_memory_is_a_store_of_its_own_each_time(tmp_path: Path) -> None:
    assert isinstance(photo_store.open_store(Settings(data_dir=tmp_path), "memory://"), MemoryStore)
