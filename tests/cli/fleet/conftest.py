"""What every city of a fleet needs that tests start."""

import pytest

from cli.demo import city
from tests.services import free_port


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cities of tests that run at the same time never choose one port."""
    monkeypatch.setattr(city, "_free_port", free_port)
