"""Which layers suffer most from int8, and a model that leaves them float.

Guarantees: a layer is judged by what leaving it float, and nothing else, does to the scores. Such a model is for
comparison: the published format has no float operators (docs/decisions/int8-format.md).
"""

import numpy as np
from numpy.typing import NDArray

from training.quantization import quantize, rounding
from training.quantization.tflite_graph import Graph

Logits = NDArray[np.float32]


def most_sensitive(losses: dict[str, float], count: int) -> tuple[str, ...]:
    """Return the `count` layers with the least loss when they are float, the most sensitive one first."""
    return tuple(sorted(losses, key=lambda name: (losses[name], name))[:count])


def layers(floating: bytes) -> tuple[str, ...]:
    """Return the names of the tensors that layers with weights give; the converter knows operators by those."""
    graph = Graph(floating)
    return tuple(graph.name(each.outputs[0]) for each in graph.computing if each.name in rounding.WEIGHTED)


def mixed(floating: bytes, kept: tuple[str, ...], photos: NDArray[np.uint8], seed: int) -> bytes:
    """Return the .tflite with the layers `kept` in float and well rounded weights elsewhere."""
    return rounding.rounded(floating, quantize.converted(floating, kept), photos, seed)
