import keras
import numpy as np

from training.backbones import layer_norm
from training.backbones.parts import EMBEDDING, LOGITS
from training.quantization import quantize

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)


def network() -> keras.Model:
    """With Keras' layer norm, once by itself and once in a network within the network."""
    photo = keras.Input((8, 8, 3))
    features = keras.layers.LayerNormalization(epsilon=1e-6)(keras.layers.Conv2D(4, 3)(photo))
    inner = keras.Sequential([keras.layers.LayerNormalization(epsilon=1e-6), keras.layers.Conv2D(5, 2, strides=2)])
    pooled = keras.layers.GlobalAveragePooling2D(name=EMBEDDING)(inner(features))
    return keras.Model(photo, keras.layers.Dense(3, name=LOGITS)(pooled))


def test_it_computes_what_keras_does_and_ships_without_float_operators() -> None:
    keras.utils.set_random_seed(0)
    theirs = network()
    weights = np.random.default_rng(1)
    theirs.set_weights([weights.uniform(0.1, 1, value.shape) for value in theirs.get_weights()])
    ours = layer_norm.replaced(theirs)
    kinds = [type(layer) for layer in ours._flatten_layers()]
    assert kinds.count(layer_norm.LayerNormalization) == 2
    assert keras.layers.LayerNormalization not in kinds
    photos = PIXELS.astype(np.float32)
    assert np.allclose(ours.predict_on_batch(photos), theirs.predict_on_batch(photos), atol=1e-4)
    assert not quantize.float_operators(quantize.quantize(ours, PIXELS))
