"""Kept activations of photos, on disk, found by what they were computed from.

Guarantees: a shard appears whole or not at all (written aside, synced, renamed), so neither a kill nor a second process
ever leaves a torn entry to be read; a file that was cut by other hands is removed and its features computed anew. The
store stays within its size: the shards that were used least recently go first. It holds numbers and the digests of
photos, never a photo. No Keras here, so that workers may look after it.

    <folder>/<shelf>/<name>.npy     records (photo digest, feature float16), one shelf for one `Source` and view
    <folder>/partial/               what is being written
    <folder>/lock                   held while files are written or removed
"""

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Sha256, sha256
from training.data.labelled_files import DataError

log = logging.getLogger(__name__)

GIGABYTE = 10**9
_PHOTO, _FEATURE = "photo", "feature"
_DIGEST_BYTES = 32
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Source:
    """What features are computed with, apart from the photo and the view."""

    network: Sha256
    """Architecture and weights up to the boundary."""
    input_spec: Sha256
    boundary: str
    augmentation: Sha256 | None
    """None: the photo itself is the only view."""

    def shelf(self, view: int) -> str:
        return sha256(f"{self.network} {self.input_spec} {self.boundary} {self.augmentation} {view}".encode())[:32]


class Rows:
    """Features of some photos in their order, float32 [n, length] when read; they may lie in several files.

    The files stay readable for as long as this is held, even where the store removes them meanwhile.
    """

    def __init__(self, shards: Sequence[NDArray[Any]], places: NDArray[np.int64]) -> None:
        """`places` int64 [n, 2]: the shard of each photo, and the row in it."""
        self._shards, self._places = shards, places
        self.length = shards[0][_FEATURE].shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._places), self.length

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, chosen: Any) -> NDArray[Any]:
        places = self._places[chosen]
        if places.ndim == 1:
            return np.asarray(self._shards[places[0]][_FEATURE][places[1]], dtype=np.float32)
        read = np.empty((len(places), self.length), dtype=np.float32)
        for shard in np.unique(places[:, 0]):
            here = places[:, 0] == shard
            read[here] = self._shards[shard][_FEATURE][places[here, 1]]
        return read

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy
        return np.asarray(self[:], dtype=dtype)


class FeatureStore:
    def __init__(self, folder: Path, capacity_bytes: int = 10 * GIGABYTE) -> None:
        self.folder, self.capacity_bytes = folder, capacity_bytes
        self._partial = folder / "partial"

    def find_or_compute(
        self,
        source: Source,
        view: int,
        photos: Sequence[Sha256],
        compute: Callable[[NDArray[np.int64]], NDArray[np.floating[Any]]],
        at_once: int = 256,
    ) -> Rows:
        """Return the features of `photos` in their order, computing and keeping those that are not there.

        `compute` is given positions in `photos`, at most `at_once`, and returns [m, length]. Raise `DataError` where
        they cannot be written.
        """
        shelf = self.folder / source.shelf(view)
        shards, known = _index(shelf)
        missing = np.array([place for place, photo in enumerate(photos) if photo not in known], dtype=np.int64)
        for start in range(0, len(missing), at_once):
            chosen = missing[start : start + at_once]
            digests = [photos[place] for place in chosen]
            shards.append(self._keep(shelf, digests, compute(chosen)))
            known.update({digest: (len(shards) - 1, row) for row, digest in enumerate(digests)})
        return Rows(shards, np.array([known[photo] for photo in photos], dtype=np.int64).reshape(-1, 2))

    def photos(self) -> set[Sha256]:
        """Of which photos something is kept."""
        return {digest for shard in self._files() if (read := _open(shard)) is not None for digest in _digests(read)}

    def forget(self, photos: Collection[Sha256]) -> int:
        """Remove all that is kept of `photos`, and return how many entries that were."""
        if not photos or not self.folder.is_dir():
            return 0
        with self._locked():
            return sum(self._without(shard, frozenset(photos)) for shard in self._files())

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size, _ in self._uses())

    def _keep(self, shelf: Path, photos: Sequence[Sha256], features: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Write a shard, and return it as it can be read from now on, even if it is evicted at once."""
        records = np.empty(len(photos), dtype=_record(features.shape[1]))
        records[_PHOTO] = np.array([list(bytes.fromhex(photo)) for photo in photos], dtype=np.uint8)
        records[_FEATURE] = np.clip(features, -_LARGEST, _LARGEST)
        try:
            with self._locked():
                file = self._write(records, shelf / f"{uuid.uuid4().hex}.npy")
                shard: NDArray[Any] = np.load(file, mmap_mode="r")
                self._evict()
        except OSError as error:
            raise DataError(
                f"Features cannot be kept in {self.folder}: {error.strerror or error}. Free some space there, "
                "or name another folder for them."
            ) from error
        return shard

    def _write(self, records: NDArray[Any], file: Path) -> Path:
        self._partial.mkdir(parents=True, exist_ok=True)
        file.parent.mkdir(exist_ok=True)
        partial = self._partial / f"{uuid.uuid4().hex}.npy"
        try:
            with partial.open("wb") as stream:
                np.save(stream, records)
                stream.flush()
                os.fsync(stream.fileno())
            return partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)

    def _without(self, file: Path, photos: frozenset[Sha256]) -> int:
        shard = _open(file)
        if shard is None:
            return 0
        forgotten = np.array([digest in photos for digest in _digests(shard)])
        if forgotten.all():
            file.unlink()
        elif forgotten.any():
            self._write(np.asarray(shard[~forgotten]), file)
        return int(forgotten.sum())

    def _evict(self) -> None:
        """Remove what was used least recently until the rest fits."""
        uses = sorted(self._uses())
        too_much = sum(size for _, size, _ in uses) - self.capacity_bytes
        for _, size, file in uses:
            if too_much <= 0:
                break
            file.unlink(missing_ok=True)
            too_much -= size

    def _files(self) -> list[Path]:
        return [file for file in self.folder.glob("*/*.npy") if file.parent != self._partial]

    def _uses(self) -> list[tuple[float, int, Path]]:
        """When each shard was used last, its size, its file."""
        return [(found.st_mtime, found.st_size, file) for file in self._files() if (found := _stat(file))]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for abandoned in self._partial.glob("*"):  # Only who holds the lock writes, so its writer was killed.
                abandoned.unlink(missing_ok=True)
            yield


def _index(shelf: Path) -> tuple[list[NDArray[Any]], dict[Sha256, tuple[int, int]]]:
    """Open the shards of a shelf, and say where each photo is in them; they count as used now."""
    shards: list[NDArray[Any]] = []
    known: dict[Sha256, tuple[int, int]] = {}
    for file in sorted(shelf.glob("*.npy")):
        shard = _open(file)
        if shard is not None:
            _touch(file)
            known.update({digest: (len(shards), row) for row, digest in enumerate(_digests(shard))})
            shards.append(shard)
    return shards, known


def _open(file: Path) -> NDArray[Any] | None:
    """Map a shard; None where another process removed it, or it was no whole one, which is removed."""
    try:
        shard: NDArray[Any] = np.load(file, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError):
        log.warning("%s is not whole and is computed anew", file)
        file.unlink(missing_ok=True)
        return None
    return shard


def _record(length: int) -> np.dtype[Any]:
    return np.dtype([(_PHOTO, "u1", (_DIGEST_BYTES,)), (_FEATURE, "<f2", (length,))])


def _digests(shard: NDArray[Any]) -> list[Sha256]:
    return [Sha256(bytes(digest).hex()) for digest in shard[_PHOTO]]


def _touch(file: Path) -> None:
    try:
        os.utime(file)
    except FileNotFoundError:
        log.debug("another process has just removed %s", file)


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:
        return None
