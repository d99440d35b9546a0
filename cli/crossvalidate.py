"""`wastelens crossvalidate`: how good a recipe is, over k folds of the photos."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import faults, progress, recipes
from cli.labelled_data import (
    DataOption,
    LabelMapOption,
    LabelSetOption,
    LayoutOption,
    NamesOption,
    print_left_out,
    print_warnings,
)
from cli.train import RUNS, SeedOption, ThreadsOption, WeightsOption, absolute

if TYPE_CHECKING:
    from training.studies.crossvalidation import CrossValidation, Plan

ParallelOption = Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores.")]


def crossvalidate(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    recipe: recipes.RecipeArgument,
    data: DataOption,
    folds: Annotated[int, typer.Option(min=2, help="Each is the holdout once.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="With other folds and another seed each time.")] = 1,
    weights: WeightsOption = "imagenet",
    run: Annotated[
        Path | None, typer.Option(help="Folder of all the runs. Default: runs/<recipe>-folds.", show_default=False)
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
) -> None:
    """Train and measure a recipe on k folds, whole object groups together, and print mean and standard deviation.

    Each fold is a whole run: fit, int8, evaluation of the .tflite on the fold. Of a snapshot the holdout is left alone.
    Interrupted, the same command goes on; finished folds are kept. All figures are in RUN/crossvalidation.json.

    Example: wastelens crossvalidate mobilenet_v2 --data photos/ --weights mobilenet_v2.weights.h5 --folds 5
    """
    from training.data.photo_source import PhotoSource  # noqa: PLC0415
    from training.order import Order  # noqa: PLC0415
    from training.studies.crossvalidation import Plan  # noqa: PLC0415  # --help must not wait for it.

    with faults.in_a_sentence("crossvalidate"):
        wanted = recipes.wanted(recipe, settings, epochs)
        folder = run or RUNS / f"{wanted.name}-folds"
        order = Order(recipe=wanted, data=absolute(data), weights=absolute(weights), seed=seed)
        source = PhotoSource(data, layout, names, label_map, label_set)
        _crossvalidate(Plan(order, source, folder, folds, repeats, parallel, threads))


def _crossvalidate(plan: "Plan") -> None:
    from training import dataset  # noqa: PLC0415
    from training.recipe import check_weights  # noqa: PLC0415
    from training.studies import crossvalidation  # noqa: PLC0415

    check_weights(plan.order.recipe, plan.order.weights)
    prepared = crossvalidation.prepare(plan)
    print_left_out(prepared.left_out, plan.folder / dataset.LEFT_OUT_FILE)
    print_warnings(prepared.warnings)
    try:
        with progress.shown_many(plan.parallel) as watch:
            summary = crossvalidation.run(plan, prepared, watch)
    except KeyboardInterrupt:
        raise faults.interrupted("crossvalidate", f"What is done is in {plan.folder}; the same goes on.") from None
    _print(summary)
    print(f"all figures: {plan.folder / crossvalidation.SUMMARY_FILE}")


def _print(summary: "CrossValidation") -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    folds = Table("fold", "photos", *summary.measures)
    for fold in summary.folds:
        folds.add_row(fold.name, str(fold.photos), *(f"{value:.4f}" for value in fold.measures.values()))
    classes = Table("label", "precision", "recall")
    for label, precision in summary.precision.items():
        classes.add_row(label, str(precision), str(summary.recall[label]))
    console = Console()
    console.print(folds, classes)
    for name, spread in summary.measures.items():
        print(f"{name}: {spread}")
