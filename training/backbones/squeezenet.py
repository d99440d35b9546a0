"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, with its authors' later changes), as torchvision has it.

Its last convolution, one channel for each label, is left out: pooled features and our head stand in its place.
"""

import keras
from keras import layers

from training.backbones.parts import BACKBONE, Shape
from training.backbones.torch_layers import convolution, pool_rounded_up, relu

_FIRES = {
    **{3: (16, 64), 4: (16, 64), 6: (32, 128), 7: (32, 128)},
    **{9: (48, 192), 10: (48, 192), 11: (64, 256), 12: (64, 256)},
}
"""Filters that squeeze, and filters of each of the two that expand, by position; the rest up to 12 are poolings."""


def build(shape: Shape) -> keras.Model:
    picture = keras.Input(shape)
    features = relu(convolution(picture, "features.0", 64, 3, stride=2, bias=True), "features.0")
    for position in range(2, 13):
        name = f"features.{position}"
        fire = _FIRES.get(position)
        features = _fire(features, name, *fire) if fire else pool_rounded_up(features, name)
    return keras.Model(picture, features, name=BACKBONE)


def _fire(features: keras.KerasTensor, name: str, squeezed: int, expanded: int) -> keras.KerasTensor:
    def step(source: keras.KerasTensor, part: str, filters: int, kernel: int) -> keras.KerasTensor:
        layer = f"{name}.{part}"
        return relu(convolution(source, layer, filters, kernel, padding=kernel // 2, bias=True), layer)

    narrow = step(features, "squeeze", squeezed, 1)
    wide = [step(narrow, "expand1x1", expanded, 1), step(narrow, "expand3x3", expanded, 3)]
    return layers.Concatenate(name=f"{name}.expand")(wide)
