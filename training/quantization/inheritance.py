"""Int8 numbers of frozen layers, kept from the champion so that patches stay small.

Guarantees: an operator inherits only if its float twin in the champion computes from the same weights, and so does all
that it depends on; then its weights, biases, scales and zero points are the champion's to the byte. Where the converter
needs another scale, because tensors share one across the boundary, the operator does not inherit.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.quantization.ranges import Range
from training.quantization.tflite_graph import Graph, Operator

_LOWEST, _HIGHEST = -128, 127


@dataclass(frozen=True)
class Champion:
    """The release that a network was fine-tuned from."""

    floating: bytes
    """The float twin of its checkpoint."""
    integer: bytes
    """Its model.tflite."""


def unchanged(floating: bytes, champion: Champion) -> frozenset[int]:
    """Return the places of the computing operators whose twin in the champion gives the same for every photo."""
    own, earlier, integer = Graph(floating), Graph(champion.floating), Graph(champion.integer)
    pairs = list(zip(own.computing, earlier.computing, strict=False))
    if [each.name for each in own.computing] != [each.name for each in integer.computing]:
        return frozenset()
    return _connected(own, lambda place: place < len(pairs) and _same(own, earlier, *pairs[place]))


def ranges(floating: bytes, champion: Champion, places: Container[int]) -> dict[int, Range]:
    """Return the champion's ranges of what the operators at `places` give, by tensor of `floating`."""
    integer, found = Graph(champion.integer), {}
    for place, (own, theirs) in enumerate(zip(Graph(floating).computing, integer.computing, strict=True)):
        steps = integer.steps(theirs.outputs[0])
        if place in places and steps is not None:
            scale, zero = float(steps[0][0]), int(steps[1][0])
            found[own.outputs[0]] = ((_LOWEST - zero) * scale, (_HIGHEST - zero) * scale)
    return found


def inherit(integer: bytes, champion: Champion, places: Container[int]) -> tuple[bytes, frozenset[int]]:
    """Return `integer` with the champion's numbers at `places`, and those places at which that was possible."""
    own, theirs = Graph(integer), Graph(champion.integer)
    pairs = list(zip(own.computing, theirs.computing, strict=True))
    kept = _connected(own, lambda place: place in places and _near(own, theirs, *pairs[place]))
    for place in sorted(kept):
        mine, earlier = pairs[place]
        for tensor, other in zip((*mine.inputs, *mine.outputs), (*earlier.inputs, *earlier.outputs), strict=True):
            _copy(own, tensor, theirs, other)
    return own.content, kept


def _connected(graph: Graph, wanted: Callable[[int], bool]) -> frozenset[int]:
    """Return the places of operators that are wanted and depend on such alone."""
    computed = {output: place for place, each in enumerate(graph.computing) for output in each.outputs}
    kept: set[int] = set()
    for place, operator in enumerate(graph.computing):
        below = {computed[tensor] for tensor in operator.inputs if tensor in computed}
        if below <= kept and wanted(place):
            kept.add(place)
    return frozenset(kept)


def _same(own: Graph, earlier: Graph, mine: Operator, theirs: Operator) -> bool:
    if mine.name != theirs.name or len(mine.inputs) != len(theirs.inputs) or mine.options != theirs.options:
        return False
    constants = ((own.constant(a), earlier.constant(b)) for a, b in zip(mine.inputs, theirs.inputs, strict=True))
    return all(_equal(a, b) for a, b in constants)


def _equal(first: NDArray[np.generic] | None, second: NDArray[np.generic] | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _near(own: Graph, theirs: Graph, mine: Operator, earlier: Operator) -> bool:
    """Whether the converter took the champion's range, up to the last bit, for what an operator gives."""
    first, second = own.steps(mine.outputs[0]), theirs.steps(earlier.outputs[0])
    if first is None or second is None or len(mine.inputs) != len(earlier.inputs):
        return False
    return bool(np.allclose(first[0], second[0], rtol=1e-5) and np.array_equal(first[1], second[1]))


def _copy(own: Graph, tensor: int, theirs: Graph, other: int) -> None:
    values, earlier = own.constant(tensor), theirs.constant(other)
    if values is not None and earlier is not None:
        values[...] = earlier
    steps, theirs_steps = own.steps(tensor), theirs.steps(other)
    if steps is not None and theirs_steps is not None:
        steps[0][...], steps[1][...] = theirs_steps
