"""The people and things of the small world in which the backend is tested."""

import asyncio
import functools
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import obstore
import uvicorn
from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.intake import photo_store
from backend.intake.photo_sandbox import PhotoSandbox
from backend.releasing import channels
from backend.releasing.release_files import release_key
from backend.server import configuration
from backend.settings import Settings
from backend.tables import Photo, PhotoId, Release, ReleaseState
from mobile_models.photo import PhotoLimits
from tests import pictures, tiny_model
from tests.waiting import PATIENCE_SECONDS

_MOMENT_SECONDS = 0.005
_TLS = ssl.create_default_context()
"""Nobody speaks TLS here; httpx would read a hundred authorities for each client."""


class PromptServer(uvicorn.Server):
    """As production's, but it ends at once: uvicorn takes two looks for that, a tenth of a second apart."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(_MOMENT_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(self.config.timeout_graceful_shutdown):
            while self.server_state.connections or self.server_state.tasks:
                await asyncio.sleep(_MOMENT_SECONDS)
        await self.lifespan.shutdown()


class KeptSandbox(PhotoSandbox):
    """Stays open from test to test: its helper takes longer to start than most tests take."""

    def close(self) -> None:
        """The helper ends with this process."""


@functools.cache
def kept_sandbox(limits: PhotoLimits, longest_edge: int) -> KeptSandbox:
    return KeptSandbox(limits, longest_edge)


@contextmanager
def running(settings: Settings, **changes: Any) -> Iterator[tuple[httpx.Client, Parts]]:
    """A real server on this machine, on a free port unless `changes` name one."""
    config = configuration(settings, **({"port": 0, "host": "127.0.0.1"} | changes))
    parts: Parts = config.app.state.parts  # type: ignore[union-attr]  # It is our own application.
    sandbox = kept_sandbox(parts.sandbox._limits, parts.sandbox._longest_edge)
    config.app.state.parts = parts = replace(parts, sandbox=sandbox)  # type: ignore[union-attr]
    server = PromptServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(_MOMENT_SECONDS)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS, verify=_TLS) as client:
            yield client, parts
    finally:
        server.should_exit = True
        thread.join(30)


@dataclass(frozen=True)
class Resident:
    """A phone with its owner."""

    client: httpx.Client
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, headers=self.headers | options.pop("headers", {}), **options)

    def submit(
        self, photo: bytes | None = None, photo_id: str | None = None, file_name: str = "photo.jpg", **changes: Any
    ) -> httpx.Response:
        """Send a photo of glass that the phone of release 1 took for metal; `changes` to the submission."""
        form = {"submission": json.dumps(submission(**changes))}
        files = {"photo": (file_name, pictures.jpeg("glass") if photo is None else photo)}
        return self.ask("PUT", f"/v1/submissions/{photo_id or uuid.uuid4()}", data=form, files=files)


def submission(**changes: Any) -> dict[str, Any]:
    return {
        "prediction": {"label": "metal", "scores": {"metal": 0.6, "glass": 0.4}, "release": 1},
        "correction": None,
        "captured_on": None,
        "place": None,
        "allow_review": True,
        "allow_training": True,
    } | changes


def register(client: httpx.Client) -> Resident:
    answer = client.post("/v1/devices")
    assert answer.status_code == 201
    return Resident(client, answer.json()["token"])


def publish_release(engine: Engine, storage: ObjectStore, folder: Path, version: int, **options: Any) -> Path:
    """Make a tiny release, put it into storage, and say that everybody has it."""
    release = tiny_model.release_folder(folder / str(version), version, **options)
    for file in release.iterdir():
        obstore.put(storage, release_key(version, file.name), file.read_bytes())
    with transaction(engine) as session:
        session.add(
            Release(
                version=version,
                state=ReleaseState.PUBLISHED,
                manifest=json.loads((release / "manifest.json").read_text()),
                blessing=json.loads((release / "blessing.json").read_text()),
            )
        )
        session.flush()
        make_current(session, version)
    return release


def make_current(session: Session, version: int) -> None:
    """Say that everybody has this release."""
    for channel in channels.every(session):
        channel.current_version = version
        session.add(channel)
    session.flush()


def photo_rows(parts: Parts) -> list[Photo]:
    with transaction(parts.engine) as session:
        return list(session.exec(select(Photo).order_by(col(Photo.id))).all())


def stored_photos(storage: ObjectStore) -> list[str]:
    """Ids of the photos whose bytes are stored, in order."""
    objects = [meta["path"] for batch in obstore.list(storage, photo_store.PHOTOS) for meta in batch]
    return sorted(path.removeprefix(photo_store.PHOTOS).removesuffix(".jpg") for path in objects)


def stored_photo(storage: ObjectStore, photo_id: str) -> bytes:
    return photo_store.read(storage, PhotoId(photo_id))
