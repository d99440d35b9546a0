"""`wastelens train` and `wastelens evaluate`: a model from a folder of labelled photos, and how good a release is."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from mobile_models.evaluation import EvaluationReport
    from training.dataset import DatasetSnapshot
    from training.recipe import Recipe


def train(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a JSON file.", show_default=False)],
    data: Annotated[
        Path,
        typer.Option(help="A folder of labelled photos (<label>/*.jpg), or a dataset snapshot.", show_default=False),
    ],
    weights: Annotated[str, typer.Option(help="imagenet, random, champion, or a weights file.")] = "imagenet",
    run: Annotated[Path, typer.Option(help="Run directory; the same again goes on with it.")] = Path("runs/latest"),
    champion: Annotated[Path | None, typer.Option(help="Release folder of the model to beat.")] = None,
    version: Annotated[int, typer.Option(min=1, help="Number of the release that comes out.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the split and of the training.")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the last stage, instead of the recipe's.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="0: as many as there are cores.")] = 0,
) -> None:
    """Train, quantise, evaluate and judge a model; the release folder is RUN/release.

    Photos are split by object group (groups.csv: file,object_group). Interrupted, the same command goes on.

    Example: wastelens train mobilenet_v2 --data photos/ --weights mobilenet_v2.weights.h5 --run runs/1
    """
    from training.dataset import DataError  # noqa: PLC0415
    from training.recipe import RecipeError, check_weights  # noqa: PLC0415

    try:
        wanted = _recipe(recipe)
        wanted = wanted if epochs is None else wanted.with_epochs(epochs)
        check_weights(wanted, weights)
        snapshot = _snapshot(data, run, seed)
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


def evaluate(
    data: Annotated[
        Path,
        typer.Option(
            help="A folder of labelled photos (all are used), or a snapshot (its holdout).", show_default=False
        ),
    ],
    release: Annotated[Path | None, typer.Argument(help="Release folder. Default: the bundled one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Measure the .tflite of a release through LiteRT on labelled photos.

    Example: wastelens evaluate runs/1/release --data photos/
    """
    from mobile_models import bundled  # noqa: PLC0415
    from mobile_models.litert_model import ModelError  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415
    from training.evaluate import evaluate_release  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        try:
            measured = release or bundled.newest()
            directory, snapshot = _measured_photos(data, Path(scratch))
            report = evaluate_release(measured, directory, snapshot, Path(scratch))
        except (DataError, ModelError, OSError) as error:
            raise _failed("evaluate", str(error)) from error
    print(report.to_bytes().decode(), end="") if as_json else _print_report(report)


def _recipe(name: str) -> "Recipe":
    from training import recipe as recipes  # noqa: PLC0415

    if not name.endswith(".json"):
        return recipes.load(name)
    try:
        return recipes.Recipe.read(Path(name))
    except (OSError, ValueError) as error:
        raise recipes.RecipeError(f"{name} is no recipe: {error}") from error


def _snapshot(photos: Path, run: Path, seed: int) -> Path:
    """Return a snapshot directory: `photos` itself, or one frozen from it in the run directory."""
    from training import dataset  # noqa: PLC0415

    if (photos / dataset.SNAPSHOT_FILE).is_file():
        return photos
    target = run / "snapshot"
    if not (target / dataset.SNAPSHOT_FILE).is_file():
        labels = dataset.label_set_of(file.label for file in dataset.read_folder(photos))
        for line in dataset.freeze_folder(photos, target, labels, seed=seed).left_out:
            print(f"left out: {line}", file=sys.stderr)
    return target


def _measured_photos(photos: Path, scratch: Path) -> "tuple[Path, DatasetSnapshot]":
    from training import dataset  # noqa: PLC0415

    if (photos / dataset.SNAPSHOT_FILE).is_file():
        return photos, dataset.DatasetSnapshot.read(photos / dataset.SNAPSHOT_FILE)
    labels = dataset.label_set_of(file.label for file in dataset.read_folder(photos))
    everything = dataset.SplitFractions(train=0, validation=0, holdout=1)
    frozen = dataset.freeze_folder(photos, scratch / "snapshot", labels, everything)
    for line in frozen.left_out:
        print(f"left out: {line}", file=sys.stderr)
    return scratch / "snapshot", frozen.snapshot


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


def _print_report(report: "EvaluationReport") -> None:
    table = Table("label", "precision", "recall", "F1", "photos")
    for label, metrics in report.per_class.items():
        table.add_row(
            label, f"{metrics.precision:.3f}", f"{metrics.recall:.3f}", f"{metrics.f1:.3f}", str(metrics.support)
        )
    Console().print(table)
    print(
        f"accuracy {report.accuracy:.4f} on {len(report.answers)} photos, macro F1 {report.macro_f1:.4f}, "
        f"calibration error {report.expected_calibration_error:.4f}, {report.size_bytes / 1e6:.1f} MB, "
        f"{report.latency_milliseconds:.1f} ms"
    )


def _failed(command: str, message: str) -> typer.Exit:
    print(f"wastelens {command}: {message}", file=sys.stderr)
    return typer.Exit(2)
