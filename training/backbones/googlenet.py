"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842) with batch norm and no side heads, layer for layer as torchvision's.

Its "5x5" branch is one of 3x3, a slip of the implementation whose weights everybody uses.
"""

import keras
from keras import layers

from training.backbones.parts import BACKBONE, Shape
from training.backbones.torch_layers import convolution, norm, pool_rounded_up, relu

_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Filters: 1x1; 3x3 narrow and wide; "5x5" narrow and wide; after the pooling (table 1 of the paper)."""


def build(shape: Shape) -> keras.Model:
    picture = keras.Input(shape)
    features = _step(picture, "conv1", 64, 7, stride=2)
    features = pool_rounded_up(features, "maxpool1")
    features = _step(_step(features, "conv2", 64, 1), "conv3", 192, 3)
    features = pool_rounded_up(features, "maxpool2")
    for name, filters in _INCEPTIONS.items():
        features = _inception(features, f"inception{name}", filters)
        if name == "3b":
            features = pool_rounded_up(features, "maxpool3")
        if name == "4e":
            features = pool_rounded_up(features, "maxpool4", size=2)
    return keras.Model(picture, features, name=BACKBONE)


def _inception(
    features: keras.KerasTensor, name: str, filters: tuple[int, int, int, int, int, int]
) -> keras.KerasTensor:
    single, narrow, wide, narrow_too, wide_too, pooled = filters
    around = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}.branch4.0")(features)
    branches = [
        _step(features, f"{name}.branch1", single, 1),
        _step(_step(features, f"{name}.branch2.0", narrow, 1), f"{name}.branch2.1", wide, 3),
        _step(_step(features, f"{name}.branch3.0", narrow_too, 1), f"{name}.branch3.1", wide_too, 3),
        _step(around, f"{name}.branch4.1", pooled, 1),
    ]
    return layers.Concatenate(name=name)(branches)


def _step(features: keras.KerasTensor, name: str, filters: int, kernel: int, stride: int = 1) -> keras.KerasTensor:
    features = convolution(features, f"{name}.conv", filters, kernel, stride=stride, padding=kernel // 2, bias=False)
    return relu(norm(features, f"{name}.bn", epsilon=1e-3), name)
