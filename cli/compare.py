"""`wastelens compare`: runs and releases beside each other, as they were measured."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.evaluation.measured_model import MeasuredModel


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run directories or release folders.", show_default=False)
    ],
    html: Annotated[Path | None, typer.Option(help="Write the whole comparison as one HTML file.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Snapshot directory with their photos, if not in the run directories.", show_default=False),
    ] = None,
) -> None:
    """Show runs side by side, and each against the first: paired differences and exact McNemar tests.

    Nothing is measured again: use `wastelens evaluate` to measure models on other photos. A single run is shown alone.

    Example: wastelens compare runs/1 runs/2 --html comparison.html
    """
    from cli.report_tables import print_comparison, print_model  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415
    from training.evaluation import measured_model  # noqa: PLC0415

    try:
        models = measured_model.of_folders(runs, data)
        print_comparison(models) if len(models) > 1 else print_model(models[0])
        if html is not None:
            _write_html(html, models)
    except (DataError, OSError) as error:
        print(f"wastelens compare: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _write_html(path: Path, models: "list[MeasuredModel]") -> None:
    from training.reporting import html_report  # noqa: PLC0415

    html_report.write(path, models)
    print(f"report: {path}", file=sys.stderr)
