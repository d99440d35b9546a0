"""State dicts written as PyTorch writes them, in both of its forms, without PyTorch."""

import collections
import io
import pickle
import sys
import types
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGE = "FloatStorage"


class _Storage:
    def __init__(self, key: str, numbers: NDArray[np.float32]) -> None:
        self.key, self.numbers = key, numbers


class _Tensor:
    """The whole of a storage, whose first `start` numbers belong to nobody."""

    def __init__(self, key: str, tensor: NDArray[np.float32], start: int = 0) -> None:
        self.storage = _Storage(key, np.concatenate([np.full(start, 7), tensor.ravel()]).astype(np.float32))
        self.shape, self.start = tensor.shape, start

    def __reduce__(self) -> tuple[Any, ...]:
        steps = tuple(int(np.prod(self.shape[axis + 1 :])) for axis in range(len(self.shape)))
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, self.start, self.shape, steps, False, collections.OrderedDict())


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, *, old: bool) -> None:
        super().__init__(file, protocol=2)
        self._old = old

    def persistent_id(self, each: object) -> tuple[Any, ...] | None:
        if not isinstance(each, _Storage):
            return None
        kind = getattr(sys.modules["torch"], STORAGE)
        pid = ("storage", kind, each.key, "cpu", each.numbers.size)
        return (*pid, None) if self._old else pid


@contextmanager
def _torch_by_name() -> Iterator[None]:
    """Let pickle find the two names that it writes down."""

    def _rebuild_tensor_v2() -> None: ...

    torch, parts = types.ModuleType("torch"), types.ModuleType("torch._utils")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    setattr(torch, STORAGE, type(STORAGE, (), {"__module__": "torch"}))
    parts._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": parts})
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def write_zip(path: Path, state: Mapping[str, NDArray[np.float32]]) -> None:
    """As PyTorch 1.6 and later."""
    tensors = _tensors(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(tensors, old=False))
        for tensor in tensors.values():
            archive.writestr(f"archive/data/{tensor.storage.key}", tensor.storage.numbers.tobytes())


def write_row(path: Path, state: Mapping[str, NDArray[np.float32]]) -> None:
    """As PyTorch before 1.6."""
    tensors = _tensors(state)
    storages = sorted((tensor.storage for tensor in tensors.values()), key=lambda storage: storage.key)
    beginning = [pickle.dumps(each, protocol=2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    keys = pickle.dumps([storage.key for storage in storages], protocol=2)
    numbers = [storage.numbers.size.to_bytes(8, "little") + storage.numbers.tobytes() for storage in storages]
    path.write_bytes(b"".join([*beginning, _pickled(tensors, old=True), keys, *numbers]))


def _tensors(state: Mapping[str, NDArray[np.float32]]) -> "collections.OrderedDict[str, _Tensor]":
    return collections.OrderedDict(
        (name, _Tensor(f"{number:05d}", tensor, start=number % 3))
        for number, (name, tensor) in enumerate(state.items())
    )


def _pickled(tensors: object, *, old: bool) -> bytes:
    file = io.BytesIO()
    with _torch_by_name():
        _Pickler(file, old=old).dump(tensors)
    return file.getvalue()
