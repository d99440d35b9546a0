"""DenseNet161 (Huang et al. 2017, arXiv:1608.06993), the wide one that Keras lacks, as torchvision has it."""

import keras
from keras import layers

from training.backbones.parts import BACKBONE, Shape
from training.backbones.torch_layers import convolution, norm, pool, relu

_GROWTH, _BLOCKS = 48, (6, 12, 36, 24)


def build(shape: Shape) -> keras.Model:
    picture = keras.Input(shape)
    features = convolution(picture, "features.conv0", 2 * _GROWTH, 7, stride=2, padding=3, bias=False)
    features = relu(norm(features, "features.norm0"), "features.norm0")
    features = pool(layers.ZeroPadding2D(1, name="features.pool0.padding")(features), "features.pool0")
    for block, count in enumerate(_BLOCKS, start=1):
        if block > 1:
            features = _transition(features, f"features.transition{block - 1}")
        for layer in range(1, count + 1):
            features = _dense_layer(features, f"features.denseblock{block}.denselayer{layer}")
    return keras.Model(picture, relu(norm(features, "features.norm5"), "features.norm5"), name=BACKBONE)


def _dense_layer(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    new = relu(norm(features, f"{name}.norm1"), f"{name}.norm1")
    new = convolution(new, f"{name}.conv1", 4 * _GROWTH, 1, bias=False)
    new = relu(norm(new, f"{name}.norm2"), f"{name}.norm2")
    new = convolution(new, f"{name}.conv2", _GROWTH, 3, padding=1, bias=False)
    return layers.Concatenate(name=name)([features, new])


def _transition(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    features = relu(norm(features, f"{name}.norm"), f"{name}.norm")
    features = convolution(features, f"{name}.conv", features.shape[-1] // 2, 1, bias=False)
    return layers.AveragePooling2D(2, 2, name=f"{name}.pool")(features)
