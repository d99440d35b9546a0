"""A model file, run by LiteRT: one prepared input in, logits and pooled embedding out.

Guarantees: a `LiteRtModel` has the published interface (uint8 [1, H, W, 3] in, two float32 outputs) or was refused
with `ModelError` when it was loaded. One instance may be used by many threads; they take turns.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = "serving_default"


class ModelError(Exception):
    """The file is no model of the published format, or not the one that its manifest describes."""


class LiteRtModel:
    """`label_count` tells the logits from the embedding where the file has no output names."""

    def __init__(
        self, model: bytes | Path, label_count: int, *, threads: int = 1, reference_kernels: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._interpreter = _load(model, threads, reference_kernels)
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1 or inputs[0]["dtype"] != np.uint8 or not _is_picture(inputs[0]["shape"]):
            raise ModelError(f"the model must take one uint8 [1, height, width, 3], not {_describe(inputs)}")
        self._input = inputs[0]["index"]
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in inputs[0]["shape"])
        logits, embedding = _find_outputs(self._interpreter, label_count)
        self._logits, self._embedding = logits["index"], embedding["index"]
        self.embedding_length = int(embedding["shape"][1])

    def run(self, photo: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits float32 [label_count] and embedding float32 [embedding_length] of uint8 [1, H, W, 3]."""
        if photo.dtype != np.uint8 or photo.shape != self.input_shape:
            raise ValueError(f"expected uint8 {self.input_shape}, got {photo.dtype} {photo.shape}")
        with self._lock:
            self._interpreter.set_tensor(self._input, photo)
            self._interpreter.invoke()
            logits = self._interpreter.get_tensor(self._logits)[0]
            embedding = self._interpreter.get_tensor(self._embedding)[0]
        return logits, embedding


def _load(model: bytes | Path, threads: int, reference_kernels: bool) -> Any:
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415  # 35 MB that a server may never need.

    kinds = litert.OpResolverType
    kernels = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if reference_kernels else kinds.AUTO
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    try:
        loaded = litert.Interpreter(**source, num_threads=threads, experimental_op_resolver_type=kernels)
        loaded.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"LiteRT cannot load the model: {error}") from error
    return loaded


def _find_outputs(interpreter: Any, label_count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    outputs = interpreter.get_output_details()
    if len(outputs) != 2 or any(len(output["shape"]) != 2 or output["dtype"] != np.float32 for output in outputs):
        raise ModelError(f"the model must give two float32 [1, length], logits and embedding, not {_describe(outputs)}")
    logits, embedding = _by_name(interpreter) or _by_length(outputs, label_count)
    if logits["shape"][1] != label_count:
        raise ModelError(f"the model gives {logits['shape'][1]} logits, but there are {label_count} labels")
    return logits, embedding


def _by_name(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    if _SIGNATURE not in interpreter.get_signature_list():
        return None
    named = interpreter.get_signature_runner(_SIGNATURE).get_output_details()
    return (named["logits"], named["embedding"]) if set(named) == {"logits", "embedding"} else None


def _by_length(outputs: list[dict[str, Any]], label_count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = sorted(outputs, key=lambda output: output["shape"][1] != label_count)
    if first["shape"][1] != label_count or second["shape"][1] == label_count:
        raise ModelError(f"exactly one of the outputs must have {label_count} values, not {_describe(outputs)}")
    return first, second


def _is_picture(shape: Any) -> bool:
    return len(shape) == 4 and shape[0] == 1 and shape[3] == 3


def _describe(tensors: list[dict[str, Any]]) -> str:
    return ", ".join(f"{np.dtype(tensor['dtype']).name} {list(map(int, tensor['shape']))}" for tensor in tensors)
