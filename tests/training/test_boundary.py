from collections.abc import Iterator

import keras
import numpy as np
import pytest

from training import backbones, recipe
from training.feature_cache.boundary import split_at
from training.fitting import devices
from training.recipe import Recipe, RecipeError
from training.recipe_parts import Stage

EDGE = 64


@pytest.fixture(autouse=True)
def no_leftovers() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def stage_of(wanted: Recipe, layers: int) -> Stage:
    return wanted.stages[-1].model_copy(update={"trainable_layers": layers, "cached_views": 1})


def model_of(name: str, layers: int) -> tuple[keras.Model, Stage]:
    wanted = recipe.load(name).with_changes(input_edge=EDGE)
    model, stage = backbones.build(wanted, 6, "random"), stage_of(wanted, layers)
    _shake(model)
    backbones.set_trainable(model, stage)
    return model, stage


def _shake(model: keras.Model) -> None:
    """Fresh batch norm changes nothing, so give it statistics that do."""
    chance = np.random.default_rng(3)
    for layer in model.get_layer("backbone").layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([weight + chance.uniform(0, 0.2, weight.shape) for weight in layer.get_weights()])


def pictures(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (count, EDGE, EDGE, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "layers", "length"),
    [
        ("resnet50v2", 38, 2 * 2 * 1024 + 2 * 2 * 256),  # a residual connection crosses as well
        ("tiny", 0, 64),
        ("mobilenet_v2", 20, 2 * 2 * 160),
        ("tiny", 6, 16 * 16 * 32),
    ],
)
def test_both_parts_compute_what_the_whole_computes(name: str, layers: int, length: int) -> None:
    model, stage = model_of(name, layers)
    boundary = split_at(model, stage)
    kept = boundary.lower.predict(pictures(), verbose=0)
    assert kept.shape == (3, length)
    assert np.allclose(boundary.upper.predict(kept, verbose=0), model.predict(pictures(), verbose=0), atol=1e-5)


@pytest.mark.parametrize(("name", "layers"), [("resnet50v2", 38), ("mobilenet_v2", 20), ("tiny", 6), ("tiny", 0)])
def test_all_that_learns_is_above_and_shared(name: str, layers: int) -> None:
    model, stage = model_of(name, layers)
    boundary = split_at(model, stage)
    assert boundary.lower.trainable_variables == []
    learning = {id(variable) for variable in model.trainable_variables}
    assert {id(variable) for variable in boundary.upper.trainable_variables} == learning
    assert learning


def test_training_above_leaves_what_is_below(quick: Recipe) -> None:
    model, stage = model_of("tiny", 6)
    boundary = split_at(model, stage)
    before, network = boundary.lower.predict(pictures(), verbose=0), boundary.network
    boundary.upper.compile("sgd", "mse")
    boundary.upper.fit(before, np.ones((3, 6)), verbose=0)
    assert np.array_equal(boundary.lower.predict(pictures(), verbose=0), before)
    assert boundary.network == network


def test_the_network_below_is_named_by_its_weights_and_its_form_alone() -> None:
    keras.utils.set_random_seed(1)
    one = split_at(*model_of("tiny", 6))
    keras.utils.set_random_seed(1)
    same = split_at(*model_of("tiny", 6))  # Its layers have other names.
    other = split_at(*model_of("tiny", 6))
    assert one.network == same.network
    assert one.network != other.network


@pytest.mark.parametrize("changed", [{"scaling": "zero_to_one"}, {"precision": "mixed_bfloat16"}])
def test_another_scaling_or_precision_is_another_network(changed: dict[str, str]) -> None:
    keras.utils.set_random_seed(1)
    model, stage = model_of("tiny", 6)
    plain = split_at(model, stage).network
    keras.utils.set_random_seed(1)
    wanted = recipe.load("tiny").with_changes(input_edge=EDGE, **changed)
    model = backbones.build(wanted, 6, "random")
    _shake(model)
    backbones.set_trainable(model, stage)
    with devices.precision(model, wanted.precision):
        assert split_at(model, stage).network != plain


def test_a_network_that_learns_whole_has_no_boundary() -> None:
    model, stage = model_of("tiny", 13)
    with pytest.raises(RecipeError, match="cached_views of stage 'all': the whole tiny learns"):
        split_at(model, stage)
