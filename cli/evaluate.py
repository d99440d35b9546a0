"""`wastelens evaluate`: how good a release is on labelled photos."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.labelled_data import DataOption, LabelMapOption, LayoutOption, NamesOption, print_left_out

if TYPE_CHECKING:
    from mobile_models.evaluation import EvaluationReport


def evaluate(
    data: DataOption,
    release: Annotated[Path | None, typer.Argument(help="Release folder. Default: the bundled one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
) -> None:
    """Measure the .tflite of a release through LiteRT on all photos of a folder, or on the holdout of a snapshot.

    Example: wastelens evaluate runs/1/release --data photos/
    """
    from mobile_models import bundled  # noqa: PLC0415
    from mobile_models.litert_model import ModelError  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415
    from training.evaluate import evaluate_release  # noqa: PLC0415
    from training.photo_source import PhotoSource, measured  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        try:
            photos = measured(PhotoSource(data, layout, names, label_map), Path(scratch) / "snapshot")
            print_left_out(photos.left_out)
            report = evaluate_release(release or bundled.newest(), photos.directory, photos.snapshot, Path(scratch))
        except (DataError, ModelError, OSError) as error:
            raise _failed(str(error)) from error
    print(report.to_bytes().decode(), end="") if as_json else _print_report(report)


def _print_report(report: "EvaluationReport") -> None:
    table = Table("label", "precision", "recall", "F1", "photos")
    for label, metrics in report.per_class.items():
        table.add_row(
            label, f"{metrics.precision:.3f}", f"{metrics.recall:.3f}", f"{metrics.f1:.3f}", str(metrics.support)
        )
    Console().print(table)
    grouped = "" if report.group_accuracy is None else f", groups {report.group_accuracy:.4f}"
    print(
        f"accuracy {report.accuracy:.4f}{grouped} on {len(report.answers)} photos, macro F1 {report.macro_f1:.4f}, "
        f"calibration error {report.expected_calibration_error:.4f}, {report.size_bytes / 1e6:.1f} MB, "
        f"{report.latency_milliseconds:.1f} ms"
    )


def _failed(message: str) -> typer.Exit:
    print(f"wastelens evaluate: {message}", file=sys.stderr)
    return typer.Exit(2)
