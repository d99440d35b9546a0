"""Classifiers that others made, a .tflite or an ONNX file, as subjects to measure beside our own.

Guarantees: they are fed the very pixels that our models are fed, scaled as their makers scaled them; what they give,
logits or probabilities, float or quantised, becomes logits whose softmax is their probabilities. A file that cannot be
measured so is refused with a `ModelError` that says what to do.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobile_models import self_tests
from mobile_models.document import sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET, LabelSet
from mobile_models.litert_model import ModelError
from training import dataset
from training.data import layouts
from training.data.layouts.class_names import label_ids
from training.evaluation.subject import Subject
from training.quantization.quantize import float_operators

Vector = NDArray[np.float32]
Crop = Literal["none", "centre_square"]
Network = Callable[[Vector], list[Vector]]
"""Scaled pixels float32 [1, H, W, 3] to the outputs for them, each as a vector."""

SUFFIXES = (".tflite", ".onnx")
SMALLEST_PROBABILITY = 1e-7
PROBES = range(4)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PixelScaling(StrEnum):
    """What is done to raw pixels 0 to 255 before the model sees them."""

    RAW = "raw"
    ZERO_TO_ONE = "zero_to_one"
    MINUS_ONE_TO_ONE = "minus_one_to_one"
    IMAGENET = "imagenet"  # less the mean of ImageNet's photos, by their deviation, for each channel

    def apply(self, pixels: NDArray[np.uint8]) -> Vector:
        raw = pixels.astype(np.float32)
        if self is PixelScaling.ZERO_TO_ONE:
            return np.asarray(raw / 255, dtype=np.float32)
        if self is PixelScaling.MINUS_ONE_TO_ONE:
            return np.asarray(raw / 127.5 - 1, dtype=np.float32)
        if self is PixelScaling.IMAGENET:
            return np.asarray((raw / 255 - np.array(_MEAN)) / np.array(_DEVIATION), dtype=np.float32)
        return raw


class Opened(NamedTuple):
    height: int
    width: int
    network: Network
    float_operators: tuple[str, ...]


def is_foreign(model: Path) -> bool:
    """Whether `model` is a file of its own, without the manifest that makes a release of it."""
    return model.suffix.lower() in SUFFIXES and not model.with_name("manifest.json").is_file()


def subject(model: Path, names: Path | None, scaling: PixelScaling, crop: Crop = "none") -> Subject:
    """Open a foreign classifier; `names` is a file with its class names in the order of its outputs.

    Raise `ModelError` if it cannot be measured, and `DataError` if the names cannot be read.
    """
    if names is None:
        raise ModelError(f"{model} does not say what it answers: give --labels FILE, its class names in their order.")
    label_set = _label_set(layouts.read_names(names))
    try:
        content = model.read_bytes()
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from error
    opened = _onnx(model, content) if model.suffix.lower() == ".onnx" else _tflite(model, content)
    choose = _chooser(opened, scaling, len(label_set.ids), model.name)

    def run(picture: NDArray[np.uint8]) -> tuple[Vector, None]:
        return choose(opened.network(scaling.apply(picture))), None

    return Subject(
        name=model.name,
        sha256=sha256(content),
        size_bytes=len(content),
        label_set=label_set,
        input_spec=InputSpec(width=opened.width, height=opened.height, crop=crop),
        run=run,
        float_operators=opened.float_operators,
    )


def _label_set(names: Sequence[str]) -> LabelSet:
    ids = label_ids(names)
    ordered = [ids[name] for name in names]
    if tuple(ordered) == TRASHNET.ids:
        return TRASHNET
    found = {label.id: label for label in dataset.label_set_of(ordered, name="foreign").labels}
    return LabelSet(id="foreign", version=1, labels=tuple(found[label] for label in ordered))


def _chooser(opened: Opened, scaling: PixelScaling, classes: int, name: str) -> Callable[[list[Vector]], Vector]:
    """Return what makes logits of the outputs; pictures drawn from seeds tell probabilities from logits."""
    drawn = [self_tests.picture(seed, opened.height, opened.width) for seed in PROBES]
    probed = [opened.network(scaling.apply(picture)) for picture in drawn]
    fitting = [place for place, values in enumerate(probed[0]) if len(values) == classes]
    if len(fitting) != 1:
        lengths = ", ".join(str(len(values)) for values in probed[0])
        raise ModelError(f"{name} gives {lengths} values, but there are {classes} names: give one name for each class.")
    (place,) = fitting
    if all(_is_distribution(outputs[place]) for outputs in probed):
        return lambda outputs: np.log(np.maximum(outputs[place], SMALLEST_PROBABILITY)).astype(np.float32)
    return lambda outputs: outputs[place]


def _is_distribution(values: Vector) -> bool:
    """8 bits make each probability wrong by up to 1/512."""
    return bool(values.min() >= 0 and abs(values.sum() - 1) <= max(0.01, len(values) / 512))


def _tflite(model: Path, content: bytes) -> Opened:
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415  # 35 MB that a server may never need.

    try:
        interpreter = litert.Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"LiteRT cannot load {model}: {error}") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    fed = _only(inputs, model)
    height, width, channels_first = _picture_shape(list(map(int, fed["shape"])), model)

    def network(scaled: Vector) -> list[Vector]:
        arranged = scaled.transpose(0, 3, 1, 2) if channels_first else scaled
        interpreter.set_tensor(fed["index"], _quantized(arranged, fed))
        interpreter.invoke()
        return [_dequantized(interpreter.get_tensor(output["index"]), output) for output in outputs]

    return Opened(height, width, network, float_operators(content))


def _quantized(values: Vector, tensor: dict[str, Any]) -> NDArray[Any]:
    kind = np.dtype(tensor["dtype"])
    if kind.kind == "f":
        return values.astype(kind)
    scale, zero = tensor["quantization"]
    steps = np.rint(values / (scale or 1) + zero)
    limits = np.iinfo(kind)
    clipped: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(kind)
    return clipped


def _dequantized(values: NDArray[Any], tensor: dict[str, Any]) -> Vector:
    flat = values.reshape(-1).astype(np.float32)
    scale, zero = tensor["quantization"]
    return flat if values.dtype.kind == "f" or not scale else (flat - np.float32(zero)) * np.float32(scale)


def _onnx(model: Path, content: bytes) -> Opened:
    try:
        import onnxruntime  # noqa: PLC0415  # An extra that few need.
    except ImportError as error:
        raise ModelError("ONNX models need onnxruntime: pip install 'wastelens[onnx]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # Latency is stated for one thread.
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its errors have no base of their own.
        raise ModelError(f"ONNX Runtime cannot load {model}: {error}") from error
    fed = _only(session.get_inputs(), model)
    kind = _ONNX_TYPES.get(fed.type)
    if kind is None:
        raise ModelError(f"{model} takes {fed.type}; a picture of float or uint8 can be given.")
    height, width, channels_first = _picture_shape(list(fed.shape), model)

    def network(scaled: Vector) -> list[Vector]:
        arranged = scaled.transpose(0, 3, 1, 2) if channels_first else scaled
        given = np.clip(np.rint(arranged), 0, 255) if kind == np.uint8 else arranged
        outputs = session.run(None, {fed.name: np.ascontiguousarray(given).astype(kind)})
        return [np.asarray(output, dtype=np.float32).reshape(-1) for output in outputs]

    return Opened(height, width, network, ("ONNX",))


_ONNX_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


def _only(inputs: Sequence[Any], model: Path) -> Any:
    if len(inputs) != 1:
        raise ModelError(f"{model} takes {len(inputs)} inputs; only a classifier of one picture can be measured.")
    return inputs[0]


def _picture_shape(shape: Sequence[object], model: Path) -> tuple[int, int, bool]:
    """Return height, width, and whether the channels come first."""
    described = f"{model} takes {list(shape)}"
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise ModelError(f"{described}, which is no picture of three channels.")
    if isinstance(shape[0], int) and shape[0] > 1:
        raise ModelError(f"{described}: export it for a batch of 1.")
    channels_first = shape[3] != 3
    height, width = (shape[2], shape[3]) if channels_first else (shape[1], shape[2])
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 16:
        raise ModelError(f"{described}, which does not say how large a picture is: export it for a fixed size.")
    return height, width, channels_first
