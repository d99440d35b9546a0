"""Tensors out of PyTorch's files (.pth, .pt) and of .safetensors, without PyTorch.

Guarantees: a file is data. Of what a pickle may ask for, only tensors, their storages and ordered dictionaries are
made; anything else is refused, so no file runs code. Both forms of .pth are read: the zip archive of PyTorch 1.6 and
later, and the older row of pickles, which many published weights still are.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

Tensors = Mapping[str, NDArray[Any]]
_TYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}
_OLD_MAGIC, _OLD_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read(path: Path) -> Tensors:
    """Return the tensors of a state dict by name. Raise `OSError` or `ValueError` if `path` is none."""
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        state = _read_zip(path) if zipfile.is_zipfile(path) else _read_row(path)
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"it is no state dict of PyTorch ({error})") from error
    state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(isinstance(tensor, _Tensor) for tensor in state.values()):
        raise ValueError("it holds more than the tensors of a state dict; save model.state_dict()")
    return {str(name): tensor.to_numpy() for name, tensor in state.items()}


@dataclass
class _Storage:
    """Numbers in a row; the older form brings their bytes after all tensors."""

    dtype: np.dtype[Any]
    length: int
    content: bytes = b""


@dataclass
class _Tensor:
    """A view of a storage; sizes and steps are in numbers, not bytes."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]

    def to_numpy(self) -> NDArray[Any]:
        """Raise `ValueError` where the view reaches over the storage: NumPy looks."""
        size = self.storage.dtype.itemsize
        strides = tuple(step * size for step in self.steps)
        try:
            view = np.ndarray(self.shape, self.storage.dtype, self.storage.content, self.start * size, strides)
        except ValueError as error:
            raise ValueError("it is not whole: a tensor reaches over its storage") from error
        return view.copy()


class _StateUnpickler(pickle.Unpickler):
    """Makes tensors, storages and ordered dictionaries, and nothing else."""

    def __init__(self, file: IO[bytes], storage: Callable[[np.dtype[Any], str, int], _Storage]) -> None:
        super().__init__(file, encoding="latin1")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no weights need")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _place, length = pid[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype) or (len(pid) > 5 and pid[5] is not None):
            raise pickle.UnpicklingError("its storages are of a kind that no weights need")
        return self._storage(dtype, str(key), int(length))


def _tensor(storage: _Storage, start: int, shape: tuple[int, ...], steps: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, start, shape, steps)


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    return tensor


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")

        def storage(dtype: np.dtype[Any], key: str, length: int) -> _Storage:
            return _Storage(dtype, length, archive.read(f"{folder}data/{key}"))

        with archive.open(pickled) as file:
            return _StateUnpickler(file, storage).load()


def _read_row(path: Path) -> Any:
    """Four pickles (magic, protocol, system, state), the keys of the storages, and their numbers one after another."""
    storages: dict[str, _Storage] = {}

    def storage(dtype: np.dtype[Any], key: str, length: int) -> _Storage:
        return storages.setdefault(key, _Storage(dtype, length))

    with path.open("rb") as file:
        magic, protocol, _system, state, keys = (_StateUnpickler(file, storage).load() for _ in range(5))
        if (magic, protocol) != (_OLD_MAGIC, _OLD_PROTOCOL):
            raise pickle.UnpicklingError("it does not begin as PyTorch's files do")
        for key in keys:
            each = storages[key]
            length = int.from_bytes(file.read(8), "little")
            if length != each.length:
                raise pickle.UnpicklingError(f"storage {key} has another length than was said")
            each.content = file.read(length * each.dtype.itemsize)
    return state


def _read_safetensors(path: Path) -> Tensors:
    try:
        tensors: Tensors = load_file(path)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"it is no safetensors file with numbers that NumPy has ({error})") from error
    return tensors
