"""Rounding of weights to int8 so that their errors cancel in what a layer gives.

Guarantees: scales and biases stay as the converter chose them, so only int8 weights of a file change. Each layer is
rounded by itself, to least squared error of its output on the photos' activations, one input after the other, the error
of each spread over the inputs that are still to come (Frantar et al. 2022, GPTQ, arXiv:2210.17323).
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.quantization import ranges
from training.quantization.tflite_graph import Graph, Operator

POSITIONS = 256
"""Places of a photo at which a layer's input is looked at: neighbours say the same."""
BLOCK = 128
"""Inputs whose errors reach the others in one product of matrices: the same sums, in cache."""
DAMPING = 0.01
"""Share of the mean squared input that is added to each: inputs that never vary must not decide."""
_GROUPED, _DENSE = "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"
WEIGHTED = frozenset({"CONV_2D", _GROUPED, _DENSE})
_SAME = 0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """A layer with weights: its operator in the float graph, and views of its weights here and in the int8 file."""

    operator: Operator
    weights: NDArray[np.float32]
    stored: NDArray[np.int8]
    scales: NDArray[np.float32]

    @property
    def grouped(self) -> bool:
        return self.operator.name == _GROUPED


def rounded(floating: bytes, integer: bytes, photos: NDArray[np.uint8], seed: int, kept: Container[int] = ()) -> bytes:
    """Return the int8 .tflite `integer` with better rounded weights of its float twin, on uint8 [n, H, W, 3] photos.

    `kept`: places of operators that stay as they are.
    """
    target = Graph(integer)
    layers = list(_layers(Graph(floating), target, kept))
    for layer, product in zip(layers, _products(floating, layers, photos, seed), strict=True):
        weights = _by_output(layer)
        scales = np.broadcast_to(layer.scales, weights.shape[0] * weights.shape[1]).reshape(*weights.shape[:2], 1)
        layer.stored[...] = _as_stored(
            compensated(weights, scales.astype(np.float64), product.astype(np.float64)), layer
        )
    return target.content


def compensated(weights: NDArray[np.float32], scales: Floats, product: Floats) -> Floats:
    """Return whole numbers -127 to 127 for `weights` [groups, outputs, inputs] over `scales` [groups, outputs, 1].

    `product` [groups, inputs, inputs] is the sum of x xᵀ over the layer's inputs x.
    """
    order = np.argsort(-_diagonal(product).mean(axis=0), kind="stable")
    spread = _spread(product[:, order][:, :, order])
    left, whole = weights[..., order].astype(np.float64), np.empty(weights.shape)
    for start in range(0, len(order), BLOCK):
        block, later = slice(start, start + BLOCK), slice(start + BLOCK, None)
        whole[..., order[block]], missed = _one_by_one(left[..., block], scales, spread[:, block, block])
        left[..., later] -= missed @ spread[:, block, later]
    return whole


def _one_by_one(left: Floats, scales: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Round inputs in their order; return them, and what of each the later inputs of other blocks have to take."""
    left = left.copy()
    whole, missed = np.empty(left.shape), np.empty(left.shape)
    for place in range(left.shape[-1]):
        chosen = np.clip(np.round(left[..., place : place + 1] / scales), -127, 127)
        error = (left[..., place : place + 1] - chosen * scales) / spread[:, place, place, np.newaxis, np.newaxis]
        left[..., place:] -= error * spread[:, np.newaxis, place, place:]
        whole[..., place], missed[..., place] = chosen[..., 0], error[..., 0]
    return whole, missed


def _spread(product: Floats) -> Floats:
    """Return U [groups, inputs, inputs] with UᵀU = H⁻¹: row i says how much of input i's error each later one takes."""
    damping = DAMPING * _diagonal(product).mean(axis=1) + 1e-9
    damped = product + np.eye(product.shape[-1]) * damping[:, np.newaxis, np.newaxis]
    factor: Floats = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    return factor


def _diagonal(product: Floats) -> Floats:
    return np.diagonal(product, axis1=1, axis2=2)


def _layers(source: Graph, target: Graph, kept: Container[int]) -> Iterator[Layer]:
    for place, (floating, integer) in enumerate(zip(source.computing, target.computing, strict=True)):
        if floating.name not in WEIGHTED or place in kept:
            continue
        weights, stored = source.constant(floating.inputs[1]), target.constant(integer.inputs[1])
        steps = target.steps(integer.inputs[1])
        if weights is None or stored is None or steps is None:
            continue
        channels = source.shape(floating.inputs[0])[-1]
        if weights.shape[-1] == channels:  # Otherwise it computes in groups, or several outputs of each channel.
            yield Layer(floating, weights, stored, steps[0])


def _products(
    content: bytes, layers: Sequence[Layer], photos: NDArray[np.uint8], seed: int
) -> list[NDArray[np.float32]]:
    """Return for each layer the sum of x xᵀ over photos and places, [groups, inputs, inputs]."""
    chance = np.random.default_rng(seed)
    sums = [np.zeros((1, 1, 1), dtype=np.float32)] * len(layers)
    for values in ranges.activations(content, photos):
        for number, layer in enumerate(layers):
            seen = _inputs(values[layer.operator.inputs[0]], layer, chance)
            sums[number] = sums[number] + seen @ seen.transpose(0, 2, 1)
    return sums


def _inputs(activation: NDArray[np.float32], layer: Layer, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return what a layer's weights are multiplied with at some places of a photo, [groups, inputs, places]."""
    if layer.operator.name == _DENSE:
        return activation.reshape(1, -1, activation.shape[-1]).transpose(0, 2, 1)
    windows = _windows(activation[0], layer)
    rows, columns = windows.shape[:2]
    places = chance.choice(rows * columns, min(POSITIONS, rows * columns), replace=False)
    seen = windows[places // columns, places % columns]  # [places, channels, height, width]
    result: NDArray[np.float32]
    if layer.grouped:
        result = seen.reshape(*seen.shape[:2], -1).transpose(1, 2, 0)
    else:
        result = seen.transpose(2, 3, 1, 0).reshape(1, -1, len(places))
    return result


def _windows(picture: NDArray[np.float32], layer: Layer) -> NDArray[np.float32]:
    """Return [rows, columns, channels, height, width], what a convolution sees of [H, W, channels]."""
    options, size = layer.operator.options, layer.weights.shape[1:3]
    strides = (options["strideH"], options["strideW"])
    dilations = (options["dilationHFactor"], options["dilationWFactor"])
    reach = [(edge - 1) * dilation + 1 for edge, dilation in zip(size, dilations, strict=True)]
    if options["padding"] == _SAME:
        margins = [_margin(*each) for each in zip(picture.shape[:2], reach, strides, strict=True)]
        picture = np.pad(picture, (*margins, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(picture, reach, axis=(0, 1))
    return windows[:: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]


def _margin(length: int, reach: int, stride: int) -> tuple[int, int]:
    missing = max((-(-length // stride) - 1) * stride + reach - length, 0)
    return missing // 2, missing - missing // 2


def _by_output(layer: Layer) -> NDArray[np.float32]:
    """Return the weights as [groups, outputs, inputs]."""
    if layer.grouped:
        return layer.weights.reshape(-1, layer.weights.shape[-1]).T[:, np.newaxis]
    return layer.weights.reshape(1, len(layer.weights), -1)


def _as_stored(whole: Floats, layer: Layer) -> NDArray[np.int8]:
    flat = whole[:, 0].T if layer.grouped else whole[0]
    return flat.reshape(layer.weights.shape).astype(np.int8)
