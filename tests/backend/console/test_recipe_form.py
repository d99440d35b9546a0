"""The form of a recipe knows every field of every recipe."""

import pytest

from backend.console.language import language
from backend.console.models import recipe_form, recipe_words
from backend.console.models.recipe_form import Mistakes
from training import recipe

ENGLISH = language("en")


@pytest.mark.parametrize("name", recipe.names())
def test_what_is_shown_is_the_recipe_that_is_read(name: str) -> None:
    wanted = recipe.load(name)
    given = recipe_form.typed(wanted)
    assert recipe_form.read(ENGLISH, given) == wanted
    shown = recipe_form.form(ENGLISH, wanted, given)
    fields = [field for group in (*shown.groups, *shown.stages) for field in group.fields]
    assert {field.path for field in fields} == set(given), "a field of the recipe has no place in the form"
    assert all(field.meaning and not field.is_changed for field in fields)


def test_every_meaning_is_of_a_field() -> None:
    places = {path for _, paths in recipe_words.GROUPS.values() for path in paths}
    assert set(recipe_words.MEANINGS) == places | {f"stages.{name}" for name in recipe_words.STAGE_FIELDS}


@pytest.mark.parametrize(
    ("path", "text", "beside", "said"),
    [
        ("batch_size", "0", "batch_size", "At least 1."),
        ("batch_size", "many", "batch_size", "A whole number is needed."),
        ("head.dropout", "1", "head.dropout", "Less than 1."),
        ("gradient_norm", "inf", "gradient_norm", "A number is needed."),
        ("backbone", "resnet", "backbone", "Choose one of the list."),
        ("name", "Two Words", "name", "Lower-case letters, digits and _ only, beginning with a letter."),
        ("momentum", "0.5", "momentum", "momentum: adam has its own only sgd takes one"),
        ("split.0", "0.5", "split.0", "split: three shares above 0 that sum to 1"),
        ("stages.0.trainable_layers", "5000", "stages.0.trainable_layers", "has only 190 layers"),
        ("stages.0.warmup_epochs", "5000", "stages.0.warmup_epochs", "must be less than epochs"),
    ],
)
def test_a_mistake_is_told_beside_its_field(path: str, text: str, beside: str, said: str) -> None:
    given = recipe_form.typed(recipe.load("resnet50v2")) | {path: text}
    with pytest.raises(Mistakes) as refused:
        recipe_form.read(ENGLISH, given)
    shown = recipe_form.form(ENGLISH, recipe.load("resnet50v2"), given, refused.value)
    errors = {
        field.path: field.error for group in (*shown.groups, *shown.stages) for field in group.fields if field.error
    }
    assert list(errors) == [beside]
    assert said in errors[beside]
    assert not shown.problems


def test_stages_are_added_and_taken_out() -> None:
    given = recipe_form.typed(recipe.load("tiny"))
    more = recipe_form.with_stage(given) | {"stages.1.epochs": "7"}
    assert [stage.epochs for stage in recipe_form.read(ENGLISH, more).stages] == [20, 7]
    left = recipe_form.without_stage(more, 0)
    assert [stage.epochs for stage in recipe_form.read(ENGLISH, left).stages] == [7]
