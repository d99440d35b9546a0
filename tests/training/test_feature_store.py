import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mobile_models.document import Sha256, sha256
from training.data.labelled_files import DataError
from training.feature_cache.feature_store import FeatureStore, Source

LENGTH = 50
SOURCE = Source(sha256(b"network"), sha256(b"input"), "embedding", None)
WRITER = """
import sys
from pathlib import Path
from tests.training.test_feature_store import SOURCE, Computing, digests
from training.feature_cache.feature_store import FeatureStore

for view in range(10_000):
    computing = Computing(digests(256), view)
    FeatureStore(Path(sys.argv[1])).find_or_compute(SOURCE, view, computing.photos, computing, at_once=64)
    print(view, flush=True)
"""


def digests(count: int) -> list[Sha256]:
    return [sha256(str(number).encode()) for number in range(count)]


class Computing:
    """Features that name their photo and view, and how often any were asked for."""

    def __init__(self, photos: list[Sha256], view: int = 0) -> None:
        self.photos, self.view, self.computed = photos, view, 0

    def __call__(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        self.computed += len(chosen)
        return np.stack([expected(self.photos[place], self.view) for place in chosen])


def expected(photo: Sha256, view: int = 0) -> NDArray[np.float32]:
    return np.full(LENGTH, int(photo[:2], 16) + view, dtype=np.float32)


def find(store: FeatureStore, count: int, view: int = 0, source: Source = SOURCE, at_once: int = 4) -> Computing:
    """Ask for the features of so many photos, and see that they are the right ones."""
    computing = Computing(digests(count), view)
    rows = store.find_or_compute(source, view, computing.photos, computing, at_once)
    assert rows.shape == (count, LENGTH)
    assert np.array_equal(rows[:], [expected(photo, view) for photo in computing.photos])
    return computing


def shards(store: FeatureStore) -> list[Path]:
    return sorted(store.folder.glob("*/*.npy"))


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def test_only_what_is_new_is_computed(store: FeatureStore) -> None:
    assert find(store, 10).computed == 10
    assert find(store, 10).computed == 0
    assert find(store, 13).computed == 3
    assert find(FeatureStore(store.folder), 13).computed == 0


@pytest.mark.parametrize(
    "other",
    [
        Source(sha256(b"other"), SOURCE.input_spec, SOURCE.boundary, None),
        Source(SOURCE.network, sha256(b"other"), SOURCE.boundary, None),
        Source(SOURCE.network, SOURCE.input_spec, "other", None),
        Source(SOURCE.network, SOURCE.input_spec, SOURCE.boundary, sha256(b"other")),
    ],
)
def test_what_was_computed_with_something_else_is_not_taken(store: FeatureStore, other: Source) -> None:
    find(store, 4)
    assert find(store, 4, source=other).computed == 4


def test_each_view_is_kept_by_itself(store: FeatureStore) -> None:
    find(store, 4, view=1)
    assert find(store, 4, view=2).computed == 4
    assert find(store, 4, view=1).computed == 0


def test_rows_are_read_in_any_order_from_several_shards(store: FeatureStore) -> None:
    computing = Computing(digests(10))
    rows = store.find_or_compute(SOURCE, 0, computing.photos, computing, at_once=3)
    whole = np.asarray(rows)
    assert whole.dtype == np.float32
    for chosen in (np.array([9, 0, 4, 4]), slice(2, 7), np.arange(10) % 2 == 0, np.array([], dtype=np.int64)):
        assert np.array_equal(rows[chosen], whole[chosen])
    assert np.array_equal(rows[3], whole[3])


def test_numbers_too_large_for_half_precision_become_its_largest(store: FeatureStore) -> None:
    rows = store.find_or_compute(SOURCE, 0, digests(1), lambda _: np.array([[1e6, -1e6, 0.5]]))
    assert rows[:].tolist() == [[65504, -65504, 0.5]]


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    one_view = find(FeatureStore(tmp_path / "sized"), 4) and FeatureStore(tmp_path / "sized").size_bytes
    store = FeatureStore(tmp_path / "features", capacity_bytes=3 * one_view)
    for view in range(3):
        find(store, 4, view)
        _age(store)
    find(store, 4, view=0)
    _age(store)
    find(store, 4, view=3)
    assert store.size_bytes == 3 * one_view
    assert [find(store, 4, view).computed for view in (0, 2, 3)] == [0, 0, 0]
    assert find(store, 4, view=1).computed == 4


def _age(store: FeatureStore) -> None:
    """Let a day go by."""
    for shard in shards(store):
        os.utime(shard, (shard.stat().st_atime - 86400, shard.stat().st_mtime - 86400))


def test_a_store_that_is_too_small_gives_right_features_all_the_same(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, capacity_bytes=1000)
    assert find(store, 20).computed == 20
    assert store.size_bytes <= 1000
    assert find(store, 20).computed > 0


def test_rows_stay_readable_while_the_store_removes_them(store: FeatureStore) -> None:
    computing = Computing(digests(4))
    rows = store.find_or_compute(SOURCE, 0, computing.photos, computing)
    assert store.forget(computing.photos) == 4
    assert np.array_equal(rows[:], [expected(photo) for photo in computing.photos])


def test_a_forgotten_photo_leaves_no_trace_and_its_neighbours_stay(store: FeatureStore) -> None:
    find(store, 8, view=0)
    find(store, 8, view=1)
    gone, *others = digests(8)
    assert store.forget([gone, sha256(b"never seen")]) == 2
    assert store.photos() == set(others)
    assert not any(bytes.fromhex(gone) in shard.read_bytes() for shard in shards(store))
    assert find(store, 8).computed == 1
    assert store.forget(digests(8)) == 15
    assert shards(store) == []


def test_an_empty_store_forgets_nothing(store: FeatureStore) -> None:
    assert store.forget(digests(1)) == 0
    assert store.photos() == set()


@pytest.mark.parametrize("left", [0, 5, 60, 200, -1])
def test_a_torn_shard_is_never_read(store: FeatureStore, left: int, caplog: pytest.LogCaptureFixture) -> None:
    find(store, 6, at_once=3)
    torn = shards(store)[0]
    content = torn.read_bytes()
    torn.write_bytes(content[:left])
    assert find(store, 6).computed == 3
    assert "is not whole" in caplog.text
    assert not torn.exists()


def test_what_is_kept_outlives_kills_at_any_moment(tmp_path: Path) -> None:
    for views in (1, 4, 7):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        for _ in range(views):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    store = FeatureStore(tmp_path)
    for view in range(9):
        computed = find(store, 256, view, at_once=64).computed
        assert computed == 0 if view < 7 else computed % 64 == 0
    assert list((tmp_path / "partial").iterdir()) == []


def test_two_processes_write_and_evict_at_once(tmp_path: Path) -> None:
    find(FeatureStore(tmp_path), 256, view=0)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)
    ]
    tight = FeatureStore(tmp_path, capacity_bytes=40_000)
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline()
        for view in range(20, 30):
            find(tight, 64, view)
        assert [writer.poll() for writer in writers] == [None, None]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def test_a_full_disk_is_said_in_words(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DataError, match="No space left on device"):
        find(store, 4)
    monkeypatch.undo()
    assert find(store, 4).computed == 4


def test_an_error_while_computing_keeps_what_was_there_before(store: FeatureStore) -> None:
    def fails_later(photos: list[Sha256]) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
        computing = Computing(photos)

        def compute(chosen: NDArray[np.int64]) -> NDArray[np.float32]:
            if computing.computed:
                raise RuntimeError("the device is gone")
            return computing(chosen)

        return compute

    with pytest.raises(RuntimeError):
        store.find_or_compute(SOURCE, 0, digests(8), fails_later(digests(8)), at_once=4)
    assert find(store, 8).computed == 4
