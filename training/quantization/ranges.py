"""Ranges of activations for post-training quantisation, observed on photos.

Guarantees: the ranges of a tensor are those of its own values. The converter's calibrator reads tensors after the whole
graph has run, when an operator that works in place (an ADD, say) has overwritten its input: both then get the wider
range of the two, which costs residual networks most. Here every tensor is kept.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quantization.tflite_graph import Graph

Range = tuple[float, float]
PIXELS: Range = (0.0, 255.0)
WORTH_CUTTING = 0.9
"""Below this share of the error; above it the histogram is too coarse to tell."""
LEVELS = 255
"""Steps of an int8."""
_BINS = 2048
_CUTS = np.concatenate([np.linspace(1, 0.3, 29), [0.25, 0.2, 0.15, 0.1]])


def smallest_and_largest(content: bytes, photos: NDArray[np.uint8]) -> dict[int, Range]:
    """Return the range of each calibrated tensor of a float .tflite on uint8 [n, H, W, 3] `photos`."""
    found: dict[int, Range] = {}
    for values in activations(content, photos):
        for tensor, activation in values.items():
            low, high = found.get(tensor, (np.inf, -np.inf))
            found[tensor] = (min(low, float(activation.min())), max(high, float(activation.max())))
    return found


def least_squares(content: bytes, photos: NDArray[np.uint8]) -> dict[int, Range]:
    """Return ranges within those that `content` states that lose least squares: clipped outliers against finer steps.

    (Banner et al. 2019, arXiv:1810.05723; here by search over a histogram, as TensorRT does for its own measure.)
    """
    widest = {tensor: (float(low[0]), float(high[0])) for tensor, (low, high) in Graph(content).ranges().items()}
    counts = {tensor: np.zeros(_BINS, dtype=np.int64) for tensor in widest}
    for values in activations(content, photos):
        for tensor, activation in values.items():
            counts[tensor] += np.histogram(activation, bins=_BINS, range=_wide_enough(widest[tensor]))[0]
    return {tensor: best_cut(_wide_enough(widest[tensor]), counts[tensor]) for tensor in widest}


def write(content: bytes, ranges: dict[int, Range]) -> bytes:
    """Return the float .tflite with `ranges` in place of those that it had. Its input is pixels, whatever was seen."""
    graph = Graph(content)
    wanted = ranges | dict.fromkeys(graph.inputs, PIXELS)
    for tensor, (low, high) in graph.ranges().items():
        if tensor in wanted:
            low[0], high[0] = wanted[tensor]
    return graph.content


def activations(content: bytes, photos: NDArray[np.uint8]) -> Iterator[dict[int, NDArray[np.float32]]]:
    """Yield for each photo the values of all calibrated tensors."""
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415

    interpreter = litert.Interpreter(
        model_content=content,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (photo,) = interpreter.get_input_details()
    calibrated = tuple(Graph(content).ranges())
    for picture in photos:
        interpreter.set_tensor(photo["index"], picture[np.newaxis].astype(np.float32))
        interpreter.invoke()
        yield {tensor: interpreter.get_tensor(tensor) for tensor in calibrated}


def best_cut(widest: Range, counts: NDArray[np.int64]) -> Range:
    """Return the range with least squared error for values of which `counts` [bins] is the histogram."""
    low, high = min(widest[0], 0.0), max(widest[1], 0.0)  # Zero must be exact: it is what convolutions pad with.
    centres = np.linspace(*widest, _BINS + 1)[:-1] + (widest[1] - widest[0]) / _BINS / 2
    lows = low * _CUTS if low < 0 else np.zeros(1)
    highs = high * _CUTS if high > 0 else np.zeros(1)
    candidates = [(a, b) for a in lows for b in highs if b > a]
    errors = [_squared_error(centres, counts, a, b) for a, b in candidates]
    worth_it = min(errors) < WORTH_CUTTING * errors[0]
    best: tuple[Any, Any] = candidates[int(np.argmin(errors)) if worth_it else 0]
    return float(best[0]), float(best[1])


def _wide_enough(widest: Range) -> Range:
    return widest if widest[1] > widest[0] else (widest[0], widest[0] + 1e-6)


def _squared_error(centres: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float) -> float:
    step = (high - low) / LEVELS
    rounded = np.clip(np.round(centres / step), np.round(low / step), np.round(high / step)) * step
    return float(((centres - rounded) ** 2 * counts).sum())
