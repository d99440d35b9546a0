"""`wastelens tune`: search a recipe's fields for what is best on validation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import faults, progress, recipes
from cli.crossvalidate import ParallelOption
from cli.labelled_data import (
    DataOption,
    LabelMapOption,
    LabelSetOption,
    LayoutOption,
    NamesOption,
    SplitMode,
    SplitOption,
    print_left_out,
    print_warnings,
    split_plan,
)
from cli.train import RUNS, SeedOption, ThreadsOption, WeightsOption, absolute

if TYPE_CHECKING:
    from training.data.photo_source import PhotoSource
    from training.order import Order
    from training.recipe import Recipe
    from training.studies.tuning import Plan
    from training.studies.tuning_report import TuningReport
    from training.studies.tuning_space import Space

TRIALS = 30


def tune(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    recipe: recipes.RecipeArgument,
    data: DataOption,
    grid: Annotated[
        str | None, typer.Option(help="A paper's grid by name (convnext), all of it.", show_default=False)
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(help="JSON with fixed, choices and ranges. Default: around the recipe.", show_default=False),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"In all, on all machines. Default: {TRIALS}.", show_default=False)
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Shared by several machines: a journal file, or a URL (postgresql).", show_default=False),
    ] = None,
    study: Annotated[str, typer.Option(help="Name of the search in the storage.")] = "wastelens",
    weights: WeightsOption = "imagenet",
    run: Annotated[
        Path | None, typer.Option(help="Folder of the search. Default: runs/<recipe>-tuning.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    settings: recipes.SetOption = None,
    epochs: recipes.EpochsOption = None,
    parallel: ParallelOption = 1,
    threads: ThreadsOption = 0,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
    label_set: LabelSetOption = None,
    split: SplitOption = SplitMode.GROUPED,
) -> None:
    """Search for the settings that are best on the validation split; the holdout is never looked at.

    With --grid each point of a paper's grid is tried; else trials are sampled where earlier ones were good, and given
    up early where they lag. Interrupted, the same command goes on. The best recipe is RUN/best.json, which `train`
    takes; RUN/tuning.html shows worst precision against worst recall.

    Example: wastelens tune convnext --data photos/ --grid convnext --storage /shared/search.journal --parallel 2
    """
    from training.data.photo_source import PhotoSource  # noqa: PLC0415
    from training.order import Order  # noqa: PLC0415  # --help must not wait for it.
    from training.recipe import check_weights  # noqa: PLC0415
    from training.studies.tuning import Plan  # noqa: PLC0415

    with faults.in_a_sentence("tune"):
        wanted = recipes.wanted(recipe, settings, epochs)
        check_weights(wanted, weights)
        searched = _space(wanted, grid, space, trials)
        folder = run or RUNS / f"{wanted.name}-tuning"
        order = Order(recipe=wanted, data=absolute(data), weights=absolute(weights), seed=seed, split=split)
        snapshot = _snapshot(PhotoSource(data, layout, names, label_map, label_set), order, folder)
        limits = {"trials": trials or TRIALS, "parallel": parallel, "threads": threads}
        _tune(Plan(order, snapshot, searched, folder, grid is not None, storage=storage, study=study, **limits))


def _space(recipe: "Recipe", grid: str | None, file: Path | None, trials: int | None) -> "Space":
    from training.recipe import RecipeError  # noqa: PLC0415
    from training.studies import tuning_space  # noqa: PLC0415

    if grid is None:
        return tuning_space.around(recipe) if file is None else tuning_space.read(file)
    if file is not None or trials is not None:
        raise RecipeError("--grid is searched whole: give it without --space and --trials.")
    if grid not in tuning_space.GRIDS:
        raise RecipeError(f"There is no grid {grid!r}; there is {', '.join(tuning_space.GRIDS)}.")
    return tuning_space.GRIDS[grid]


def _snapshot(source: "PhotoSource", order: "Order", folder: Path) -> Path:
    from training import dataset  # noqa: PLC0415
    from training.data import photo_source  # noqa: PLC0415

    plan = split_plan(SplitMode(order.split), order.recipe.split, order.seed)
    prepared = photo_source.prepare_to_train(source, folder / "snapshot", plan)
    print_left_out(prepared.left_out, folder / dataset.LEFT_OUT_FILE)
    print_warnings(prepared.warnings)
    return prepared.directory


def _tune(plan: "Plan") -> None:
    from training.studies import tuning  # noqa: PLC0415
    from training.studies.tuning_report import BEST_FILE, PAGE_FILE, SUMMARY_FILE  # noqa: PLC0415

    try:
        with progress.shown_many(plan.parallel) as watch:
            report = tuning.run(plan, watch)
    except KeyboardInterrupt:
        raise faults.interrupted("tune", f"What is done is in {plan.folder}; the same command goes on.") from None
    _print(report)
    print(f"all figures: {plan.folder / SUMMARY_FILE}; the frontier: {plan.folder / PAGE_FILE}")
    if report.best is not None:
        print(f"best: trial {report.best}, wastelens train {plan.folder / BEST_FILE} --data {plan.order.data}")


def _print(report: "TuningReport") -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from training.studies.tuning_report import TABLE_HEADS  # noqa: PLC0415

    table = Table(*TABLE_HEADS, title="on the validation split")
    for row in report.rows():
        table.add_row(*row)
    Console().print(table)
