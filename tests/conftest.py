"""What all tests share: where real photos are, and which tests run."""

import os
from pathlib import Path

import pytest

TEST_DATA = os.environ.get("WASTELENS_TEST_DATA")
LONGEST_FIRST = ("training", "loop", "workers", "cli")
"""Folders whose tests take long: who begins with them does not wait for the last one alone, and TensorFlow, which the
first of them imports, is imported by few processes."""


def pytest_configure(config: pytest.Config) -> None:
    # The conformance suite, which runs from outside, reads this file on its way to `conformance/phone-client`.
    if config.rootpath == Path(__file__).parents[1]:
        from hypothesis import HealthCheck, settings  # noqa: PLC0415

        from tests import quick_passwords, services  # noqa: PLC0415

        config.pluginmanager.register(quick_passwords)
        config.pluginmanager.register(services)
        # The same examples everywhere, however long a busy machine takes for one.
        settings.register_profile("calm", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("calm")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests marked slow")


def _turn(item: pytest.Item) -> int:
    folder = item.nodeid.removeprefix("tests/").partition("/")[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run `make test-all`"))
        if "real_photos" in item.keywords and not TEST_DATA:
            item.add_marker(pytest.mark.skip(reason="set WASTELENS_TEST_DATA to a folder with real photos"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real photos; only for tests marked real_photos."""
    assert TEST_DATA is not None, "mark this test real_photos"
    return Path(TEST_DATA).resolve(strict=True)
