"""Where a network is split: what is frozen below, whose activations can be kept, and what learns above.

Guarantees: both parts share the layers of the whole model, and one after the other they compute what it computes. All
below the boundary is frozen, batch norm included, and is used as in service: activations there do not change while the
rest learns. What crosses the boundary is one vector for each photo, whatever the number of tensors.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import keras
from keras import layers

from mobile_models.document import Sha256
from training.backbones import BACKBONE, EMBEDDING, body_of, head_of
from training.recipe import RecipeError
from training.recipe_parts import Stage

WORTH_STORING = 2
"""A cut may cross so many times as many numbers as the narrowest one does, if it spares more computing."""


@dataclass(frozen=True)
class Boundary:
    """`lower`: photo to activations [batch, length]; `upper`: those to logits. `name` says where it is."""

    name: str
    lower: keras.Model
    upper: keras.Model

    @property
    def network(self) -> Sha256:
        """Digest of architecture and weights of the lower part; names of layers do not count."""
        digest = hashlib.sha256(_architecture(self.lower).encode())
        for weight in self.lower.weights:
            digest.update(keras.ops.convert_to_numpy(weight.value).tobytes())
        return Sha256(digest.hexdigest())


def split_at(model: keras.Model, stage: Stage) -> Boundary:
    """Split `model`, whose layers are trainable as `stage` wants it, below all that learns.

    Raise `RecipeError` if nothing is frozen there.
    """
    if not stage.trains_body:
        return Boundary(EMBEDDING, body_of(model), head_of(model))
    body = model.get_layer(BACKBONE)
    kept = _cut(body)
    if not any(layer.weights for layer in body.layers[:kept]):
        raise RecipeError(
            f"cached_views of stage {stage.name!r}: the whole {model.name} learns there, so nothing below stays the "
            "same. Set it to 0, or train fewer layers."
        )
    crossing = _crossing(_spans(body), kept)
    return Boundary(_name(body, kept), _lower(model, body, crossing), _upper(model, body, crossing))


def _cut(body: keras.Model) -> int:
    """Return how many of the first layers of `body` stay below: none of them learns.

    It is the last cut that few numbers cross: the narrowest one may lie far below and spare little computing.
    """
    learning = [place for place, layer in enumerate(body.layers) if layer.trainable and layer.weights]
    spans = _spans(body)
    widths = [_width(_crossing(spans, kept)) for kept in range(1, min(learning, default=len(body.layers)) + 1)]
    return max(kept for kept, width in enumerate(widths, 1) if width <= WORTH_STORING * min(widths))


@dataclass
class _Span:
    """A tensor, made by the layer at place `made`, and taken last by the one at `taken`; the end counts as one."""

    tensor: Any
    made: int
    taken: int


def _spans(body: keras.Model) -> list[_Span]:
    places = {id(layer): place for place, layer in enumerate(body.layers)}
    spans: dict[int, _Span] = {}
    for node in _nodes(body):
        for tensor in node.outputs:
            spans[id(tensor)] = _Span(tensor, places[id(node.operation)], -1)
    for node in _nodes(body):
        for tensor in node.input_tensors:
            span = spans[id(tensor)]
            span.taken = max(span.taken, places[id(node.operation)])
    for tensor in body.outputs:
        spans[id(tensor)].taken = len(body.layers)
    return list(spans.values())


def _crossing(spans: Sequence[_Span], kept: int) -> list[Any]:
    """The outputs of the first `kept` layers that later ones, or those who use the whole, take."""
    return [span.tensor for span in spans if span.made < kept <= span.taken]


def _nodes(network: keras.Model) -> list[Any]:
    """The uses of layers in this network, from input to output; a layer may be used in others too."""
    depths = sorted(network._nodes_by_depth, reverse=True)
    return [node for depth in depths for node in network._nodes_by_depth[depth]]


def _width(tensors: Sequence[Any]) -> int:
    return sum(prod(tensor.shape[1:]) for tensor in tensors)


def _name(body: keras.Model, kept: int) -> str:
    return f"{BACKBONE}/{kept} of {len(body.layers)} layers"


def _lower(model: keras.Model, body: keras.Model, crossing: list[Any]) -> keras.Model:
    tensors = model.input
    for layer in _chain(model)[: _chain(model).index(body)]:
        tensors = layer(tensors)
    reached = keras.Model(body.inputs, crossing)(tensors)
    flat = [layers.Flatten()(tensor) for tensor in (reached if isinstance(reached, list) else [reached])]
    return keras.Model(model.input, flat[0] if len(flat) == 1 else layers.Concatenate()(flat))


def _upper(model: keras.Model, body: keras.Model, crossing: list[Any]) -> keras.Model:
    flat = keras.Input((_width(crossing),), name="kept")
    tensors = keras.Model(crossing, body.outputs)(_unpacked(flat, crossing))
    tensor = tensors[0] if isinstance(tensors, list) else tensors
    for layer in _chain(model)[_chain(model).index(body) + 1 :]:
        tensor = layer(tensor)
    return keras.Model(flat, tensor)


def _unpacked(flat: Any, crossing: list[Any]) -> list[Any]:
    unpacked, start = [], 0
    for tensor in crossing:
        end = start + _width([tensor])
        unpacked.append(layers.Reshape(tensor.shape[1:])(flat[:, start:end]))
        start = end
    return unpacked


def _chain(model: keras.Model) -> list[keras.Layer]:
    """The layers of a whole model after the photo, which follow one another."""
    return [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]


def _architecture(model: keras.Model) -> str:
    """Text that is the same for networks that compute the same from the same weights, whatever layers are called."""
    places = {id(layer): place for place, layer in enumerate(model.layers)}
    lines = []
    for node in _nodes(model):
        layer = node.operation
        config = {key: value for key, value in layer.get_config().items() if key not in ("name", "trainable")}
        inner = _architecture(layer) if isinstance(layer, keras.Model) else json.dumps(config, default=str)
        before = [places[id(tensor._keras_history.operation)] for tensor in node.input_tensors]
        lines.append(f"{places[id(layer)]} {type(layer).__name__} {before} {inner}")
    return "\n".join(lines)
