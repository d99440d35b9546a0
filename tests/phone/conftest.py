"""Phones, the city's signed updates, and its server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mobile_models.updates.signing_keys import KeyRing
from phone.client import Phone
from tests import tiny_model, updates
from tests.updates import StaticServer


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


MakePhone = Callable[..., Phone]


@pytest.fixture
def make_phone(tmp_path: Path, bundled: Path, keys: KeyRing) -> Iterator[MakePhone]:
    """Open a phone, or the same phone again after it was switched off."""
    opened: list[Phone] = []

    def make(url: str, name: str = "phone") -> Phone:
        opened.append(Phone(tmp_path / name, url, keys.trusted_root, bundled))
        return opened[-1]

    yield make
    for phone in opened:
        phone.close()
