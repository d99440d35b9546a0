from pathlib import Path

import keras
import numpy as np
import pytest

from training import backbones, recipe
from training.backbone_facts import FACTS, Backbone
from training.dataset import DataError
from training.recipe import Recipe


@pytest.fixture(scope="module")
def resnet() -> keras.Model:
    """ResNet50V2 from random weights; its layers do not depend on the size of the input."""
    return backbones.build(recipe.load("resnet50v2").with_changes(input_edge=32), 6, "random")


def test_the_number_of_layers_is_known_without_keras(resnet: keras.Model) -> None:
    assert len(resnet.get_layer("backbone").layers) == FACTS[Backbone.RESNET50V2].layers
    for name in ("mobilenet_v2", "tiny"):
        built = backbones.build(recipe.load(name).with_changes(input_edge=32), 6, "random")
        assert len(built.get_layer("backbone").layers) == FACTS[recipe.load(name).backbone].layers


def test_the_reference_recipe_trains_the_last_38_layers_with_their_batch_norm(resnet: keras.Model) -> None:
    (stage,) = recipe.load("resnet50v2").stages
    backbones.set_trainable(resnet, stage)
    layers = resnet.get_layer("backbone").layers
    trained = [layer for layer in layers if layer.trainable]
    assert trained == layers[-38:]
    assert trained[0].name == "conv4_block6_3_conv"
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in trained)


def test_the_tuned_recipe_trains_the_head_first_and_then_the_tail_without_batch_norm(resnet: keras.Model) -> None:
    head, tail = recipe.load("resnet50v2_tuned").stages
    body = resnet.get_layer("backbone")
    backbones.set_trainable(resnet, head)
    assert not body.trainable_variables
    assert resnet.get_layer("logits").trainable_variables
    backbones.set_trainable(resnet, tail)
    trained = [layer for layer in body.layers if layer.trainable]
    assert len(trained) > 20
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in trained)


def test_the_papers_head_is_batch_norm_dense_dropout_dense(resnet: keras.Model) -> None:
    names = [layer.name for layer in resnet.layers]
    assert names[names.index("embedding") :] == ["embedding", "head_norm", "head_dense", "head_dropout", "logits"]


@pytest.mark.parametrize(("scaling", "expected"), [("zero_to_one", [0, 1]), ("minus_one_to_one", [-1, 1])])
def test_the_model_scales_raw_pixels_itself(quick: Recipe, scaling: str, expected: list[float]) -> None:
    scaler = backbones.build(quick.with_changes(scaling=scaling), 6, "random").get_layer("scaling")
    assert np.allclose(scaler(np.array([0.0, 255.0], dtype=np.float32)), expected)


def test_body_and_head_together_are_the_model(quick: Recipe) -> None:
    model = backbones.build(quick, 6, "random")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    embedding = backbones.body_of(model)(pixels)
    assert embedding.shape == (3, 64)
    assert np.allclose(backbones.head_of(model)(embedding), model(pixels), atol=1e-5)


def test_a_checkpoint_without_optimiser_can_be_gone_on_from(quick: Recipe, tmp_path: Path) -> None:
    model = backbones.build(quick, 6, "random")
    model.compile("adam")
    backbones.save(model, tmp_path / "checkpoint.keras")
    pixels = np.ones((1, 32, 32, 3), dtype=np.float32)
    loaded = backbones.continue_from(tmp_path / "checkpoint.keras", quick, 6)
    assert np.allclose(loaded(pixels), model(pixels), atol=1e-6)
    assert not keras.saving.load_model(tmp_path / "checkpoint.keras").compiled


def test_new_labels_start_beside_those_the_champion_knows(quick: Recipe, tmp_path: Path) -> None:
    model = backbones.build(quick, 6, "random")
    backbones.save(model, tmp_path / "checkpoint.keras")
    grown = backbones.continue_from(tmp_path / "checkpoint.keras", quick, 7)
    pixels = np.ones((1, 32, 32, 3), dtype=np.float32)
    assert grown(pixels).shape == (1, 7)
    assert np.allclose(grown(pixels)[:, :6], model(pixels), atol=1e-6)


def test_a_checkpoint_of_another_network_or_no_checkpoint_says_so(quick: Recipe, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.keras"
    backbones.save(backbones.build(quick.with_changes(head={"dense_units": 8}), 6, "random"), checkpoint)
    with pytest.raises(DataError, match="no checkpoint that recipe tiny can go on from"):
        backbones.continue_from(checkpoint, quick, 6)
    checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="no checkpoint"):
        backbones.continue_from(checkpoint, quick, 6)


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras says it before it refuses the file.
def test_weights_of_another_network_say_so(tmp_path: Path, quick: Recipe) -> None:
    file = tmp_path / "tiny.weights.h5"
    backbones.build(quick, 6, "random").get_layer("backbone").save_weights(file)
    backbones.build(quick, 6, str(file))
    with pytest.raises(DataError, match="do not fit mobilenet_v2"):
        backbones.build(recipe.load("mobilenet_v2").with_changes(input_edge=32), 6, str(file))
