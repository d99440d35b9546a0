"""`/console/models/recipes` and `/console/models/configurations`: recipes changed field by field, named and kept.

Guarantees: only what can be trained is saved. What was typed wrongly stays in the form, with what is wrong beside it.
"""

from fastapi import APIRouter, Response

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages
from backend.console.models import recipe_form, words
from backend.console.models.overview import MODELS
from backend.console.models.recipe_form import Mistakes
from backend.console.typed_form import Typed
from backend.console.visitor import Engineer, Visitor
from backend.database import RowNumber, Text
from backend.errors import DomainError
from backend.runs import configurations
from backend.tables import RecipeConfiguration
from training import recipe as recipes
from training.recipe import Recipe, RecipeError

router = APIRouter(include_in_schema=False)
RECIPES, CONFIGURATIONS = f"{MODELS}/recipes", f"{MODELS}/configurations"
_LONGEST_NOTE = 500


@router.get(RECIPES)
def overview(visitor: Engineer, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        saved = configurations.newest(session)
    return pages.render(
        "models/recipes.html",
        visitor,
        parts.settings,
        saved=saved,
        recipes=[recipes.load(name) for name in recipes.names()],
        usual=parts.settings.recipe,
    )


@router.get(f"{RECIPES}/edit")
def edit(
    visitor: Engineer, parts: PartsOfServer, recipe: Text = "", configuration: RowNumber | None = None
) -> Response:
    if configuration is None:
        base = _built_in(recipe or parts.settings.recipe)
        return _form(visitor, parts, base, recipe_form.typed(base))
    with transaction_of(parts) as session:
        row = configurations.find(session, configuration)
        wanted = configurations.recipe_of(row)
    given = recipe_form.typed(wanted) | {"configuration": row.name, "note": row.note}
    return _form(visitor, parts, _built_in(row.base), given)


@router.post(f"{RECIPES}/edit")
def save(visitor: Engineer, parts: PartsOfServer, given: Typed) -> Response:
    """Save it as the newest version of its name; or only add or take out a stage, which saves nothing."""
    base, act = _built_in(given.get("base", "")), given.get("act", "save")
    if act == "add-stage":
        return _form(visitor, parts, base, recipe_form.with_stage(given))
    if act.startswith("remove-stage-") and act[13:].isdecimal():
        return _form(visitor, parts, base, recipe_form.without_stage(given, int(act[13:16])))
    try:
        wanted = recipe_form.read(visitor.language, given)
        row = _save(visitor, parts, base, wanted, given)
    except Mistakes as mistakes:
        return _form(visitor, parts, base, given, mistakes)
    except DomainError as refused:
        problem = Mistakes({"configuration": [words.said(visitor.language, refused)]})
        return _form(visitor, parts, base, given, problem)
    said = visitor.language.texts.gettext("Saved as version %(number)s.") % {"number": row.version}
    return pages.redirect(f"{CONFIGURATIONS}/{row.id}", said=said)


@router.get(f"{CONFIGURATIONS}/{{configuration_id}}")
def one(configuration_id: RowNumber, visitor: Engineer, parts: PartsOfServer) -> Response:
    return _page(visitor, parts, configuration_id)


@router.post(f"{CONFIGURATIONS}/{{configuration_id}}/restore")
def restore(configuration_id: RowNumber, visitor: Engineer, parts: PartsOfServer) -> Response:
    try:
        with transaction_of(parts) as session:
            row = configurations.restore(session, visitor.person, configuration_id)
    except DomainError as refused:
        return _page(visitor, parts, configuration_id, refused)
    said = visitor.language.texts.gettext("Saved as version %(number)s.") % {"number": row.version}
    return pages.redirect(f"{CONFIGURATIONS}/{row.id}", said=said)


def _save(visitor: Visitor, parts: Parts, base: Recipe, wanted: Recipe, given: dict[str, str]) -> RecipeConfiguration:
    name, note = given.get("configuration", ""), given.get("note", "").strip()[:_LONGEST_NOTE]
    with transaction_of(parts) as session:
        return configurations.save(session, visitor.person, name, base.name, wanted, note)


def _built_in(name: str) -> Recipe:
    try:
        return recipes.load(name)
    except RecipeError as error:
        raise DomainError(str(error), code="bad_recipe") from None


def _form(
    visitor: Visitor, parts: Parts, base: Recipe, given: dict[str, str], mistakes: Mistakes | None = None
) -> Response:
    return pages.render(
        "models/recipe_form.html",
        visitor,
        parts.settings,
        status=200 if mistakes is None else 400,
        base=base,
        form=recipe_form.form(visitor.language, base, given, mistakes),
        name=given.get("configuration", ""),
        note=given.get("note", ""),
        name_error=" ".join(mistakes.by_field.get("configuration", ())) if mistakes else "",
        most_stages=recipe_form.MOST_STAGES,
    )


def _page(visitor: Visitor, parts: Parts, configuration_id: int, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        row = configurations.find(session, configuration_id)
        versions = configurations.versions(session, row.name)
    return pages.render(
        "models/configuration.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        row=row,
        versions=versions,
        is_as_saved=_digest(row) == row.digest,
    )


def _digest(row: RecipeConfiguration) -> str:
    """Return what it would be today; empty where this program cannot train it any more."""
    try:
        return configurations.recipe_of(row).digest
    except DomainError:
        return ""
