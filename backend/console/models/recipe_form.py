"""The form of a recipe: every field with its meaning, its limits and what stands in it, and back to a recipe.

Guarantees: fields, limits and choices come from `training.recipe` itself, so the form never knows less or other ones. A
mistake is told beside the field that it is about. What was typed stays typed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from backend.console.language import Language
from backend.console.models import recipe_words
from training.recipe import Recipe

MOST_STAGES = 8
_LONGEST_TEXT = 2000
_ABOUT = re.compile(r"^([a-z_]+)(?:, [a-z_]+)*(?: of stage '([a-z0-9_]+)')?(?::| \d)")
_Typed = Mapping[str, str]


@dataclass(frozen=True)
class Field:
    path: str
    kind: str
    """integer, number, boolean, choice or string."""
    value: str
    meaning: str
    default: str
    """Of the recipe that is changed."""
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    error: str = ""

    @property
    def is_changed(self) -> bool:
        return self.value != self.default


@dataclass(frozen=True)
class Group:
    heading: str
    fields: tuple[Field, ...]

    @property
    def has_errors(self) -> bool:
        return any(each.error for each in self.fields)


@dataclass(frozen=True)
class RecipeForm:
    groups: tuple[Group, ...]
    stages: tuple[Group, ...]
    problems: tuple[str, ...]
    """About no field in particular."""

    @property
    def has_errors(self) -> bool:
        return bool(self.problems) or any(each.has_errors for each in (*self.groups, *self.stages))


class Mistakes(Exception):
    """What was typed is no recipe."""

    def __init__(self, by_field: dict[str, list[str]]) -> None:
        super().__init__(str(by_field))
        self.by_field = by_field
        """Path to what is wrong there; an empty path is about the whole."""


def typed(recipe: Recipe) -> dict[str, str]:
    """Return a recipe as the fields of its form."""
    return dict(_flat(recipe.model_dump(mode="json")))


def read(language: Language, given: _Typed) -> Recipe:
    """Make a recipe of what was typed. Raise `Mistakes`."""
    try:
        return Recipe.model_validate(_content(given))
    except ValidationError as error:
        raise Mistakes(_by_field(language, given, error)) from None


def stage_count(given: _Typed) -> int:
    """Return how many stages were typed, from the first one on without a gap."""
    return next(count for count in range(MOST_STAGES + 1) if f"stages.{count}.name" not in given)


def with_stage(given: _Typed) -> dict[str, str]:
    """Add a stage like the last one, of another name."""
    count = stage_count(given)
    if count in {0, MOST_STAGES}:
        return dict(given)
    last = f"stages.{count - 1}."
    copied = {f"stages.{count}.{key.removeprefix(last)}": text for key, text in given.items() if key.startswith(last)}
    return {**given, **copied, f"stages.{count}.name": f"stage_{count + 1}"}


def without_stage(given: _Typed, number: int) -> dict[str, str]:
    """Take out a stage; those behind it move up."""
    kept = [place for place in range(stage_count(given)) if place != number]
    rest = {key: text for key, text in given.items() if not key.startswith("stages.")}
    for place, old in enumerate(kept):
        prefix = f"stages.{old}."
        moved = {key.removeprefix(prefix): text for key, text in given.items() if key.startswith(prefix)}
        rest |= {f"stages.{place}.{key}": text for key, text in moved.items()}
    return rest


def form(language: Language, base: Recipe, given: _Typed, mistakes: Mistakes | None = None) -> RecipeForm:
    """Return what is shown; `base` is the recipe of the program that is changed."""
    errors, defaults = mistakes.by_field if mistakes else {}, typed(base)
    gettext = language.texts.gettext

    def field(path: str) -> Field:
        return _field(language, path, given, defaults, errors)

    stages = tuple(
        Group(given.get(f"stages.{place}.name", ""), tuple(field(f"stages.{place}.{name}") for name in _stage_names()))
        for place in range(stage_count(given))
    )
    groups = tuple(Group(gettext(heading), tuple(map(field, paths))) for heading, paths in recipe_words.GROUPS.values())
    shown = {each.path for group in (*groups, *stages) for each in group.fields}
    return RecipeForm(
        groups, stages, tuple(text for path, texts in errors.items() if path not in shown for text in texts)
    )


def _stage_names() -> tuple[str, ...]:
    return recipe_words.STAGE_FIELDS


def _field(language: Language, path: str, given: _Typed, defaults: _Typed, errors: Mapping[str, list[str]]) -> Field:
    schema = schema_of(path)
    kind = "choice" if "enum" in schema else schema["type"]
    empty = "" if kind != "boolean" else "false"
    default = defaults.get(path, _text(schema.get("default")))
    return Field(
        path=path,
        kind=kind,
        value=given.get(path, empty),
        meaning=language.texts.gettext(recipe_words.MEANINGS[_general(path)]),
        default=default,
        options=tuple(schema.get("enum", ())),
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        optional=schema["optional"],
        error=" ".join(errors.get(path, ())),
    )


_SCHEMA = Recipe.model_json_schema()


def schema_of(path: str) -> dict[str, Any]:
    """Return type, limits and default of a field by its dotted path, and whether it may be empty (`optional`)."""
    node: dict[str, Any] = _SCHEMA
    for key in path.split("."):
        node = _resolved(node)
        if node.get("type") == "array":
            node = node["items"] if "items" in node else node["prefixItems"][int(key)]
        else:
            node = node["properties"][key]
    resolved = _resolved(node)
    optional = any(each.get("type") == "null" for each in node.get("anyOf", ()))
    return {**resolved, "optional": optional}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and what may be null to what it is when it is not."""
    for each in node.get("anyOf", ()):
        if each.get("type") != "null":
            return _resolved(each) | {"default": node.get("default")}
    if "$ref" in node:
        found: dict[str, Any] = _SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
        return {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _general(path: str) -> str:
    """Every stage has the same fields."""
    return re.sub(r"^stages\.\d+\.", "stages.", path)


def _flat(node: Any, above: str = "") -> Iterator[tuple[str, str]]:
    places = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if places is None:
        yield above, _text(node)
        return
    for key, value in places:
        yield from _flat(value, f"{above}.{key}" if above else str(key))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return "" if value is None else str(value)


def _content(given: _Typed) -> dict[str, Any]:
    content: dict[str, Any] = {"head": {}, "augmentation": {}, "stages": [], "split": []}
    for _, paths in recipe_words.GROUPS.values():
        for path in paths:
            _put(content, path, _value(path, given))
    for place in range(stage_count(given)):
        content["stages"].append({name: _value(f"stages.{place}.{name}", given) for name in _stage_names()})
    return content


def _put(content: dict[str, Any], path: str, value: Any) -> None:
    holder, _, key = path.rpartition(".")
    if holder == "split":
        content["split"].append(value)
    elif holder:
        content[holder][key] = value
    else:
        content[key] = value


def _value(path: str, given: _Typed) -> Any:
    schema, text = schema_of(path), given.get(path, "").strip()[:_LONGEST_TEXT]
    if schema.get("type") == "boolean":
        return text == "true"
    if text == "" and schema["optional"]:
        return None
    is_number = schema.get("type") in {"number", "integer"}
    return "" if is_number and text.lower().lstrip("+-") in {"nan", "inf", "infinity"} else text


def _by_field(language: Language, given: _Typed, error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in error.errors(include_url=False):
        if each["type"] == "too_short" and stage_count(given):  # Of stages, which were left out for their own mistakes.
            continue
        place = ".".join(map(str, each["loc"]))
        for path, text in _told(language, given, place, each):
            found.setdefault(path, []).append(text)
    return found


def _told(language: Language, given: _Typed, place: str, error: ErrorDetails) -> Iterator[tuple[str, str]]:
    known = recipe_words.PROBLEMS.get(error["type"])
    if known is not None:
        limits = {name: language.number(value) for name, value in error.get("ctx", {}).items() if name in known}
        yield place, language.texts.gettext(known) % limits
        return
    path = place
    for sentence in error["msg"].removeprefix("Value error, ").split("; "):
        path = _path_of(given, place, sentence) or path
        yield path, sentence


def _path_of(given: _Typed, place: str, sentence: str) -> str:
    """A recipe says first which field it complains about."""
    about = _ABOUT.match(sentence)
    if about is None:  # It goes on with the field of the sentence before.
        return ""
    field, stage = about.groups()
    for number in range(stage_count(given)):
        if stage is not None and given.get(f"stages.{number}.name") == stage:
            return f"stages.{number}.{field}"
    return f"{place}.{field}" if place else f"{field}.0" if field == "split" else field
