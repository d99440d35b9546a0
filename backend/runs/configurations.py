"""Configurations: recipes that people changed, named and saved, version by version.

Guarantees: only what differs from a recipe of the program is kept, and a configuration that is saved can be trained.
A saved version never changes; going back to one saves it again as the newest. Two who save at once get two versions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from backend.errors import Conflict, DomainError, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.tables import RecipeConfiguration
from training import recipe as recipes
from training.recipe import Recipe, RecipeError

LONGEST_NAME = 60
_NESTED = ("head", "augmentation")
_ATTEMPTS = 5


def differences(base: Recipe, wanted: Recipe) -> dict[str, Any]:
    """Return the values of `wanted` that `base` has not, by dotted path; the stages are one value."""
    before, after = flat(base), flat(wanted)
    return {path: value for path, value in after.items() if before[path] != value}


def with_differences(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe that `differences` was asked about. Raise `RecipeError` naming what cannot be."""
    content = base.model_dump(mode="json")
    for path, value in changes.items():
        holder, _, field = path.rpartition(".")
        inside = content.get(holder) if holder else content
        if not isinstance(inside, dict) or field not in inside:
            raise RecipeError(f"{path}: a recipe has no such field")
        inside[field] = value
    return Recipe.checked(content)


def save(session: Session, person: Person, name: str, base: str, wanted: Recipe, note: str = "") -> RecipeConfiguration:
    """Keep a recipe under a name, as its newest version."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise DomainError(f"A configuration has a name of 1 to {LONGEST_NAME} characters.", code="bad_configuration")
    changes = differences(_built_in(base), wanted)
    row = RecipeConfiguration(
        name=name, version=0, base=base, changes=changes, digest=wanted.digest, note=note, saved_by=person.name
    )
    _insert_numbered(session, row)
    audit_log.record(
        session, person.name, "configuration.saved", _subject(row), name=name, version=row.version, base=base,
        changed=sorted(changes),
    )  # fmt: skip
    return row


def restore(session: Session, person: Person, configuration_id: int) -> RecipeConfiguration:
    """Make an older version the newest again."""
    old = find(session, configuration_id)
    if newest_of(session, old.name).id == old.id:
        raise Conflict("This is the newest version already.", code="newest_already")
    return save(session, person, old.name, old.base, recipe_of(old), note=old.note)


def find(session: Session, configuration_id: int) -> RecipeConfiguration:
    found = session.get(RecipeConfiguration, configuration_id)
    if found is None:
        raise NotFound(f"There is no configuration {configuration_id}.")
    return found


def recipe_of(row: RecipeConfiguration) -> Recipe:
    """Return the whole recipe; raise `DomainError` where this version of the program cannot train it any more."""
    try:
        return with_differences(_built_in(row.base), row.changes)
    except RecipeError as error:
        raise DomainError(str(error), code="bad_recipe") from None


def newest(session: Session) -> Sequence[RecipeConfiguration]:
    """Return the newest version of each name, in the order of the names."""
    last = select(func.max(RecipeConfiguration.id)).group_by(col(RecipeConfiguration.name))
    statement = select(RecipeConfiguration).where(col(RecipeConfiguration.id).in_(last))
    return session.exec(statement.order_by(col(RecipeConfiguration.name))).all()


def versions(session: Session, name: str) -> Sequence[RecipeConfiguration]:
    """Return all versions of a name, newest first."""
    statement = select(RecipeConfiguration).where(RecipeConfiguration.name == name)
    return session.exec(statement.order_by(col(RecipeConfiguration.version).desc())).all()


def newest_of(session: Session, name: str) -> RecipeConfiguration:
    return versions(session, name)[0]


def _insert_numbered(session: Session, row: RecipeConfiguration) -> None:
    """Of two that take the same number at once, one tries again."""
    taken = select(func.max(RecipeConfiguration.version)).where(RecipeConfiguration.name == row.name)
    for _ in range(_ATTEMPTS):
        row.version = 1 + (session.exec(taken).one() or 0)
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            continue
        return
    raise Conflict("This configuration is saved by many at once. Try again.", code="busy")


def _built_in(name: str) -> Recipe:
    try:
        return recipes.load(name)
    except RecipeError as error:
        raise DomainError(str(error), code="bad_recipe") from None


def flat(recipe: Recipe) -> dict[str, Any]:
    """Return dotted path to value; the stages are one value."""
    paths: dict[str, Any] = {}
    for field, value in recipe.model_dump(mode="json").items():
        paths |= {f"{field}.{inner}": each for inner, each in value.items()} if field in _NESTED else {field: value}
    return paths


def _subject(row: RecipeConfiguration) -> str:
    return f"configuration/{row.id}"
