"""Which layers of a backbone learn together.

Guarantees: the groups of a backbone are all of its layers, in order, each in one group, and each group has weights.
"""

import keras
from keras import layers

from training.backbones.parts import BACKBONE
from training.recipe_parts import Stage

_MAY_SHRINK = (
    *(layers.Conv2D, layers.DepthwiseConv2D, layers.MaxPooling2D, layers.AveragePooling2D),
    keras.Sequential,  # ConvNeXt's norm and convolution between its stages.
)


def groups_of(body: keras.Model) -> list[list[keras.Layer]]:
    """Return stretches of equal output resolution, from the photo upwards.

    Padding does not begin a group, and what has no weights belongs to the group that comes next, or else to the last.
    """
    groups: list[list[keras.Layer]] = [[]]
    resolution = body.input.shape[1]
    for layer in body.layers:
        if _shrinks(layer) and layer.output.shape[1] < resolution:
            resolution = layer.output.shape[1]
            if _has_weights(groups[-1]):
                groups.append([])
        groups[-1].append(layer)
    if not _has_weights(groups[-1]):
        groups[-2].extend(groups.pop())
    return groups


def set_trainable(model: keras.Model, stage: Stage) -> None:
    """Let the head learn and the last layers of the backbone that `stage` names; frozen batch norm is as in use."""
    body = model.get_layer(BACKBONE)
    first = len(body.layers) - _trainable_count(body, stage)
    body.trainable = True
    for position, layer in enumerate(body.layers):
        frozen_norm = stage.batch_norm_frozen and isinstance(layer, layers.BatchNormalization)
        layer.trainable = position >= first and not frozen_norm


def _trainable_count(body: keras.Model, stage: Stage) -> int:
    if not stage.trainable_groups:
        return stage.trainable_layers
    return sum(len(group) for group in groups_of(body)[-stage.trainable_groups :])


def _shrinks(layer: keras.Layer) -> bool:
    """Whether it makes a smaller map; what squeezes a whole map into one pixel to weigh channels does not."""
    return isinstance(layer, _MAY_SHRINK) and layer.output.shape[1] < layer.input.shape[1]


def _has_weights(group: list[keras.Layer]) -> bool:
    return any(layer.weights for layer in group)
