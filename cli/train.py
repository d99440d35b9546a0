"""`wastelens train`: a model from a folder of labelled photos."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import faults, progress, recipes
from cli.labelled_data import (
    DataOption,
    LabelMapOption,
    LabelSetOption,
    LayoutOption,
    NamesOption,
    OutsideLabelsOption,
    OutsideOption,
    SplitMode,
    SplitOption,
    print_left_out,
    print_warnings,
    split_plan,
)

if TYPE_CHECKING:
    from training.child import TrainingCommand
    from training.order import Order

RUNS = Path("runs")
WeightsOption = Annotated[str, typer.Option(help="imagenet, random, random_frozen, champion, or a weights file.")]
SeedOption = Annotated[int, typer.Option(help="Of the split and of the training.")]
ThreadsOption = Annotated[int, typer.Option(min=0, help="0: as many as there are cores.")]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="Folder in which features of photos are kept for later runs.")
]
FeaturesGigabytesOption = Annotated[float, typer.Option(min=0, help="What that folder may hold.")]
LoadersOption = Annotated[int | None, typer.Option(min=0, help="Processes that make batches. Default: as fits.")]


def train(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    recipe: recipes.RecipeArgument,
    data: DataOption,
    weights: WeightsOption = "imagenet",
    run: Annotated[
        Path | None, typer.Option(help="Run directory. Default: runs/<recipe>-<number>.", show_default=False)
    ] = None,
    champion: Annotated[Path | None, typer.Option(help="Release folder of the model to beat.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Release folder of a model to distil from.")] = None,
    version: Annotated[int, typer.Option(min=1, help="Number of the release that comes out.")] = 1,
    seed: SeedOption = 0,
    settings: recipes.SetOption = None,
    epochs: recipes.EpochsOption = None,
    threads: ThreadsOption = 0,
    loaders: LoadersOption = None,
    learn_from: Annotated[
        Literal["all", "new", "rehearsal"],
        typer.Option(help="All photos, those new to the champion, or those and a rehearsal of old ones."),
    ] = "all",
    features: FeaturesOption = None,
    features_gigabytes: FeaturesGigabytesOption = 10,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
    label_set: LabelSetOption = None,
    split: SplitOption = SplitMode.GROUPED,
    outside: OutsideOption = None,
    outside_labels: OutsideLabelsOption = None,
) -> None:
    """Train, quantise, evaluate and judge a model; the release folder is RUN/release.

    Photos are split by object group (groups.csv: file,object_group) and by the recipe's shares, unless --split says
    otherwise. Photos that cannot be used are listed in RUN/left_out.txt. Interrupted, the same command goes on. What
    made the run and what it made is listed in RUN/run.json.

    Example: wastelens train mobilenet_v2 --data photos/ --weights mobilenet_v2.weights.h5 --set batch_size=16
    """
    from training.data.rehearsal import LearnFrom  # noqa: PLC0415
    from training.order import Order, directory_for  # noqa: PLC0415  # --help must not wait for it.

    with faults.in_a_sentence("train"):
        order = Order(
            recipe=recipes.wanted(recipe, settings, epochs),
            data=absolute(data),
            layout=layout,
            names=None if names is None else absolute(names),
            label_map=label_map,
            label_set=label_set,
            split=split,
            weights=absolute(weights),
            seed=seed,
            version=version,
            champion=None if champion is None else absolute(champion),
            teacher=None if teacher is None else absolute(teacher),
            outside=None if outside is None else absolute(outside),
            outside_labels=outside_labels,
            learn_from=LearnFrom(learn_from),
        )
        directory = run or directory_for(order, RUNS)
        _train(
            order,
            directory,
            lambda snapshot: order.command(directory, snapshot, threads, loaders, features, features_gigabytes),
        )


def _train(order: "Order", run: Path, command: Callable[[Path], "TrainingCommand"]) -> None:
    """Train in a process of its own, so that thread limits hold and an interrupt leaves its checkpoint."""
    from training import child  # noqa: PLC0415
    from training.recipe import check_weights  # noqa: PLC0415
    from training.run_directory import Outcome  # noqa: PLC0415

    check_weights(order.recipe, order.weights)
    order.check_place(run)
    snapshot = _snapshot(order, run)
    order.place(run)
    typer.echo(f"run directory: {run}", err=True)
    try:
        with progress.shown() as watch:
            result = child.follow(command(snapshot), watch)
    except KeyboardInterrupt:
        raise faults.interrupted("train", f"What is done is in {run}; the same command goes on there.") from None
    if result.outcome is Outcome.REFUSED:
        raise faults.failed("train", "; ".join(result.reasons))
    print(f"{result.outcome}: {'; '.join(result.reasons)}")
    print(f"release: {run / 'release'}")


def _snapshot(order: "Order", run: Path) -> Path:
    """Return a snapshot directory that can be trained on, and say what is wrong with it before hours are spent."""
    from training import dataset  # noqa: PLC0415
    from training.data import photo_source  # noqa: PLC0415

    names = None if order.names is None else Path(order.names)
    source = photo_source.PhotoSource(Path(order.data), order.layout, names, order.label_map, order.label_set)
    plan = split_plan(SplitMode(order.split), order.recipe.split, order.seed)
    prepared = photo_source.prepare_to_train(source, run / "snapshot", plan)
    print_left_out(prepared.left_out, run / dataset.LEFT_OUT_FILE)
    print_warnings(prepared.warnings)
    return prepared.directory


def absolute(path: Path | str) -> str:
    """The path as it is found from any folder; a word that names no file stays what it is."""
    return str(Path(path).resolve()) if isinstance(path, Path) or Path(path).is_file() else path
