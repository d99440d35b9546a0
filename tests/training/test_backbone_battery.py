"""What every backbone must do: build, learn, come back from its file, and ship as int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from mobile_models.litert_model import LiteRtModel
from training import backbones
from training.backbone_facts import FACTS, Backbone
from training.quantization import quantize
from training.recipe import Recipe
from training.recipe_parts import Head, Stage

LABELS = 3
QUICK = (Backbone.TINY, Backbone.SQUEEZENET, Backbone.MOBILENET_V3_LARGE)
EACH = [
    pytest.param(backbone, id=backbone, marks=() if backbone in QUICK else pytest.mark.slow) for backbone in Backbone
]


@dataclass(frozen=True)
class Trained:
    backbone: Backbone
    model: keras.Model
    losses: tuple[float, float]


def recipe_of(backbone: Backbone) -> Recipe:
    stage = Stage(
        name="all",
        epochs=1,
        trainable_groups=FACTS[backbone].groups,
        batch_norm_frozen=True,  # Two steps say nothing about averages of batches.
        learning_rate=1e-3,
    )
    return Recipe(
        name="battery",
        description="Two steps of any backbone.",
        backbone=backbone,
        input_edge=max(64, FACTS[backbone].minimum_edge),
        head=Head(),
        stages=(stage,),
        batch_size=12,
    )


def pictures(edge: int, count: int = 24) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Reds, greens and blues with a little noise: label 0, 1, 2."""
    chance = np.random.default_rng(0)
    labels = np.arange(count) % LABELS
    pixels = chance.integers(0, 90, (count, 1, 1, 3)) + chance.integers(0, 20, (count, edge, edge, 3))
    pixels[np.arange(count), :, :, labels] += 140
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module", params=EACH)
def trained(request: pytest.FixtureRequest) -> Iterator[Trained]:
    recipe = recipe_of(request.param)
    keras.utils.set_random_seed(1)
    model = backbones.build(recipe, LABELS, "random")
    pixels, labels = pictures(recipe.input_edge)
    settle(model, pixels)
    keep_all(model)
    backbones.set_trainable(model, recipe.stages[0])
    careful = keras.optimizers.SGD(1e-4, global_clipnorm=1.0)
    model.compile(careful, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    inputs = pixels.astype(np.float32)
    before = float(model.test_on_batch(inputs, labels))
    for _ in range(2):
        model.train_on_batch(inputs, labels)
    yield Trained(request.param, model, (before, float(model.test_on_batch(inputs, labels))))
    keras.backend.clear_session()


def keep_all(model: keras.Model) -> None:
    """Drop nothing: what two steps give would be a matter of luck."""
    for layer in model.get_layer("backbone").layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0


def settle(model: keras.Model, pixels: NDArray[np.uint8]) -> None:
    """Give batch norm the averages of these pictures: with none, random layers let nothing through."""
    norms = [
        layer for layer in model.get_layer("backbone").layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(pixels.astype(np.float32), training=True)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def give_a_head(model: keras.Model, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """Set the last layer by ridge regression on the features: two steps are too few to tell colours apart."""
    features = np.asarray(backbones.body_of(model).predict_on_batch(pixels.astype(np.float32)))
    mean, targets = features.mean(axis=0), np.eye(LABELS)[labels] - 1 / LABELS
    likeness = (features - mean) @ (features - mean).T
    ridge = 0.1 * np.trace(likeness) / len(labels) * np.eye(len(labels))
    kernel = (features - mean).T @ np.linalg.solve(likeness + ridge, targets)
    model.get_layer("logits").set_weights([kernel, -mean @ kernel])


def test_its_facts_are_known_without_keras(trained: Trained) -> None:
    facts, body = FACTS[trained.backbone], trained.model.get_layer("backbone")
    groups = backbones.groups_of(body)
    assert (len(body.layers), len(groups)) == (facts.layers, facts.groups)
    assert [layer for group in groups for layer in group] == body.layers
    assert all(any(layer.weights for layer in group) for group in groups)


def test_it_learns_in_two_steps(trained: Trained) -> None:
    before, after = trained.losses
    assert np.isfinite(after)
    assert after < before


def test_it_comes_back_from_its_file(trained: Trained, tmp_path: Path) -> None:
    backbones.save(trained.model, tmp_path / "checkpoint.keras")
    again = backbones.continue_from(tmp_path / "checkpoint.keras", recipe_of(trained.backbone), LABELS)
    pixels = pictures(again.input.shape[1], 4)[0].astype(np.float32)
    assert np.allclose(again(pixels), trained.model(pixels), rtol=1e-4, atol=1e-5)


@pytest.mark.timeout(1200)  # A converter takes minutes for the deepest, where the machine is busy.
def test_its_int8_model_agrees_with_float_on_most_pictures(trained: Trained) -> None:
    pixels, labels = pictures(trained.model.input.shape[1])
    give_a_head(trained.model, pixels, labels)
    floats = np.asarray(trained.model.predict_on_batch(pixels.astype(np.float32)))
    shipped = LiteRtModel(quantize.quantize(trained.model, pixels), LABELS)
    integers = np.array([shipped.run(picture[np.newaxis])[0] for picture in pixels])
    assert set(floats.argmax(axis=1)) == set(range(LABELS))
    assert np.mean(integers.argmax(axis=1) == floats.argmax(axis=1)) >= 0.75
