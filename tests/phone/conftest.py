"""Phones, the city's signed updates, and its server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import DesiredState
from phone.client import Phone, UpdateState
from tests import tiny_model, updates
from tests.updates import StaticServer, desired

NOW = datetime.now(UTC)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release 1, as it comes with the app."""
    folder = tmp_path_factory.mktemp("bundled")
    manifest, model = updates.files(1)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "model.tflite").write_bytes(model)
    assert tiny_model.tiny(model).embedding_length == tiny_model.EMBEDDING_LENGTH
    return folder


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[StaticServer]:
    with updates.serving(tmp_path / "web") as server:
        yield server


class City:
    def __init__(self, web: StaticServer, keys: KeyRing) -> None:
        self.folder = web.folder / "updates"
        self.store = LocalStore(self.folder, mkdir=True)
        self.web, self.keys = web, keys

    def publish(self, state: DesiredState, moment: datetime = NOW) -> None:
        outcome = repository.reconcile(self.store, self.keys, state, moment=moment)
        assert not outcome.refused and not outcome.awaiting

    def newest_files(self) -> list[Path]:
        """The files of the repository, newest first."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True)


@pytest.fixture
def city(web: StaticServer, keys: KeyRing) -> City:
    return City(web, keys)


MakePhone = Callable[..., Phone]


@pytest.fixture
def make_phone(tmp_path: Path, bundled: Path, keys: KeyRing) -> Iterator[MakePhone]:
    """Open a phone, or the same phone again after it was switched off."""
    opened: list[Phone] = []

    def make(url: str, name: str = "phone", **options: Any) -> Phone:
        opened.append(Phone(tmp_path / name, url, keys.trusted_root, bundled, **options))
        return opened[-1]

    yield make
    for phone in opened:
        phone.close()


@pytest.fixture
def phone(city: City, make_phone: MakePhone) -> Phone:
    """A phone that runs release 2 and has release 1, the bundled one, to go back to."""
    city.publish(desired(1, 2, current=2))
    phone = make_phone(city.web.url)
    assert (phone.release, phone.update(), phone.release) == (1, UpdateState.UPDATED, 2)
    return phone
