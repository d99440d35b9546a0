import keras
import pytest

from training import backbones, recipe
from training.backbone_facts import Backbone
from training.backbones import bodies
from training.recipe_parts import Stage


@pytest.fixture(scope="module")
def squeezenet() -> keras.Model:
    return backbones.build(recipe.load("wastenet_squeezenet").with_changes(input_edge=64), 6, "random")


def test_groups_are_stretches_of_equal_resolution(squeezenet: keras.Model) -> None:
    groups = backbones.groups_of(squeezenet.get_layer("backbone"))
    assert [group[0].name for group in groups[1:]] == ["features.2", "features.5", "features.8"]
    assert groups[1][-1].name == "features.4.expand"
    assert groups[0][1].name == "features.0"


def test_padding_and_gates_of_channels_begin_no_group() -> None:
    body = bodies.build(Backbone.MOBILENET_V3_LARGE, (64, 64, 3), "random")
    groups = backbones.groups_of(body)
    strided = [layer.name for layer in body.layers if getattr(layer, "strides", (1, 1)) == (2, 2)]
    assert [next(layer.name for layer in group if layer.name in strided) for group in groups] == strided


def test_a_stage_trains_the_groups_that_it_names_from_the_top(squeezenet: keras.Model) -> None:
    body = squeezenet.get_layer("backbone")
    groups = backbones.groups_of(body)
    stages = [stage for stage in recipe.load("wastenet_squeezenet").stages if stage.trains_body]
    for stage, count in zip(stages, (1, 2, 3, 4), strict=True):
        backbones.set_trainable(squeezenet, stage)
        trained = [layer for layer in body.layers if layer.trainable]
        assert trained == [layer for group in groups[-count:] for layer in group]
    backbones.set_trainable(squeezenet, recipe.load("wastenet_squeezenet").stages[0])
    assert not body.trainable_variables


def test_batch_norm_of_a_group_stays_frozen_where_the_stage_says_so() -> None:
    model = backbones.build(recipe.load("tiny").with_changes(input_edge=32), 6, "random")
    stage = Stage(name="top", epochs=1, trainable_groups=2, batch_norm_frozen=True, learning_rate=0.1)
    backbones.set_trainable(model, stage)
    assert len(model.get_layer("backbone").trainable_variables) == 2
    backbones.set_trainable(model, stage.model_copy(update={"batch_norm_frozen": False}))
    assert len(model.get_layer("backbone").trainable_variables) == 6
