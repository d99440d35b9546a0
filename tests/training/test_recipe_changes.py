"""Recipes changed by dotted paths, as `--set` gives them."""

from pathlib import Path

import pytest

from training import recipe, recipe_changes
from training.recipe import RecipeError
from training.recipe_parts import Optimizer


def changed(name: str, *settings: str) -> recipe.Recipe:
    return recipe_changes.with_settings(recipe.load(name), recipe_changes.parse(settings))


def test_a_field_of_the_recipe_and_of_its_parts_is_set() -> None:
    made = changed("mobilenet_v2", "optimizer=adam", "weight_decay=0", "augmentation.rotation_degrees=45")
    assert made.optimizer is Optimizer.ADAM
    assert made.augmentation.rotation_degrees == 45
    assert made.stages == recipe.load("mobilenet_v2").stages


def test_a_stage_is_named_by_name_by_place_or_all_at_once() -> None:
    first, *_, last = recipe.load("mobilenet_v2").stages
    made = changed(
        "mobilenet_v2", f"stages.{last.name}.epochs=7", "stages.0.epochs=3", "stages.*.batch_norm_frozen=true"
    )
    assert made.stages[-1].epochs == 7
    assert made.stages[0].epochs == 3
    assert all(stage.batch_norm_frozen for stage in made.stages)
    assert made.stages[0].learning_rate == first.learning_rate


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("batchsize=3", "no field 'batchsize'. Did you mean batch_size?"),
        ("learning_rate=0.1", "Did you mean stages.all.learning_rate?"),
        ("stages.1.epochs=2", "no field 'stages.1.epochs'. Did you mean stages.all.epochs"),
        ("head.dropout.more=2", "no field 'head.dropout.more'"),
        ("batch_size", "write field=value"),
        ("=3", "write field=value"),
        ("batch_size=many", "batch_size: Input should be a valid integer"),
        ("stages.all.learning_rate=2", "stages.0.learning_rate: Input should be less than 1"),
        ("input_edge=33.5", "input_edge"),
        ("loss=square", "loss: Input should be 'cross_entropy' or 'focal'"),
        ("momentum=0.9", "momentum: "),
    ],
)
def test_what_cannot_be_set_is_named_with_what_can(setting: str, complaint: str) -> None:
    with pytest.raises(RecipeError) as refused:
        changed("tiny", setting)
    assert complaint in str(refused.value)


def test_a_shortened_recipe_has_no_stage_longer_than_asked_and_no_warm_up_alone() -> None:
    long = changed("tiny", "stages.all.epochs=9", "stages.all.warmup_epochs=4")
    short = recipe_changes.shortened(long, 2)
    assert (short.stages[0].epochs, short.stages[0].warmup_epochs) == (2, 1)
    assert recipe_changes.shortened(long, 50) == long


def test_a_recipe_comes_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    recipe.load("tiny").write(file)
    assert recipe_changes.read(str(file)) == recipe.load("tiny")
    file.write_text("{}")
    with pytest.raises(RecipeError, match="is no recipe"):
        recipe_changes.read(str(file))
