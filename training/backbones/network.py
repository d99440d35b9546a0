"""A whole network, as `training.backbones` promises it: scaling, backbone, pooling, head.

Guarantees: layers are named for their part, so that weights are found again by name.
"""

from pathlib import Path

import keras
from keras import layers

from training.backbone_facts import FACTS, Scaling
from training.backbones import bodies, scaling, weight_files
from training.backbones.parts import EMBEDDING, LOGITS
from training.dataset import DataError
from training.recipe import RANDOM, Recipe, RecipeError, check_weights


def build(recipe: Recipe, label_count: int, weights: str) -> keras.Model:
    """Return the float model. `weights`: "imagenet" (downloaded), "random", "random_frozen", or a weights file.

    Raise `RecipeError` or `DataError` if those weights cannot be had or do not fit.
    """
    check_weights(recipe, weights)
    _check_scaling(recipe, weights)
    return _assemble(recipe, label_count, weights)


def _assemble(recipe: Recipe, label_count: int, weights: str) -> keras.Model:
    shape = (recipe.input_spec.height, recipe.input_spec.width, 3)
    photo = keras.Input(shape, name="photo")
    scaled = scaling.scale(photo, _scaling(recipe))
    features = bodies.build(recipe.backbone, shape, weights)(scaled)
    embedding = layers.GlobalAveragePooling2D(name=EMBEDDING)(features)
    logits = layers.Dense(label_count, name=LOGITS)(_hidden(recipe, embedding))
    return keras.Model(photo, logits, name=recipe.name)


def _check_scaling(recipe: Recipe, weights: str) -> None:
    """Torchvision made its weights for another scaling than Keras where Keras' come from Caffe."""
    if weight_files.is_torchs(weights) and _scaling(recipe) is Scaling.CAFFE:
        raise RecipeError(
            f"scaling: weights of torchvision for {recipe.backbone} were made for {Scaling.IMAGENET_NORMAL}, not "
            f"{Scaling.CAFFE}: set scaling to {Scaling.IMAGENET_NORMAL}."
        )


def _scaling(recipe: Recipe) -> Scaling:
    return recipe.scaling or FACTS[recipe.backbone].scaling


def continue_from(checkpoint: Path, recipe: Recipe, label_count: int) -> keras.Model:
    """Return the model with the weights of a release's `checkpoint`; labels that it does not know start afresh.

    Raise `DataError` if the checkpoint cannot be read or is of another network.
    """
    model = _assemble(recipe, label_count, RANDOM)
    try:
        earlier = weight_files.saved_model(checkpoint)
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


def all_layers(model: keras.Model) -> list[keras.Layer]:
    """Return all layers, those inside others as well, in an order that is the same for equal models."""
    found: list[keras.Layer] = model._flatten_layers(include_self=False)  # There is no public way.
    return found


def head_of(model: keras.Model) -> keras.Model:
    """Return the part from embedding to logits, sharing its weights."""
    embedding = keras.Input(model.get_layer(EMBEDDING).output.shape[1:])
    names = [layer.name for layer in model.layers]
    logits = embedding
    for name in names[names.index(EMBEDDING) + 1 :]:
        logits = model.get_layer(name)(logits)
    return keras.Model(embedding, logits)


def _hidden(recipe: Recipe, embedding: keras.KerasTensor) -> keras.KerasTensor:
    head = recipe.head
    if head.batch_norm:
        embedding = layers.BatchNormalization(name="head_norm")(embedding)
    if head.dense_units:
        embedding = layers.Dense(head.dense_units, activation="relu", name="head_dense")(embedding)
    return layers.Dropout(head.dropout, name="head_dropout")(embedding) if head.dropout else embedding
