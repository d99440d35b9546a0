"""A small world: a real server on a real database made by the real migrations, with people in front of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session

from backend.api.dependencies import Parts
from backend.database import connect, transaction
from backend.intake import photo_store
from backend.settings import Settings
from tests.backend.world import Resident, publish_release, register, running


@pytest.fixture
def settings(migrated_database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", database_url=migrated_database_url)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings.resolved_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A transaction that is committed at the end of the test, for tests of domain modules."""
    with transaction(engine) as session:
        yield session


@pytest.fixture
def storage(settings: Settings) -> ObjectStore:
    return photo_store.open_store(settings, settings.resolved_storage_url)


@pytest.fixture
def server(settings: Settings) -> Iterator[tuple[httpx.Client, Parts]]:
    with running(settings) as started:
        yield started


@pytest.fixture
def client(server: tuple[httpx.Client, Parts]) -> httpx.Client:
    return server[0]


@pytest.fixture
def parts(server: tuple[httpx.Client, Parts]) -> Parts:
    return server[1]


@pytest.fixture
def resident(client: httpx.Client) -> Resident:
    return register(client)


@pytest.fixture
def neighbour(client: httpx.Client) -> Resident:
    """Another resident with another phone."""
    return register(client)


@pytest.fixture
def release(engine: Engine, storage: ObjectStore, tmp_path: Path) -> Path:
    """Release 1, published to everybody."""
    return publish_release(engine, storage, tmp_path / "releases", 1)


@pytest.fixture(scope="session")
def bucket_settings() -> Iterator[dict[str, str]]:
    """Settings for a bucket of a real HTTP server that speaks S3 (moto)."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    httpx.put(f"{address}/wastelens", timeout=60).raise_for_status()
    yield {
        "storage_url": "s3://wastelens/storage",
        "updates_url": "s3://wastelens/updates",
        "s3_endpoint": address,
        "s3_access_key_id": "test",
        "s3_secret_access_key": "test",
    }
    server.stop()
