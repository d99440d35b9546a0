"""From a snapshot directory to pictures.

Guarantees: photos are fed exactly as a phone feeds them (`InputSpec.prepare`); they are decoded once a run and lie in
memory-mapped files, so that a data set may be larger than the memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from mobile_models import photo as photos
from mobile_models.document import sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import LabelSet
from training import disk_space
from training.dataset import DataError, SnapshotPhoto
from training.fitting import devices
from training.fitting.batches import Inputs


@dataclass(frozen=True)
class Pictures:
    """Prepared photos: uint8 [n, height, width, 3], with label positions int64 [n]."""

    photos: tuple[SnapshotPhoto, ...]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.photos)


def load(
    directory: Path, chosen: Sequence[SnapshotPhoto], label_set: LabelSet, spec: InputSpec, cache: Path
) -> Pictures:
    """Decode and prepare photos into a file in the folder `cache`, or find them there from an earlier attempt.

    Raise `DataError` naming all that cannot be read.
    """
    key = sha256((spec.digest + "".join(photo.sha256 for photo in chosen)).encode())
    file = cache / f"{key[:32]}.npy"
    if not file.exists():
        _decode(directory, chosen, spec, file)
    labels = np.array([label_set.index(photo.label) for photo in chosen], dtype=np.int64)
    return Pictures(tuple(chosen), np.load(file, mmap_mode="r"), labels)


def _decode(directory: Path, chosen: Sequence[SnapshotPhoto], spec: InputSpec, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    shape = (len(chosen), spec.height, spec.width, 3)
    pixels = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    disk_space.reserve(partial, partial.stat().st_size, "the prepared photos")
    unreadable: list[str] = []
    for position, photo in enumerate(chosen):
        path = directory / "photos" / f"{photo.sha256}.jpg"
        try:
            pixels[position] = spec.prepare(photos.decode(_whole(path, photo)))[0]
        except (OSError, photos.PhotoError, _Changed) as error:
            unreadable.append(f"{path}: {error}")
    if unreadable:
        raise DataError("Photos of the snapshot cannot be read:\n" + "\n".join(unreadable))
    pixels.flush()
    partial.replace(file)


class _Changed(Exception):
    """A photo has other bytes than those that its name says."""


def _whole(path: Path, photo: SnapshotPhoto) -> bytes:
    content = path.read_bytes()
    if sha256(content) != photo.sha256:
        raise _Changed("it was changed after the snapshot was frozen; freeze the folder again")
    return content


class InOrder(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types.
    """Batches of inputs alone, in their order, for prediction: float32 [b, ...].

    Where devices share batches, the last input is repeated until they can share the last batch.
    """

    def __init__(self, inputs: Inputs, batch_size: int = 64) -> None:
        super().__init__()
        self._inputs, self._size = inputs, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._inputs) / self._size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32]]:
        rows = self._inputs[index * self._size : (index + 1) * self._size].astype(np.float32)
        return (devices.shareable(rows),)


def predict(model: keras.Model, inputs: Inputs) -> NDArray[np.float32]:
    """Return what `model` answers to `inputs` [n, ...], float32 [n, ...]."""
    answers: NDArray[np.float32] = np.asarray(model.predict(InOrder(inputs), verbose=0), dtype=np.float32)
    return answers[: len(inputs)]
