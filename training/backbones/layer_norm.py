"""Layer norm in arithmetic that int8 has.

Guarantees: the same weights and, within rounding, the same numbers as Keras' layer, which subtracts by a negation; the
int8 runtime has none, so an export of Keras' own would compute in float in between.
"""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("wastelens")
class LayerNormalization(layers.LayerNormalization):  # type: ignore[misc]  # Keras has no types.
    """Over the channels (Ba et al. 2016, arXiv:1607.06450), in float32 whatever the precision around it.

    It has the name of Keras' own, since weight files find a layer by that of its class.
    """

    def call(self, inputs: Any) -> Any:
        features = ops.cast(inputs, "float32")
        centred = features - ops.mean(features, axis=-1, keepdims=True)
        variance = ops.mean(centred * centred, axis=-1, keepdims=True)
        normal = centred * ops.rsqrt(variance + self.epsilon)
        scaled = normal * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(scaled, inputs.dtype)


def replaced(body: keras.Model) -> keras.Model:
    """Return a network of the same layers and weights, with this layer in place of Keras'."""
    copied = keras.models.clone_model(body, clone_function=_copy, recursive=True)
    copied.set_weights(body.get_weights())
    return copied


def _copy(layer: keras.Layer) -> keras.Layer:
    kind = LayerNormalization if type(layer) is layers.LayerNormalization else type(layer)
    return kind.from_config(layer.get_config())
