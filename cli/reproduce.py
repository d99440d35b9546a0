"""`wastelens reproduce`: the recipes of the papers in turn, beside what the papers report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import faults, progress, recipes
from cli.labelled_data import DataOption, LabelMapOption, LabelSetOption, LayoutOption, NamesOption
from cli.train import RUNS, SeedOption, ThreadsOption

if TYPE_CHECKING:
    from training.studies.reproduction import Plan


def reproduce(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    data: DataOption,
    epochs: Annotated[int, typer.Option(min=1, help="At most in each stage of a recipe.", show_default=False)],
    recipe: Annotated[
        list[str] | None, typer.Argument(help="Recipes by name. Default: all with a paper.", show_default=False)
    ] = None,
    weights_dir: Annotated[
        Path | None,
        typer.Option(help="Weight files named by backbone, such as densenet169.pth.", show_default=False),
    ] = None,
    offline: Annotated[bool, typer.Option(help="Do not ask Keras for ImageNet weights.")] = False,
    photos_per_class: Annotated[
        int | None, typer.Option(min=1, help="Whole groups up to about so many. Default: all.", show_default=False)
    ] = None,
    settings: recipes.SetOption = None,
    run: Annotated[Path, typer.Option(help="Folder of all the runs; the same again goes on.")] = RUNS / "reproduction",
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
    label_set: LabelSetOption = None,
) -> None:
    """Train the papers' recipes, each on a random and on a grouped split, and set our figures beside theirs.

    Weights come from --weights-dir, else from Keras, else they are random, and the table says which. The table is
    RUN/reproduction.md and RUN/reproduction.json, written anew after each recipe; finished runs are kept.

    Example: wastelens reproduce resnet50v2 wastenet --data photos/ --epochs 20 --weights-dir weights/
    """
    from training import recipe_changes  # noqa: PLC0415  # --help must not wait for it.
    from training.data.photo_source import PhotoSource  # noqa: PLC0415
    from training.studies import reproduction  # noqa: PLC0415  # --help must not wait for it.

    with faults.in_a_sentence("reproduce"):
        if weights_dir is not None and not weights_dir.is_dir():
            raise faults.failed("reproduce", f"There is no folder {weights_dir}: name the one that holds the weights.")
        plan = reproduction.Plan(
            source=PhotoSource(data, layout, names, label_map, label_set),
            folder=run,
            names=tuple(recipe or reproduction.seeds()),
            epochs=epochs,
            settings=recipe_changes.parse(settings or ()),
            photos_per_class=photos_per_class,
            weights_folder=weights_dir,
            online=not offline,
            seed=seed,
            threads=threads,
        )
        _reproduce(plan)


def _reproduce(plan: "Plan") -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from training.studies import reproduction  # noqa: PLC0415
    from training.studies.reproduction_table import HEADS, MARKDOWN_FILE  # noqa: PLC0415

    try:
        with progress.shown_many() as watch:
            made = reproduction.run(plan, watch)
    except KeyboardInterrupt:
        raise faults.interrupted("reproduce", f"What is done is in {plan.folder}; the same command goes on.") from None
    table = Table(*HEADS)
    for row in made.rows:
        table.add_row(*row.cells)
    Console().print(table)
    print(f"table: {plan.folder / MARKDOWN_FILE}")
