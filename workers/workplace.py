"""Where a worker works: settings, database, doorbell and storage of one process.

Guarantees: built once per process and passed on; a transaction opened here rings the doorbell after its commit.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session

from backend import database
from backend.doorbell import BackgroundDoorbell
from backend.intake import photo_store
from backend.job_queue import Doorbell
from backend.releasing.current_model import CurrentModel
from backend.settings import Settings


@dataclass(frozen=True)
class Workplace:
    settings: Settings
    engine: Engine
    doorbell: Doorbell
    storage: ObjectStore
    updates: ObjectStore
    model: CurrentModel
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when this process is told to end: long work gives its job back."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with database.transaction(self.engine) as session:
            session.info["doorbell"] = self.doorbell
            yield session

    def close(self) -> None:
        if isinstance(self.doorbell, BackgroundDoorbell):
            self.doorbell.close()
        self.engine.dispose()


def open_workplace(settings: Settings, stopping: threading.Event | None = None) -> Workplace:
    engine = database.connect(settings.resolved_database_url)
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    return Workplace(
        settings=settings,
        engine=engine,
        doorbell=BackgroundDoorbell(settings),
        storage=storage,
        updates=photo_store.open_store(settings, settings.resolved_updates_url),
        model=CurrentModel(engine, storage),
        stopping=stopping or threading.Event(),
    )
