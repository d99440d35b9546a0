"""What a person has changed about the recipe of the next run: in a draft until it is saved under a name.

Guarantees: a draft is a row of one person, so it is the same on every server and outlives each of them, and nobody
else trains with it. What a draft holds can be trained. Without a draft it is the recipe of scheduled retraining.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from backend.database import now
from backend.errors import DomainError, NotFound
from backend.people.staff import Person
from backend.records import audit_log
from backend.runs import configurations
from backend.settings import Settings
from backend.tables import RecipeConfiguration, RecipeDraft
from training import recipe as recipes
from training.recipe import Recipe, RecipeError

DEFAULT = "default"
"""The name under which one saves and restores where one gives no other."""
RECIPE, EPOCHS = "recipe", "epochs"
"""Parameters beside the fields of a recipe: which one it is that is changed, and the epochs of its last stage."""


@dataclass(frozen=True)
class Draft:
    base: str
    changes: dict[str, Any]
    """Dotted path to value, as in `configurations`."""
    recipe: Recipe


def current(session: Session, settings: Settings, person: Person) -> Draft:
    """Return what this person would train now; raise `DomainError` where this program cannot train it any more."""
    row = session.get(RecipeDraft, person.id)
    base, changes = (settings.recipe, {}) if row is None else (row.base, row.changes)
    return Draft(base, changes, _changed(_load(base), changes))


def change(session: Session, settings: Settings, person: Person, param: str, value: str) -> Draft:
    """Set one field by its dotted path, such as `batch_size` or `head.dropout`; `value` is JSON or plain text.

    The parameter `recipe` begins anew from another recipe. Raise `DomainError` naming what cannot be.
    """
    if param == RECIPE:
        return _keep(session, person, value, _load(value))
    before = current(session, settings, person)
    if param == EPOCHS:
        wanted = _with_epochs(before.recipe, value)
    else:
        wanted = _changed(_load(before.base), before.changes | {param: _value(value)})
    return _keep(session, person, before.base, wanted)


def save(session: Session, settings: Settings, person: Person, name: str) -> RecipeConfiguration:
    """Keep the draft as the newest version of a named configuration."""
    draft = current(session, settings, person)
    return configurations.save(session, person, name, draft.base, draft.recipe)


def restore(session: Session, settings: Settings, person: Person, name: str) -> Draft:
    """Make the draft what was saved under this name; where nothing is `default`, what the operator has set."""
    name = " ".join(name.split())
    saved = configurations.versions(session, name)
    if not saved and name != DEFAULT:
        raise NotFound(f"There is no configuration {name!r}.")
    base = saved[0].base if saved else settings.recipe
    wanted = configurations.recipe_of(saved[0]) if saved else _load(base)
    return _keep(session, person, base, wanted)


def _keep(session: Session, person: Person, base: str, wanted: Recipe) -> Draft:
    changes = configurations.differences(_load(base), wanted)
    session.merge(RecipeDraft(staff_id=person.id, base=base, changes=changes, changed_at=now()))
    session.flush()
    audit_log.record(
        session, person.name, "recipe_draft.changed", f"staff/{person.id}", base=base, changed=sorted(changes)
    )
    return Draft(base, changes, wanted)


def _load(name: str) -> Recipe:
    try:
        return recipes.load(name)
    except RecipeError as error:
        raise _refusal(error) from None


def _changed(base: Recipe, changes: dict[str, Any]) -> Recipe:
    try:
        return configurations.with_differences(base, changes)
    except RecipeError as error:
        raise _refusal(error) from None


def _with_epochs(recipe: Recipe, value: str) -> Recipe:
    try:
        return recipe.with_epochs(int(value))
    except RecipeError as error:
        raise _refusal(error) from None
    except ValueError:
        raise DomainError(f"{EPOCHS}: a whole number, not {value[:40]!r}", code="bad_recipe") from None


def _value(text: str) -> Any:
    """JSON where it is some, so that 0.5, true, null and lists are what they say; else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise DomainError("The value is nested too deeply.", code="bad_recipe") from None
    except ValueError:
        return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _refusal(error: RecipeError) -> DomainError:
    return DomainError(str(error), code="bad_recipe")
