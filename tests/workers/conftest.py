"""A workplace on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from backend.database import connect
from backend.releasing.current_model import CurrentModel
from backend.settings import Settings
from tests.tiny_model import release_folder
from tests.workers.world import Bell
from training.dataset import SeenPhotos
from workers.workplace import Workplace, open_workplace


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture(scope="session")
def bundled_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose model has seen no photo that tests make."""
    folder = release_folder(tmp_path_factory.mktemp("bundled") / "1")
    SeenPhotos(train=(), validation=(), holdout=()).write(folder / "dataset.json")
    return folder


@pytest.fixture
def settings(migrated_database_url: str, tmp_path: Path, bundled_release: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=migrated_database_url, bundled_release=bundled_release)


@pytest.fixture
def place(settings: Settings, bell: Bell) -> Iterator[Workplace]:
    engine, storage = connect(settings.resolved_database_url), MemoryStore()
    yield Workplace(settings, engine, bell, storage, MemoryStore(), CurrentModel(engine, storage))
    engine.dispose()


@pytest.fixture(params=["embedded", "production"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, bundled_release: Path) -> Settings:
    """Settings for real worker processes: both files of SQLite, or PostgreSQL and Redis.

    A lease outlasts any wait for a busy processor; where a worker is killed, `world.end_leases` lets the time pass.
    """
    return installation_of(request, tmp_path, bundled_release)


def installation_of(request: pytest.FixtureRequest, tmp_path: Path, bundled_release: Path) -> Settings:
    production = request.param == "production"
    database = request.getfixturevalue("migrated_postgres_url" if production else "migrated_sqlite_url")
    return Settings(
        data_dir=tmp_path,
        database_url=database,
        bundled_release=bundled_release,
        broker_url=request.getfixturevalue("redis_url") if production else "",
        job_lease_seconds=60,
        sweep_seconds=1,
    )


@pytest.fixture
def installed(installation: Settings) -> Iterator[Workplace]:
    """The workplace of the test itself, beside those of the worker processes."""
    place = open_workplace(installation)
    yield place
    place.close()
