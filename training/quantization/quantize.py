"""Export to full-integer int8, by TensorFlow's converter.

Guarantees: the model takes uint8 [1, H, W, 3] in 0 to 255 with the scaling inside, gives float32 `logits` and
`embedding`, and has no float operator in between: `float_operators` reads the file that will ship, and `integers`
refuses what has one. The same weights and ranges give the same bytes, in whatever process.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training import backbones, disk_space
from training.dataset import DataError
from training.quantization import ranges

BORDER_OPERATORS = frozenset({"QUANTIZE", "DEQUANTIZE"})
"""Operators that may touch float tensors: they are the border between int8 and the float32 outputs."""


class QuantizationError(Exception):
    """The model cannot be exported here, or the converter left float arithmetic in it."""


def quantize(model: keras.Model, representative: NDArray[np.uint8]) -> bytes:
    """Return the int8 .tflite of a float `model`, with ranges from uint8 [n, H, W, 3] photos of the train split.

    Raise `QuantizationError` where Keras does not run on TensorFlow, which alone can export.
    """
    floating = float_graph(model)
    return integers(ranges.write(floating, ranges.smallest_and_largest(floating, representative)))


def float_graph(model: keras.Model) -> bytes:
    """Return `model` as a float .tflite, batch norm folded, with a place for the range of each activation.

    Raise `QuantizationError` where Keras does not run on TensorFlow, and `DataError` where the disk is full.
    """
    if keras.backend.backend() != "tensorflow":
        raise QuantizationError(
            "Only TensorFlow can export a model. The fitted one is kept in the run directory: "
            "give the same command where Keras runs on TensorFlow, and it goes on from there."
        )
    import tensorflow as tf  # noqa: PLC0415  # Seconds and 600 MB that nothing else in training needs.

    grey = np.full((1, *model.input.shape[1:]), 127, dtype=np.float32)
    with TemporaryDirectory() as folder:
        try:
            _static(model).export(folder, format="tf_saved_model", verbose=False)
        except tf.errors.ResourceExhaustedError as error:  # That is also what a device without memory gives.
            if "No space left" not in str(error):
                raise
            raise DataError(disk_space.full(Path(folder).parent)) from error
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter([[grey]])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter._experimental_calibrate_only = True  # The only way to the graph between its two halves.
        return bytes(converter.convert())


def integers(floating: bytes) -> bytes:
    """Return the int8 .tflite of a float one whose ranges have been set; raise `QuantizationError` if it is not all."""
    content = converted(floating)
    if unexpected := float_operators(content):
        raise QuantizationError(f"these operators compute in float: {', '.join(unexpected)}")
    return content


def converted(floating: bytes, kept: Sequence[str] = ()) -> bytes:
    """Return the int8 .tflite of a float one; operators whose first output has a name in `kept` stay float."""
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow.lite.python.convert import mlir_quantize  # noqa: PLC0415

    nodes = set(kept) or None
    content: bytes = mlir_quantize(
        floating, input_data_type=tf.uint8, output_data_type=tf.float32, denylisted_nodes=nodes
    )
    return bytes(content)


def float_operators(model: bytes | Path) -> tuple[str, ...]:
    """Return the operators of a .tflite that touch float tensors, but for those at its borders, sorted by name."""
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415

    source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    kernels = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # A delegate would hide the operators.
    interpreter = litert.Interpreter(**source, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    floats = {tensor["index"] for tensor in interpreter.get_tensor_details() if tensor["dtype"] == np.float32}
    found = {
        operator["op_name"]
        for operator in interpreter._get_ops_details()  # There is no public way to list operators.
        if floats & {*operator["inputs"], *operator["outputs"]}
    }
    return tuple(sorted(found - BORDER_OPERATORS))


def _static(model: keras.Model) -> keras.Model:
    """Fix the batch to 1 and name both outputs; LiteRT.js fails on a dynamic batch. Names would count up otherwise."""
    photo = keras.Input(batch_shape=(1, *model.input.shape[1:]), name="photo")
    body, head = backbones.body_of(model), backbones.head_of(model)
    body.name, head.name = "body", "head"
    embedding = body(photo, training=False)
    logits = head(embedding, training=False)
    return keras.Model(photo, {backbones.LOGITS: logits, backbones.EMBEDDING: embedding}, name="exported")
