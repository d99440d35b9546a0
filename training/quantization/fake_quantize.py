"""An int8 .tflite as a Keras model that can be trained: fake quantisation.

Guarantees: every number of the file is taken as it stands (ranges, scales, constants, and which tensors share them), so
the simulation answers as the file does, but for the last bit of its roundings; `file` has what was learned in the
same places. Gradients pass through roundings as if there were none, and end where values are clipped
(straight-through estimator: Bengio et al. 2013, arXiv:1308.3432; Jacob et al. 2018, arXiv:1712.05877). Runs on every
backend of Keras.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.backbones import EMBEDDING, LOGITS
from training.quantization.rounding import WEIGHTED
from training.quantization.tflite_graph import Graph, Operator

Tensor = Any
LOWEST, HIGHEST = -128, 127
LARGEST_BIAS = 2**30
_WITHIN = 0.25
"""How far from a whole number a weight may start, so that the simulation begins with the file's own rounding."""
_SAME = 0
_FUSED: Mapping[int, Callable[[Tensor], Tensor]] = {0: lambda values: values, 1: ops.relu, 3: ops.relu6}


class NotSimulated(Exception):
    """The graph has an operator that is not known here; the message names it."""


class Weights(keras.Layer):  # type: ignore[misc]  # Keras has no types.
    """Weights of one operator, kept in steps of their channel, and biases in steps of the operator's output."""

    def __init__(self, graph: Graph, operator: Operator, start: NDArray[np.float32], *, learn: bool) -> None:
        """`start`: float weights in the file's order. They are moved as little as lets them round to the file's."""
        super().__init__(trainable=learn)
        self._stored, scales = _constant(graph, operator.inputs[1]), _scales(graph, operator.inputs[1])
        self._output_scale = float(_scales(graph, operator.outputs[0])[0])
        self._shape = (1, -1) if operator.name == "DEPTHWISE_CONV_2D" else (-1, *(1,) * (self._stored.ndim - 1))
        self._scales = scales.reshape((*(1,) * (self._stored.ndim - 1), -1) if self._shape[0] == 1 else self._shape)
        near = np.clip(start / self._scales, self._stored - _WITHIN, self._stored + _WITHIN)
        self.kernel = self.add_weight(shape=near.shape, initializer=_values(near), name="kernel")
        self._stored_bias = graph.constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
        self.bias = None
        if self._stored_bias is not None:
            self._bias_scales = _scales(graph, operator.inputs[2]) / self._output_scale
            bias = _values(self._stored_bias * self._bias_scales)
            self.bias = self.add_weight(shape=self._stored_bias.shape, initializer=bias, name="bias")
        self.built = True

    def rounded(self) -> Tensor:
        """Return the weights as the file will have them, float [...] in its order."""
        return _through(ops.clip(self.kernel, -HIGHEST, HIGHEST), ops.round) * self._scales

    def shift(self) -> Tensor:
        return 0.0 if self.bias is None else self.bias * self._output_scale

    def store(self) -> None:
        """Put them into the file, if they learned."""
        if not self.trainable:
            return
        self._stored[...] = np.clip(np.round(ops.convert_to_numpy(self.kernel)), -HIGHEST, HIGHEST)
        if self.bias is not None and self._stored_bias is not None:
            bias = np.round(ops.convert_to_numpy(self.bias).astype(np.float64) / self._bias_scales)
            self._stored_bias[...] = np.clip(bias, -LARGEST_BIAS, LARGEST_BIAS)


class FakeQuantized(keras.Model):  # type: ignore[misc]
    """From photos, [batch, H, W, 3] in 0 to 255, to float `logits` and `embedding`."""

    def __init__(self, floating: bytes, integer: bytes, kept: Container[int] = ()) -> None:
        """`integer` is the file to simulate, `floating` its float twin, `kept` places of operators that do not learn.

        Raise `NotSimulated` if the graph has an operator that is not known here.
        """
        super().__init__()
        self._graph = Graph(integer)
        if unknown := {operator.name for operator in self._graph.operators} - set(_OPERATORS):
            raise NotSimulated(f"it does not know {', '.join(sorted(unknown))}")
        pairs = zip(self._graph.computing, Graph(floating).computing, strict=True)
        twins = {operator.outputs[0]: (place, twin) for place, (operator, twin) in enumerate(pairs)}
        source = Graph(floating)
        self._weights_of: dict[str, Weights] = {}
        for operator in self._graph.operators:
            if operator.name in WEIGHTED and self._graph.constant(operator.inputs[1]) is not None:
                place, twin = twins[operator.outputs[0]]
                start = _constant(source, twin.inputs[1])
                weights = Weights(self._graph, operator, start, learn=place not in kept)
                self._weights_of[str(operator.outputs[0])] = weights
        self._embedding, self._logits = _embedding_and_logits(self._graph)
        self.built = True

    def call(self, photos: Tensor) -> dict[str, Tensor]:
        values = {self._graph.inputs[0]: ops.cast(photos, "float32")}
        for operator in self._graph.operators:
            step = Step(self._graph, operator, values, self._weights_of.get(str(operator.outputs[0])))
            given = _FUSED[operator.options.get("fusedActivationFunction", 0)](_OPERATORS[operator.name](step))
            values[operator.outputs[0]] = _fake_quantized(given, self._graph, operator.outputs[0])
        return {LOGITS: values[self._logits], EMBEDDING: values[self._embedding]}

    def file(self) -> bytes:
        """Return the int8 .tflite with what was learned."""
        for weights in self._weights_of.values():
            weights.store()
        return self._graph.content


@dataclass(frozen=True)
class Step:
    """An operator with what it is given."""

    graph: Graph
    operator: Operator
    values: Mapping[int, Tensor]
    weights: Weights | None

    def given(self, place: int = 0) -> Tensor:
        """Return the input at `place`, constants as the real numbers that they stand for."""
        tensor = self.operator.inputs[place]
        return self.values[tensor] if tensor in self.values else _dequantized(self.graph, tensor)

    def plain(self, place: int) -> NDArray[Any]:
        """Return a constant input, such as axes, as it stands."""
        return _constant(self.graph, self.operator.inputs[place])

    def option(self, name: str) -> Any:
        return self.operator.options[name]

    @property
    def padding(self) -> str:
        return "same" if self.option("padding") == _SAME else "valid"

    @property
    def strides(self) -> tuple[int, int]:
        return self.option("strideH"), self.option("strideW")

    @property
    def window(self) -> tuple[int, int]:
        return self.option("filterHeight"), self.option("filterWidth")

    @property
    def dilation(self) -> tuple[int, int]:
        return self.option("dilationHFactor"), self.option("dilationWFactor")

    @property
    def learned(self) -> Weights:
        if self.weights is None:
            raise NotSimulated(f"a {self.operator.name} computes its weights")
        return self.weights


def _convolution(step: Step) -> Tensor:
    kernel = ops.transpose(step.learned.rounded(), (1, 2, 3, 0))
    result = ops.conv(step.given(), kernel, step.strides, step.padding, "channels_last", step.dilation)
    return result + step.learned.shift()


def _depthwise(step: Step) -> Tensor:
    kernel = ops.transpose(step.learned.rounded(), (1, 2, 3, 0))
    result = ops.depthwise_conv(step.given(), kernel, step.strides, step.padding, "channels_last", step.dilation)
    return result + step.learned.shift()


def _dense(step: Step) -> Tensor:
    return ops.matmul(step.given(), ops.transpose(step.learned.rounded())) + step.learned.shift()


def _mean(step: Step) -> Tensor:
    return ops.mean(step.given(), axis=tuple(map(int, np.ravel(step.plain(1)))), keepdims=step.option("keepDims"))


def _max_pool(step: Step) -> Tensor:
    return ops.max_pool(step.given(), step.window, step.strides, step.padding, "channels_last")


def _average_pool(step: Step) -> Tensor:
    return ops.average_pool(step.given(), step.window, step.strides, step.padding, "channels_last")


def _concatenated(step: Step) -> Tensor:
    given = [step.given(place) for place in range(len(step.operator.inputs))]
    return ops.concatenate(given, axis=step.option("axis"))


def _reshaped(step: Step) -> Tensor:
    return ops.reshape(step.given(), (-1, *step.graph.shape(step.operator.outputs[0])[1:]))


_OPERATORS: Mapping[str, Callable[[Step], Tensor]] = {
    "QUANTIZE": Step.given,
    "DEQUANTIZE": Step.given,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": lambda step: step.given(0) + step.given(1),
    "SUB": lambda step: step.given(0) - step.given(1),
    "MUL": lambda step: step.given(0) * step.given(1),
    "MEAN": _mean,
    "PAD": lambda step: ops.pad(step.given(), step.plain(1).tolist()),
    "MAX_POOL_2D": _max_pool,
    "AVERAGE_POOL_2D": _average_pool,
    "CONCATENATION": _concatenated,
    "RESHAPE": _reshaped,
    "RELU": lambda step: ops.relu(step.given()),
    "RELU6": lambda step: ops.relu6(step.given()),
    "LOGISTIC": lambda step: ops.sigmoid(step.given()),
    "HARD_SWISH": lambda step: ops.hard_silu(step.given()),
}


def _fake_quantized(values: Tensor, graph: Graph, tensor: int) -> Tensor:
    """Round and clip as int8 would: (clip(round(x / scale)) * scale, bounds by the zero point."""
    steps = graph.steps(tensor)
    if steps is None:
        return values
    scale, zero = float(steps[0][0]), int(steps[1][0])
    clipped = ops.clip(values / scale, LOWEST - zero, HIGHEST - zero)
    return _through(clipped, ops.round) * scale


def _through(values: Tensor, rounding: Callable[[Tensor], Tensor]) -> Tensor:
    """Round forwards, and do nothing to the gradient."""
    return values + ops.stop_gradient(rounding(values) - values)


def _constant(graph: Graph, tensor: int) -> NDArray[Any]:
    values = graph.constant(tensor)
    if values is None:
        raise NotSimulated(f"tensor {tensor} is not constant")
    return values


def _scales(graph: Graph, tensor: int) -> NDArray[np.float32]:
    steps = graph.steps(tensor)
    if steps is None:
        raise NotSimulated(f"tensor {tensor} is float")
    return steps[0]


def _dequantized(graph: Graph, tensor: int) -> NDArray[np.float32]:
    values, steps = _constant(graph, tensor), graph.steps(tensor)
    if steps is None:
        return values
    real: NDArray[np.float32] = ((values.astype(np.float32) - steps[1]) * steps[0]).astype(np.float32)
    return real.reshape(values.shape)


def _values(values: NDArray[Any]) -> Callable[..., Tensor]:
    return lambda *_, **__: ops.convert_to_tensor(values.astype(np.float32))


def _embedding_and_logits(graph: Graph) -> tuple[int, int]:
    """The logits are computed from the embedding, so that they come later."""
    position = {operator.outputs[0]: place for place, operator in enumerate(graph.operators)}
    embedding, logits = sorted(graph.outputs, key=position.__getitem__)
    return embedding, logits
