"""ResNet18 and ResNet34 (He et al. 2016, arXiv:1512.03385), the ones of two 3x3 convolutions a block that Keras lacks.

Layer for layer as torchvision has them.
"""

import keras
from keras import layers

from training.backbones.parts import BACKBONE, Shape
from training.backbones.torch_layers import convolution, norm, pool, relu


def build_18(shape: Shape) -> keras.Model:
    return _build(shape, (2, 2, 2, 2))


def build_34(shape: Shape) -> keras.Model:
    return _build(shape, (3, 4, 6, 3))


def _build(shape: Shape, blocks: tuple[int, int, int, int]) -> keras.Model:
    picture = keras.Input(shape)
    features = convolution(picture, "conv1", 64, 7, stride=2, padding=3, bias=False)
    features = relu(norm(features, "bn1"), "bn1")
    features = pool(layers.ZeroPadding2D(1, name="maxpool.padding")(features), "maxpool")
    for stack, count in enumerate(blocks, start=1):
        for block in range(count):
            stride = 2 if stack > 1 and block == 0 else 1
            features = _block(features, f"layer{stack}.{block}", 64 << (stack - 1), stride)
    return keras.Model(picture, features, name=BACKBONE)


def _block(features: keras.KerasTensor, name: str, filters: int, stride: int) -> keras.KerasTensor:
    new = convolution(features, f"{name}.conv1", filters, 3, stride=stride, padding=1, bias=False)
    new = relu(norm(new, f"{name}.bn1"), f"{name}.bn1")
    new = norm(convolution(new, f"{name}.conv2", filters, 3, padding=1, bias=False), f"{name}.bn2")
    if stride > 1:
        features = convolution(features, f"{name}.downsample.0", filters, 1, stride=stride, bias=False)
        features = norm(features, f"{name}.downsample.1")
    return relu(layers.Add(name=f"{name}.sum")([features, new]), name)
