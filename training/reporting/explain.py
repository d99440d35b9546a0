"""Where a model looked: Grad-CAM on the float checkpoint, on any of Keras' backends.

Guarantees: the heat map shows what spoke for the given label alone, from 0 to 1 over the whole photo, at the resolution
of the backbone's last feature map. A network without such a map is refused with `NoHeatMap`, never shown a wrong one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import backbones

OPACITY = 0.5
Gradient = NDArray[np.float32]


class NoHeatMap(Exception):
    """The checkpoint cannot be read, or has no feature map to look into; the message says which."""


class GradCam:
    """Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391): the feature maps before pooling, each weighed by the mean
    gradient of the label's logit, summed, negative parts cut off."""

    def __init__(self, checkpoint: Path) -> None:
        try:
            model = backbones.saved_model(checkpoint)
            pooling = model.get_layer(backbones.EMBEDDING)
        except (OSError, ValueError) as error:
            raise NoHeatMap(f"{checkpoint} is no checkpoint of ours: {error}") from error
        features = pooling.input
        if not isinstance(features, keras.KerasTensor) or len(features.shape) != 4:
            raise NoHeatMap(f"{model.name} has no feature map before its embedding")
        self._edges: tuple[int, int] = (model.input.shape[1], model.input.shape[2])
        self._body = keras.Model(model.input, features)
        self._tail = _tail(model, features)

    def heat(self, picture: NDArray[np.uint8], label: int) -> NDArray[np.float32]:
        """Return float32 [height, width], 0 to 1, for one prepared photo uint8 [H, W, 3] and a position of a logit."""
        if picture.shape[:2] != self._edges:
            raise NoHeatMap(f"the checkpoint takes {self._edges}, the photo was prepared as {picture.shape[:2]}")
        batch = picture[np.newaxis].astype(np.float32)
        features = np.asarray(keras.ops.convert_to_numpy(self._body(batch, training=False)), dtype=np.float32)
        weights = _gradient(self._tail, features, label)[0].mean(axis=(0, 1))
        heat = np.maximum((features[0] * weights).sum(axis=2), 0)
        small = Image.fromarray((heat / max(float(heat.max()), 1e-12)).astype(np.float32))
        large = np.asarray(small.resize((picture.shape[1], picture.shape[0]), Image.Resampling.BICUBIC))
        return np.asarray(np.clip(large, 0, 1), dtype=np.float32)


def overlay(picture: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the photo in grey, with the heat from dark violet to yellow on it, uint8 [H, W, 3]."""
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    strength = OPACITY * np.minimum(1, heat * 1.5)[..., None]
    mixed = grey * (1 - strength) + _colours(heat) * strength
    return np.asarray(np.clip(mixed, 0, 255), dtype=np.uint8)


# Equal steps look equally far apart, also to the colour-blind, and in grey.
_PALETTE = np.array([(45, 17, 95), (114, 31, 129), (182, 54, 121), (241, 96, 93), (254, 175, 119), (252, 253, 191)])


def _colours(heat: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.linspace(0, 1, len(_PALETTE))
    return np.stack([np.interp(heat, steps, _PALETTE[:, channel]) for channel in range(3)], axis=-1)


def _tail(model: keras.Model, features: keras.KerasTensor) -> keras.Model:
    """Return the part from the last feature map to the logits, sharing its weights."""
    given = keras.Input(features.shape[1:])
    names = [layer.name for layer in model.layers]
    answer = given
    for name in names[names.index(backbones.EMBEDDING) :]:
        answer = model.get_layer(name)(answer)
    return keras.Model(given, answer)


def _gradient(tail: keras.Model, features: Gradient, label: int) -> Gradient:
    """Return the gradient of one logit by the feature maps [1, h, w, c]."""
    return _GRADIENTS[keras.backend.backend()](tail, features, label)


def _tensorflow_gradient(tail: keras.Model, features: Gradient, label: int) -> Gradient:
    import tensorflow as tf  # noqa: PLC0415  # Only the backend that is in use is there for sure.

    given = tf.convert_to_tensor(features)
    with tf.GradientTape() as tape:
        tape.watch(given)
        logit = tail(given, training=False)[0, label]
    return np.asarray(tape.gradient(logit, given))


def _jax_gradient(tail: keras.Model, features: Gradient, label: int) -> Gradient:
    import jax  # noqa: PLC0415

    def logit(given: Any) -> Any:
        return tail(given, training=False)[0, label]

    return np.asarray(jax.grad(logit)(features))


def _torch_gradient(tail: keras.Model, features: Gradient, label: int) -> Gradient:
    import torch  # noqa: PLC0415

    given = keras.ops.convert_to_tensor(features).requires_grad_(True)
    (found,) = torch.autograd.grad(tail(given, training=False)[0, label], given)
    return np.asarray(keras.ops.convert_to_numpy(found))


_GRADIENTS: dict[str, Callable[[keras.Model, Gradient, int], Gradient]] = {
    "tensorflow": _tensorflow_gradient,
    "jax": _jax_gradient,
    "torch": _torch_gradient,
}
