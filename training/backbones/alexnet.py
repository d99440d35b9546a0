"""AlexNet's convolutions in its one-column form (Krizhevsky 2014, arXiv:1404.5997), layer for layer as torchvision's.

Its three large dense layers are left out: pooled features and our head stand in their place.
"""

import keras

from training.backbones.parts import BACKBONE, Shape
from training.backbones.torch_layers import convolution, pool, relu


def build(shape: Shape) -> keras.Model:
    picture = keras.Input(shape)
    features = _step(picture, "features.0", 64, 11, stride=4, padding=2)
    features = pool(features, "features.2")
    features = _step(features, "features.3", 192, 5, padding=2)
    features = pool(features, "features.5")
    for name, filters in (("features.6", 384), ("features.8", 256), ("features.10", 256)):
        features = _step(features, name, filters, 3, padding=1)
    return keras.Model(picture, pool(features, "features.12"), name=BACKBONE)


def _step(
    features: keras.KerasTensor, name: str, filters: int, kernel: int, *, stride: int = 1, padding: int
) -> keras.KerasTensor:
    return relu(convolution(features, name, filters, kernel, stride=stride, padding=padding, bias=True), name)
