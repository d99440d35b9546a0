"""Layers that compute what PyTorch's do, named as torchvision names them, so that its weights fit.

Guarantees: padding is on both sides alike, as PyTorch pads (Keras' "same" pads strided layers on one side); a pooling
"rounded up" ends with a window that reaches over the edge. They follow a ReLU wherever zeros stand for "nothing".
"""

import keras
from keras import layers


def convolution(  # A convolution has that many sizes.
    features: keras.KerasTensor, name: str, filters: int, kernel: int, *, stride: int = 1, padding: int = 0, bias: bool
) -> keras.KerasTensor:
    """Apply a square convolution; it is named `name` and its padding, if it has a layer of its own, after it."""
    same = stride == 1 and padding == kernel // 2
    if padding and not same:
        features = layers.ZeroPadding2D(padding, name=f"{name}.padding")(features)
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same" if same else "valid",
        use_bias=bias,
        kernel_initializer="he_normal",
        name=name,
    )(features)


def norm(features: keras.KerasTensor, name: str, epsilon: float = 1e-5) -> keras.KerasTensor:
    """Apply batch norm; PyTorch's momentum of 0.1 is the share of the new, Keras' 0.9 that of the old."""
    return layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=name)(features)


def relu(features: keras.KerasTensor, after: str) -> keras.KerasTensor:
    return layers.ReLU(name=f"{after}.relu")(features)


def pool(features: keras.KerasTensor, name: str, size: int = 3, stride: int = 2) -> keras.KerasTensor:
    """Take maxima, rounded down: what does not fill a window is left out."""
    return layers.MaxPooling2D(size, stride, padding="valid", name=name)(features)


def pool_rounded_up(features: keras.KerasTensor, name: str, size: int = 3, stride: int = 2) -> keras.KerasTensor:
    """Take maxima, rounded up: the last window may reach over the edge (`ceil_mode`)."""
    fits = (features.shape[1] - size) % stride == 0
    return layers.MaxPooling2D(size, stride, padding="valid" if fits else "same", name=name)(features)
