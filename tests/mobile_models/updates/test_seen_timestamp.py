"""A phone without news is told so in a few bytes, and can be told nothing else that way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from obstore.store import LocalStore

from backend.settings import Settings
from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused, UpdateSource
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from tests import updates
from tests.backend.world import running

TIMESTAMP = "/updates/metadata/timestamp.json"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def store(data: Path, keys: KeyRing) -> LocalStore:
    """Where release 1 is current, at first."""
    store = LocalStore(data / "updates", mkdir=True)
    repository.reconcile(store, keys, updates.desired(1, current=1))
    return store


@pytest.fixture(scope="module")
def address(data: Path, store: LocalStore) -> Iterator[str]:
    """Of our own server."""
    with running(Settings(data_dir=data)) as (client, _):
        yield str(client.base_url)


@pytest.fixture
def answers() -> list[tuple[str, int]]:
    """Path and status of each answer that the phone was given."""
    return []


@pytest.fixture
def source(tmp_path: Path, keys: KeyRing, address: str, answers: list[tuple[str, int]]) -> Iterator[UpdateSource]:
    """A new phone."""

    def note(answer: httpx.Response) -> None:
        answers.append((answer.url.path, answer.status_code))

    with httpx.Client(event_hooks={"response": [note]}, timeout=30) as http:
        yield UpdateSource(f"{address}/updates", keys.trusted_root, tmp_path / "phone", http)


def look(source: UpdateSource) -> int | None:
    offer = updater.look(source, "stable", "any phone")
    return None if offer is None else offer.manifest.version


def test_an_unchanged_timestamp_is_not_sent_again(source: UpdateSource, answers: list[tuple[str, int]]) -> None:
    assert look(source) == 1
    answers.clear()
    assert look(source) == 1
    assert answers == [("/updates/metadata/2.root.json", 404), (TIMESTAMP, 304)]


def test_what_is_unchanged_expires_all_the_same(
    source: UpdateSource, keys: KeyRing, answers: list[tuple[str, int]]
) -> None:
    assert look(source) == 1
    later = UpdateSource(
        source.url,
        keys.trusted_root,
        source.directory,
        source.http,
        clock=lambda: datetime.now(UTC) + timedelta(days=4),
    )
    with pytest.raises(UpdateRefused) as refused:
        look(later)
    assert refused.value.reason == RefusalReason.EXPIRED_METADATA
    assert (TIMESTAMP, 304) in answers


@pytest.mark.parametrize("damage", ["timestamp.json", "timestamp.tag"])
def test_without_the_very_bytes_the_timestamp_is_asked_for_whole(
    source: UpdateSource, answers: list[tuple[str, int]], damage: str
) -> None:
    assert look(source) == 1
    (source.directory / "metadata" / damage).write_bytes(b"damaged on this phone")
    assert look(source) == 1
    assert answers[-1] == (TIMESTAMP, 200)


def test_a_new_timestamp_is_sent_and_believed(
    source: UpdateSource, store: LocalStore, keys: KeyRing, answers: list[tuple[str, int]]
) -> None:
    assert look(source) == 1
    repository.reconcile(store, keys, updates.desired(1, 2, current=2))
    answers.clear()
    assert look(source) == 2
    assert (TIMESTAMP, 200) in answers


def test_a_mirror_that_calls_everything_unchanged_brings_nothing_in(tmp_path: Path, keys: KeyRing) -> None:
    mirror = httpx.MockTransport(lambda request: httpx.Response(404 if request.url.path.endswith("root.json") else 304))
    with httpx.Client(transport=mirror) as http, pytest.raises(UpdateRefused) as refused:
        look(UpdateSource("http://mirror.example/updates", keys.trusted_root, tmp_path / "new phone", http))
    assert refused.value.reason == RefusalReason.UNREACHABLE
