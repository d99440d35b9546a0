"""The small city of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mobile_models.updates.keys.signing_keys import KeyRing
from tests import updates
from tests.phone.fleet.small_city import SmallCity, small_city


@pytest.fixture(scope="session")
def city_keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def city(tmp_path: Path, city_keys: KeyRing) -> Iterator[SmallCity]:
    with small_city(tmp_path, city_keys) as small:
        yield small
