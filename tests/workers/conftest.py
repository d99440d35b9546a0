"""A workplace on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from backend.current_model import CurrentModel
from backend.database import connect
from backend.settings import Settings
from tests.workers.world import Bell
from workers.workplace import Workplace


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def settings(migrated_database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=migrated_database_url, job_lease_seconds=0.9)


@pytest.fixture
def place(settings: Settings, bell: Bell) -> Iterator[Workplace]:
    engine, storage = connect(settings.resolved_database_url), MemoryStore()
    yield Workplace(settings, engine, bell, storage, MemoryStore(), CurrentModel(engine, storage))
    engine.dispose()
