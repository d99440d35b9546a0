"""Changing a recipe by what people write: `stages.tail.epochs=5`, `augmentation.rotation_degrees=45`.

Guarantees: what comes out is a checked `Recipe`; a path that names no field is refused with the nearest that do. A
stage is named by its name, by its place from 0, or by `*` for all of them. No Keras here.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from training import recipe as recipes
from training.recipe import Recipe, RecipeError

EVERY = "*"


def read(name: str) -> Recipe:
    """A recipe by name, or from a JSON file. Raise `RecipeError` if there is none."""
    if not name.endswith(".json"):
        return recipes.load(name)
    try:
        return Recipe.read(Path(name))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{name} is no recipe: {error}") from error


def parse(settings: Sequence[str]) -> dict[str, Any]:
    """Read `path=value`s; a value is JSON where it can be read so, else text. Raise `RecipeError` without a `=`."""
    parsed = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise RecipeError(f"{setting!r} sets nothing: write field=value, such as batch_size=16.")
        parsed[path] = _value(text)
    return parsed


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """Return a copy with the values at those dotted paths. Raise `RecipeError` naming the field that cannot be."""
    content = recipe.model_dump(mode="json")
    for path, value in settings.items():
        places = list(_places(content, path.split(".")))
        if not places:
            raise RecipeError(_unknown(content, path))
        for holder, key in places:
            holder[key] = value
    return Recipe.checked(content)


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """Return a copy with at most so many epochs in each stage, without warm-up where it would be all there is."""
    stages = [
        stage.model_copy(
            update={"epochs": min(stage.epochs, epochs), "warmup_epochs": min(stage.warmup_epochs, epochs - 1)}
        ).model_dump()
        for stage in recipe.stages
    ]
    return recipe.with_changes(stages=stages)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _places(node: Any, keys: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Yield holder and key of each value that the path names in JSON content."""
    key, *rest = keys
    for found in _keys(node, key):
        if rest:
            yield from _places(node[found], rest)
        else:
            yield node, found


def _keys(node: Any, key: str) -> list[Any]:
    if isinstance(node, dict):
        return [key] if key in node else []
    if not isinstance(node, list):
        return []
    named = [place for place, each in enumerate(node) if isinstance(each, dict) and each.get("name") == key]
    if key == EVERY:
        return list(range(len(node)))
    return named or ([int(key)] if key.isdecimal() and int(key) < len(node) else [])


def _unknown(content: dict[str, Any], path: str) -> str:
    known = list(_paths(content))
    names = {each: each.rpartition(".")[2] for each in known}
    wanted = difflib.get_close_matches(path.rpartition(".")[2], set(names.values()), n=1)
    near = [each for each in known if [names[each]] == wanted] or difflib.get_close_matches(path, known, n=3)
    hint = f" Did you mean {' or '.join(near[:4])}?" if near else f" There are {', '.join(content)}."
    return f"A recipe has no field {path!r}.{hint}"


def _paths(node: Any, above: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{above}{key}"
            yield from _paths(value, f"{above}{key}.")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            if isinstance(value, dict):
                yield from _paths(value, f"{above}{value.get('name', place)}.")
