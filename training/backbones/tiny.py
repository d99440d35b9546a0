"""Four convolutions for tests and drawn pictures; nobody's product."""

import keras
from keras import layers

from training.backbones.parts import BACKBONE, Shape


def build(shape: Shape) -> keras.Model:
    picture = keras.Input(shape)
    features = picture
    for filters in (16, 32, 48, 64):
        features = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
    return keras.Model(picture, features, name=BACKBONE)
