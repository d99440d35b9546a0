"""`wastelens train`: a model from a folder of labelled photos."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from training.dataset import SplitPlan
    from training.photo_source import PhotoSource
    from training.recipe import Recipe


def train(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a JSON file.", show_default=False)],
    data: DataOption,
    weights: Annotated[str, typer.Option(help="imagenet, random, champion, or a weights file.")] = "imagenet",
    run: Annotated[Path, typer.Option(help="Run directory; the same again goes on with it.")] = Path("runs/latest"),
    champion: Annotated[Path | None, typer.Option(help="Release folder of the model to beat.")] = None,
    version: Annotated[int, typer.Option(min=1, help="Number of the release that comes out.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the split and of the training.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the last stage, instead of the recipe's.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="0: as many as there are cores.")] = 0,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
    label_set: LabelSetOption = None,
    split: SplitOption = SplitMode.GROUPED,
) -> None:
    """Train, quantise, evaluate and judge a model; the release folder is RUN/release.

    Photos are split by object group (groups.csv: file,object_group) and by the recipe's shares, unless --split says
    otherwise. Photos that cannot be used are listed in RUN/left_out.txt. Interrupted, the same command goes on.

    Example: wastelens train mobilenet_v2 --data photos/ --weights mobilenet_v2.weights.h5 --run runs/1
    """
    from training.dataset import DataError  # noqa: PLC0415
    from training.photo_source import PhotoSource  # noqa: PLC0415
    from training.recipe import RecipeError, check_weights  # noqa: PLC0415

    try:
        wanted = _recipe(recipe)
        wanted = wanted if epochs is None else wanted.with_epochs(epochs)
        check_weights(wanted, weights)
        source = PhotoSource(data, layout, names, label_map, label_set)
        snapshot = _snapshot(source, run, split_plan(split, wanted.split, seed))
    except (DataError, RecipeError) as error:
        raise _failed("train", str(error)) from error
    file = run / "asked.json"
    wanted.write(file)
    options: dict[str, object] = {
        "snapshot": snapshot,
        "run": run,
        "recipe": file,
        "weights": weights,
        "seed": seed,
        "version": version,
        "threads": threads,
    }
    options |= {} if champion is None else {"champion": champion}
    raise typer.Exit(_train(options, run))


def _recipe(name: str) -> "Recipe":
    from training import recipe as recipes  # noqa: PLC0415

    if not name.endswith(".json"):
        return recipes.load(name)
    try:
        return recipes.Recipe.read(Path(name))
    except (OSError, ValueError) as error:
        raise recipes.RecipeError(f"{name} is no recipe: {error}") from error


def _snapshot(source: "PhotoSource", run: Path, plan: "SplitPlan") -> Path:
    """Return a snapshot directory that can be trained on, and say what is wrong with it before hours are spent."""
    from training import dataset, photo_source  # noqa: PLC0415

    prepared = photo_source.prepare_to_train(source, run / "snapshot", plan)
    print_left_out(prepared.left_out, run / dataset.LEFT_OUT_FILE)
    print_warnings(prepared.warnings)
    return prepared.directory


def _train(options: dict[str, object], run: Path) -> int:
    """Run the trainer in a process of its own, so that thread limits hold and an interrupt leaves its checkpoint."""
    from training.run_directory import RunDirectory  # noqa: PLC0415

    parts = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    code = subprocess.run([sys.executable, "-m", "training.run", *parts], check=False).returncode
    result = RunDirectory(run).read_result()
    if result is not None:
        print(f"{result.outcome}: {'; '.join(result.reasons)}")
    if code == 0:
        print(f"release: {run / 'release'}")
    return code


def _failed(command: str, message: str) -> typer.Exit:
    print(f"wastelens {command}: {message}", file=sys.stderr)
    return typer.Exit(2)
