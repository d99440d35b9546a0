"""Recipes on the command line: naming one, changing it, and `wastelens recipes`."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import faults

if TYPE_CHECKING:
    from training.recipe import Recipe

RecipeArgument = Annotated[
    str, typer.Argument(help="A recipe by name (see `wastelens recipes`), or a JSON file.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="field=value of the recipe, as often as you like: batch_size=16, stages.tail.epochs=5, "
        "stages.*.learning_rate=0.001, augmentation.rotation_degrees=45.",
        show_default=False,
    ),
]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="Of the last stage, instead of the recipe's.")]

app = typer.Typer(invoke_without_command=True)


def wanted(name: str, settings: list[str] | None, epochs: int | None = None) -> "Recipe":
    """Raise `RecipeError` if there is no such recipe, or a setting cannot be."""
    from training import recipe_changes  # noqa: PLC0415  # --help must not wait for it.

    recipe = recipe_changes.with_settings(recipe_changes.read(name), recipe_changes.parse(settings or ()))
    return recipe if epochs is None else recipe.with_epochs(epochs)


@app.callback()
def recipes(context: typer.Context) -> None:
    """List the recipes: what each is, and what its paper reports; or show one in full.

    Example: wastelens recipes
    """
    if context.invoked_subcommand is None:
        _list()


@app.command()
def show(recipe: RecipeArgument, settings: SetOption = None) -> None:
    """Print a recipe as JSON: every field that --set can change, and a file that `train` takes.

    Example: wastelens recipes show convnext --set batch_size=32 > mine.json
    """
    with faults.in_a_sentence("recipes show"):
        print(wanted(recipe, settings).model_dump_json(indent=2))


def _list() -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Column, Table  # noqa: PLC0415

    from training import recipe as recipes  # noqa: PLC0415

    table = Table(Column("recipe", no_wrap=True), "pixels", "epochs", "paper", "what it is")
    for name in recipes.names():
        each, paper = recipes.load(name), recipes.paper(name)
        figure = "" if paper is None else f"{paper.accuracy:.2%}"
        table.add_row(name, str(each.input_edge), str(each.total_epochs), figure, each.description)
    Console().print(table)
