"""Networks: a backbone by name, the scaling it is fed with, and our head on it.

Guarantees: a model takes pixels in 0 to 255 (float32 [batch, height, width, 3]), scales them itself, and gives logits
(float32 [batch, labels]). Its layer `embedding` is the pooled features; what comes after it is the head.
"""

from collections.abc import Callable
from pathlib import Path

import keras
from keras import layers

from training.backbone_facts import FACTS, Backbone, Scaling
from training.dataset import DataError
from training.recipe import IMAGENET, RANDOM, Recipe, check_weights
from training.recipe_parts import Stage

BACKBONE, EMBEDDING, LOGITS = "backbone", "embedding", "logits"
_SCALES = {Scaling.ZERO_TO_ONE: (1 / 255, 0.0), Scaling.MINUS_ONE_TO_ONE: (1 / 127.5, -1.0)}
Shape = tuple[int, int, int]


def build(recipe: Recipe, label_count: int, weights: str) -> keras.Model:
    """Return the float model. `weights`: "imagenet" (Keras downloads them), "random", or a weights file.

    Raise `RecipeError` or `DataError` if those weights cannot be had or do not fit.
    """
    check_weights(recipe, weights)
    shape = (recipe.input_spec.height, recipe.input_spec.width, 3)
    photo = keras.Input(shape, name="photo")
    scale, offset = _SCALES[recipe.scaling or FACTS[recipe.backbone].scaling]
    scaled = layers.Rescaling(scale, offset, name="scaling")(photo)
    features = _backbone(recipe.backbone, shape, weights)(scaled)
    embedding = layers.GlobalAveragePooling2D(name=EMBEDDING)(features)
    logits = layers.Dense(label_count, name=LOGITS)(_hidden(recipe, embedding))
    return keras.Model(photo, logits, name=recipe.name)


def continue_from(checkpoint: Path, recipe: Recipe, label_count: int) -> keras.Model:
    """Return the model with the weights of a release's `checkpoint`; labels that it does not know start afresh.

    Raise `DataError` if the checkpoint cannot be read or is of another network.
    """
    model = build(recipe, label_count, RANDOM)
    try:
        earlier = keras.saving.load_model(checkpoint, compile=False)
        for layer in model.layers:
            _take_weights(layer, earlier.get_layer(layer.name))
    except (OSError, ValueError) as error:
        raise DataError(f"{checkpoint} is no checkpoint that recipe {recipe.name} can go on from: {error}") from error
    return model


def _take_weights(layer: keras.Layer, earlier: keras.Layer) -> None:
    taken = earlier.get_weights()
    if layer.name == LOGITS:
        grown = layer.get_weights()
        for new, old in zip(grown, taken, strict=True):
            new[..., : old.shape[-1]] = old
        taken = grown
    layer.set_weights(taken)


def save(model: keras.Model, checkpoint: Path) -> None:
    """Write the float model without its optimiser."""
    keras.Model(model.input, model.output, name=model.name).save(checkpoint)


def body_of(model: keras.Model) -> keras.Model:
    """Return the part from photo to embedding, sharing its weights."""
    return keras.Model(model.input, model.get_layer(EMBEDDING).output)


def head_of(model: keras.Model) -> keras.Model:
    """Return the part from embedding to logits, sharing its weights."""
    embedding = keras.Input(model.get_layer(EMBEDDING).output.shape[1:])
    names = [layer.name for layer in model.layers]
    logits = embedding
    for name in names[names.index(EMBEDDING) + 1 :]:
        logits = model.get_layer(name)(logits)
    return keras.Model(embedding, logits)


def set_trainable(model: keras.Model, stage: Stage) -> None:
    """Let the head learn and the last layers of the backbone that `stage` names; frozen batch norm is as in use."""
    body = model.get_layer(BACKBONE)
    first = len(body.layers) - stage.trainable_layers
    body.trainable = True
    for position, layer in enumerate(body.layers):
        frozen_norm = stage.batch_norm_frozen and isinstance(layer, layers.BatchNormalization)
        layer.trainable = position >= first and not frozen_norm


def _hidden(recipe: Recipe, embedding: keras.KerasTensor) -> keras.KerasTensor:
    head = recipe.head
    if head.batch_norm:
        embedding = layers.BatchNormalization(name="head_norm")(embedding)
    if head.dense_units:
        embedding = layers.Dense(head.dense_units, activation="relu", name="head_dense")(embedding)
    return layers.Dropout(head.dropout, name="head_dropout")(embedding) if head.dropout else embedding


def _backbone(name: Backbone, shape: Shape, weights: str) -> keras.Model:
    source = None if weights == RANDOM else weights
    try:
        return _BUILDERS[name](shape, source)
    except (OSError, ValueError) as error:
        hint = " Without a network, give a weights file or 'random'." if weights == IMAGENET else ""
        raise DataError(f"The weights {weights} do not fit {name} or cannot be had: {error}.{hint}") from error


def _resnet50v2(shape: Shape, weights: str | None) -> keras.Model:
    return keras.applications.ResNet50V2(include_top=False, weights=weights, input_shape=shape, name=BACKBONE)


def _mobilenet_v2(shape: Shape, weights: str | None) -> keras.Model:
    return keras.applications.MobileNetV2(include_top=False, weights=weights, input_shape=shape, name=BACKBONE)


def _tiny(shape: Shape, weights: str | None) -> keras.Model:
    picture = keras.Input(shape)
    features = picture
    for filters in (16, 32, 48, 64):
        features = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(features)
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
    body = keras.Model(picture, features, name=BACKBONE)
    if weights is not None:
        body.load_weights(weights)
    return body


_BUILDERS: dict[Backbone, Callable[[Shape, str | None], keras.Model]] = {
    Backbone.RESNET50V2: _resnet50v2,
    Backbone.MOBILENET_V2: _mobilenet_v2,
    Backbone.TINY: _tiny,
}
