"""Each recipe of a paper is what the paper says, field for field; what it leaves open is not looked at here."""

import pytest

from training import recipe
from training.backbone_facts import FACTS
from training.recipe import RecipeError
from training.recipe_parts import Optimizer, Schedule

WASTENET_TABLE = {
    "densenet121": 0.942,
    "resnet101": 0.939,
    "resnet50": 0.937,
    "vgg16": 0.928,
    "resnet34": 0.918,
    "densenet161": 0.913,
    "vgg19": 0.907,
    "squeezenet": 0.811,
    "alexnet": 0.784,
}


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("resnet50v2", 0.9051),
        ("resnet50_four_groups", 0.93),
        ("convnext", 0.9206),
        ("resnet18_frozen", 0.9579),
        ("googlenet_frozen", 0.70),
        ("wastenet", 0.970),
        *((f"wastenet_{backbone}", accuracy) for backbone, accuracy in WASTENET_TABLE.items()),
    ],
)
def test_a_papers_figure_stands_beside_its_recipe_with_the_split_it_was_measured_on(name: str, accuracy: float) -> None:
    paper = recipe.paper(name)
    assert paper is not None
    assert paper.accuracy == accuracy
    assert "random" in paper.split


def test_a_recipe_of_our_own_has_no_paper() -> None:
    assert recipe.paper("mobilenet_v2") is None
    with pytest.raises(RecipeError, match="no recipe 'resnet'"):
        recipe.paper("resnet")


@pytest.mark.parametrize("name", recipe.names())
def test_each_recipe_holds_photos_out_that_select_nothing(name: str) -> None:
    _train, validation, holdout = recipe.load(name).split
    assert min(validation, holdout) >= 0.1


def test_the_reference_at_224_differs_in_nothing_else() -> None:
    small, large = recipe.load("resnet50v2_224"), recipe.load("resnet50v2")
    assert small.input_edge == 224
    assert small.with_changes(name=large.name, description=large.description, input_edge=384) == large


def test_the_four_groups_recipe_is_the_papers() -> None:
    paper = recipe.load("resnet50_four_groups")
    (stage,) = paper.stages
    assert (paper.backbone, stage.learning_rate, stage.epochs, paper.split[0]) == ("resnet50", 0.001, 300, 0.7)
    changes = paper.augmentation
    assert changes.brightness_fraction and changes.zoom_fraction and changes.saturation_fraction
    assert changes.noise and changes.blur_pixels and changes.horizontal_flip


def test_the_convnext_recipe_is_the_papers() -> None:
    paper = recipe.load("convnext")
    (stage,) = paper.stages
    assert (paper.backbone, paper.input_edge, paper.scaling) == ("convnext_tiny", 242, "imagenet_normal")
    assert (stage.learning_rate, stage.schedule, stage.decay_factor) == (0.00275, Schedule.EXPONENTIAL, 0.75)
    assert (paper.batch_size, paper.split) == (24, (0.7, 0.1, 0.2))
    changes = paper.augmentation
    assert changes.rotation_degrees and changes.zoom_fraction and changes.shift_fraction
    assert changes.brightness_fraction and changes.contrast_fraction
    assert changes.horizontal_flip and changes.vertical_flip


@pytest.mark.parametrize(("name", "batch_size"), [("resnet18_frozen", 32), ("googlenet_frozen", 64)])
def test_the_frozen_recipes_are_the_papers(name: str, batch_size: int) -> None:
    paper = recipe.load(name)
    (stage,) = paper.stages
    assert not stage.trains_body
    assert (paper.optimizer, stage.learning_rate, paper.batch_size) == (Optimizer.SGD, 0.003, batch_size)
    assert (paper.crop, paper.split[0], stage.epochs) == ("centre_square", 0.8, 10)
    assert paper.augmentation.rotation_degrees
    assert not paper.head.dense_units


def test_the_wastenet_recipe_is_the_papers() -> None:
    paper = recipe.load("wastenet")
    head, *unfreezing = paper.stages
    assert (paper.backbone, paper.split, head.epochs) == ("densenet169", (0.5, 0.25, 0.25), 100)
    assert not head.trains_body
    assert head.stop_patience is not None
    assert [stage.trainable_groups for stage in unfreezing] == [1, 2, 3, 4, 5]
    assert all(stage.group_learning_rate_factor < 1 for stage in unfreezing)
    changes = paper.augmentation
    assert changes.zoom_fraction and changes.rotation_degrees and changes.shift_fraction and changes.horizontal_flip
    assert not changes.vertical_flip


@pytest.mark.parametrize("backbone", WASTENET_TABLE)
def test_the_rows_of_the_wastenet_table_differ_in_the_backbone_only(backbone: str) -> None:
    row, wastenet = recipe.load(f"wastenet_{backbone}"), recipe.load("wastenet")
    assert row.backbone == backbone
    assert row.stages[-1].trainable_groups == FACTS[row.backbone].groups
    shared = row.model_dump(exclude={"name", "description", "backbone", "stages"})
    assert shared == wastenet.model_dump(exclude={"name", "description", "backbone", "stages"})


@pytest.mark.parametrize("name", ["densenet201", "efficientnet_v2_b0", "mobilenet_v3_large", "convnext_tiny"])
def test_further_backbones_train_the_head_and_then_the_upper_groups(name: str) -> None:
    head, tail = recipe.load(name).stages
    assert not head.trains_body
    assert (tail.trainable_groups, tail.batch_norm_frozen) == (2, True)


@pytest.mark.parametrize("name", ["resnet18_frozen", "googlenet_frozen"])
def test_a_body_that_never_learns_refuses_random_weights_unless_asked(name: str) -> None:
    with pytest.raises(RecipeError, match=r"never trains its backbone.*'random_frozen'"):
        recipe.check_weights(recipe.load(name), "random")
    recipe.check_weights(recipe.load(name), "random_frozen")
    recipe.check_weights(recipe.load(name), "champion")
    recipe.check_weights(recipe.load("wastenet"), "random")


def test_more_groups_than_the_backbone_has_are_refused() -> None:
    stage = recipe.load("wastenet_squeezenet").stages[-1].model_dump() | {"trainable_groups": 5}
    with pytest.raises(RecipeError, match=r"trainable_groups of stage 'top_4': squeezenet has only 4 groups"):
        recipe.load("wastenet_squeezenet").with_changes(stages=[stage])
