"""Old models and metadata go after a time of grace, and no phone is the worse for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from mobile_models.updates.following import updater
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused
from mobile_models.updates.following.updater import UpdateSource
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository, retention, stored_files
from mobile_models.updates.publishing.published_updates import open_client
from mobile_models.updates.publishing.repository_files import numbers_in_use, read_chain
from tests import updates
from tests.updates import StaticServer, desired, serving

NOW = datetime.now(UTC)
LATER = NOW + retention.GRACE + timedelta(days=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "web" / "updates", mkdir=True)


@pytest.fixture
def web(store: LocalStore, tmp_path: Path) -> Iterator[StaticServer]:
    with serving(tmp_path / "web") as server:
        yield server


def _models(store: ObjectStore) -> int:
    return sum(path.endswith(".model.tflite") for path, _ in stored_files.ages(store, "targets"))


def test_a_model_that_left_is_deleted_after_the_time_of_grace(store: LocalStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, 2, current=1))
    repository.reconcile(store, keys, desired(2, current=2))
    assert _models(store) == 2
    repository.reconcile(store, keys, desired(2, current=2), moment=NOW + retention.GRACE - timedelta(hours=1))
    assert _models(store) == 2, "it is still within the time of grace"
    repository.reconcile(store, keys, desired(2, current=2), moment=LATER)
    assert _models(store) == 1
    assert repository.verify(store, keys.trusted_root).versions == {2}


def test_the_time_of_grace_counts_from_when_a_model_left(
    store: LocalStore, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list that named it is a month old, and so is the model; it left a day ago."""
    repository.reconcile(store, keys, desired(1, 2, current=1))
    _grow_old(monkeypatch, frozenset(path for path, _ in stored_files.ages(store, "")), timedelta(days=30))
    repository.reconcile(store, keys, desired(2, current=2))
    repository.reconcile(store, keys, desired(2, current=2), moment=NOW + timedelta(days=1))
    assert _models(store) == 2
    repository.reconcile(store, keys, desired(2, current=2), moment=LATER)
    assert _models(store) == 1


def _grow_old(monkeypatch: pytest.MonkeyPatch, paths: frozenset[str], age: timedelta) -> None:
    real = stored_files.ages

    def aged(store: ObjectStore, folder: str) -> Iterator[tuple[str, datetime]]:
        return ((path, moment - age if path in paths else moment) for path, moment in real(store, folder))

    monkeypatch.setattr(stored_files, "ages", aged)


def test_a_model_that_a_killed_publisher_left_is_deleted_too(store: LocalStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    stored_files.put(store, f"targets/models/9/{'0' * 64}.model.tflite", b"never signed", "create")
    repository.reconcile(store, keys, desired(1, current=1))
    assert _models(store) == 2
    repository.reconcile(store, keys, desired(1, current=1), moment=LATER)
    assert _models(store) == 1


def test_a_release_that_comes_back_is_there_again(store: LocalStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, 2, current=1))
    repository.reconcile(store, keys, desired(2, current=2))
    repository.reconcile(store, keys, desired(2, current=2), moment=LATER)
    repository.reconcile(store, keys, desired(1, 2, current=1))
    assert repository.verify(store, keys.trusted_root).versions == {1, 2}


def test_the_repository_of_years_stays_small_and_keeps_every_root(
    keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two years, and each file is as old as the moment it was written at."""
    store, clock = MemoryStore(), _clock(monkeypatch)
    for day in range(0, 2 * 365, 5):
        clock[0] = NOW + timedelta(days=day)
        current = 1 + day // 20 % 2
        repository.reconcile(store, keys, desired(1, 2, current=current), moment=clock[0])
    numbers = numbers_in_use(store)
    assert sorted(numbers["root"]) == [1, 2, 3]
    assert {role: len(numbers[role]) for role in ("targets", "channels", "snapshot")} == {
        "targets": 1,
        "channels": 2,
        "snapshot": 2,
    }
    assert read_chain(store, keys.trusted_root).snapshot.signed.version > 60


def _clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Let files be as old as `[0]` said when they were written."""
    now, written = [NOW], dict[str, datetime]()
    real_put, real_ages = stored_files.put, stored_files.ages

    def put(store: ObjectStore, path: str, *arguments: object, **options: object) -> str | None:
        written[path] = now[0]
        return real_put(store, path, *arguments, **options)  # type: ignore[arg-type]

    def ages(store: ObjectStore, folder: str) -> Iterator[tuple[str, datetime]]:
        return ((path, written[path]) for path, _ in real_ages(store, folder))

    monkeypatch.setattr(stored_files, "put", put)
    monkeypatch.setattr(stored_files, "ages", ages)
    return now


def test_what_a_killed_publisher_left_does_not_pass_for_what_was_published(
    store: LocalStore, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot has the highest number and is old, and what is published lies below it."""
    clock = _clock(monkeypatch)
    repository.reconcile(store, keys, desired(1, current=1), moment=NOW)
    published = read_chain(store).snapshot.signed.version
    stored_files.put(store, f"metadata/{published + 1}.snapshot.json", b'{"signed"', "create")
    clock[0] = LATER
    repository.reconcile(store, keys, desired(1, current=1), moment=LATER)
    assert read_chain(store).snapshot.signed.version == published + 2
    assert published in numbers_in_use(store)["snapshot"], "phones were led there a moment ago"


# Phones.


def test_a_phone_that_was_away_for_a_year_comes_back(
    keys: KeyRing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it remembers has expired and is pruned; a root was renewed meanwhile."""
    store, clock = MemoryStore(), _clock(monkeypatch)
    repository.reconcile(store, keys, desired(1, current=1), moment=NOW)
    assert open_client(store, tmp_path, keys.trusted_root).get_targetinfo("channels/stable.json") is not None
    remembered = read_chain(store).snapshot.signed.version
    for day in range(0, 400, 5):
        clock[0] = NOW + timedelta(days=day)
        repository.reconcile(store, keys, desired(1, 2, current=2), moment=clock[0])
    assert remembered not in numbers_in_use(store)["snapshot"] and 2 in numbers_in_use(store)["root"]
    client = open_client(store, tmp_path, keys.trusted_root)
    client._trusted_set.reference_time = clock[0]  # The phone's clock goes on, too.
    assert client.get_targetinfo("models/2/model.tflite") is not None


def test_a_phone_in_the_middle_of_a_download_finds_it_gone_and_takes_the_current_one(
    store: LocalStore, keys: KeyRing, web: StaticServer, tmp_path: Path
) -> None:
    repository.reconcile(store, keys, desired(1, 2, current=1))
    with httpx.Client(timeout=30) as http:
        source = UpdateSource(f"{web.url}/updates", keys.trusted_root, tmp_path / "phone", http)
        offer = updater.look(source, "stable", "phone-1")
        assert offer is not None
        web.cut_after = 1000
        with pytest.raises(UpdateRefused):
            updater.download(source, offer.model, tmp_path / "downloads")
        web.cut_after = None
        repository.reconcile(store, keys, desired(2, current=2))
        repository.reconcile(store, keys, desired(2, current=2), moment=LATER)
        with pytest.raises(UpdateRefused) as refused:
            updater.download(source, offer.model, tmp_path / "downloads")
        assert refused.value.reason in {RefusalReason.UNREACHABLE, RefusalReason.NOT_PUBLISHED}
        repository.reconcile(store, keys, desired(2, current=2))
        offer = updater.look(source, "stable", "phone-1")
        assert offer is not None and offer.manifest.version == 2
        got = updater.download(source, offer.model, tmp_path / "downloads")
    assert got.read_bytes() == updates.files(2)[1]


def test_guides_and_pointers_that_are_published_stay(store: LocalStore, keys: KeyRing) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    before = {path for path, _ in stored_files.ages(store, "targets")}
    repository.reconcile(store, keys, desired(1, current=1), moment=LATER)
    assert {path for path, _ in stored_files.ages(store, "targets")} == before
    assert obstore.head(store, "metadata/1.root.json")["size"] > 0


def test_half_a_file_that_a_killed_publisher_left_is_deleted_and_a_young_one_stays(
    store: LocalStore, keys: KeyRing
) -> None:
    repository.reconcile(store, keys, desired(1, current=1))
    assert store.prefix is not None
    half = Path(store.prefix) / "targets" / "models" / "1" / "abc.model.tflite#1"
    half.write_bytes(b"half of")
    repository.reconcile(store, keys, desired(1, current=1))
    assert half.exists(), "somebody may be writing it"
    repository.reconcile(store, keys, desired(1, current=1), moment=LATER)
    assert not half.exists()
