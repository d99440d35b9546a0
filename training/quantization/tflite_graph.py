"""A .tflite file as a graph whose numbers can be read and replaced where they lie.

Guarantees: nothing is packed anew, so a file keeps its layout and length whatever is replaced in it. Only files of one
subgraph are read; all that we export are such.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BORDERS = frozenset({"QUANTIZE", "DEQUANTIZE"})


@dataclass(frozen=True)
class Operator:
    name: str
    """As the schema of LiteRT has it, such as CONV_2D."""
    inputs: tuple[int, ...]
    """Positions of tensors; -1 where an optional one is missing."""
    outputs: tuple[int, ...]
    options: dict[str, Any]


class Graph:
    """The first subgraph of a .tflite, over a copy of its bytes."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415  # 35 MB that few callers need.

        self._content, self._schema = bytearray(content), schema
        self._model = schema.Model.GetRootAs(self._content)
        self._graph = self._model.Subgraphs(0)

    @property
    def content(self) -> bytes:
        return bytes(self._content)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        return tuple(self._operator(position) for position in range(self._graph.OperatorsLength()))

    @property
    def computing(self) -> tuple[Operator, ...]:
        """The operators without those that only change between float and int8."""
        return tuple(operator for operator in self.operators if operator.name not in _BORDERS)

    @property
    def inputs(self) -> tuple[int, ...]:
        return tuple(map(int, self._graph.InputsAsNumpy()))

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(map(int, self._graph.OutputsAsNumpy()))

    @property
    def tensor_count(self) -> int:
        return int(self._graph.TensorsLength())

    def name(self, tensor: int) -> str:
        return str(self._graph.Tensors(tensor).Name().decode())

    def shape(self, tensor: int) -> tuple[int, ...]:
        content = self._graph.Tensors(tensor)
        return tuple(map(int, content.ShapeAsNumpy())) if content.ShapeLength() else ()

    def constant(self, tensor: int) -> NDArray[Any] | None:
        """Return the values of a constant tensor as a view that may be written to, or None if it is computed."""
        if tensor < 0:
            return None
        content = self._graph.Tensors(tensor)
        stored = self._model.Buffers(content.Buffer()).DataAsNumpy()
        if isinstance(stored, int):  # The schema's way to say that there is none.
            return None
        view: NDArray[Any] = stored.view(self._dtype(content.Type()))
        return view.reshape(self.shape(tensor))

    def ranges(self) -> dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return smallest and largest value of each calibrated tensor, as views [1] that may be written to."""
        found = {}
        for tensor in range(self.tensor_count):
            quantization = self._graph.Tensors(tensor).Quantization()
            if quantization is not None and quantization.MinLength() == 1:
                found[tensor] = (quantization.MinAsNumpy(), quantization.MaxAsNumpy())
        return found

    def steps(self, tensor: int) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return scale and zero point (one, or one a channel) as views that may be written to; None for floats."""
        quantization = self._graph.Tensors(tensor).Quantization()
        if quantization is None or not quantization.ScaleLength():
            return None
        return quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()

    def _operator(self, position: int) -> Operator:
        operator = self._graph.Operators(position)
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        return Operator(
            name=self._names[number],
            inputs=tuple(map(int, operator.InputsAsNumpy())),
            outputs=tuple(map(int, operator.OutputsAsNumpy())),
            options=self._options(operator),
        )

    @cached_property
    def _names(self) -> dict[int, str]:
        return {number: name for name, number in vars(self._schema.BuiltinOperator).items() if name.isupper()}

    def _options(self, operator: Any) -> dict[str, Any]:
        packed = operator.BuiltinOptions()
        if packed is None:
            return {}
        options = self._schema.BuiltinOptionsCreator(operator.BuiltinOptionsType(), packed)
        return dict(vars(options)) if options is not None else {}

    def _dtype(self, number: int) -> np.dtype[Any]:
        types = self._schema.TensorType
        known = {
            types.FLOAT32: np.float32,
            types.INT8: np.int8,
            types.UINT8: np.uint8,
            types.INT32: np.int32,
            types.INT64: np.int64,
            types.BOOL: np.bool_,
        }
        return np.dtype(known.get(number, np.uint8))
