"""`wastelens evaluate`: how good a model is on labelled photos."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.labelled_data import DataOption, LabelMapOption, LayoutOption, NamesOption, print_left_out

if TYPE_CHECKING:
    from training.measured_model import MeasuredModel
    from training.photo_source import PhotoSource


def evaluate(  # typer makes an option of each.
    data: DataOption,
    model: Annotated[
        Path | None,
        typer.Argument(help="Run directory or release folder. Default: the bundled release.", show_default=False),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the whole report as one HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON, instead of tables.")] = False,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
) -> None:
    """Measure a model on all photos of a folder, or on the holdout of a snapshot, through the file that ships.

    Example: wastelens evaluate runs/1 --data photos/ --html report.html
    """
    from mobile_models import bundled  # noqa: PLC0415
    from mobile_models.litert_model import ModelError  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415
    from training.photo_source import PhotoSource  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        try:
            source = PhotoSource(data, layout, names, label_map)
            measured = _measure(model or bundled.newest(), source, Path(scratch))
            if html is not None:
                _write_html(html, measured)
        except (DataError, ModelError, OSError) as error:
            raise _failed(str(error)) from error
    _print(measured, as_json)
    if html is not None:
        print(f"report: {html}", file=sys.stderr)


def _measure(model: Path, source: "PhotoSource", scratch: Path) -> "MeasuredModel":
    from training import evaluate as evaluation  # noqa: PLC0415
    from training import measured_model, photo_source, subject  # noqa: PLC0415

    opened = subject.of_release(measured_model.release_of(model))
    photos = photo_source.measured(source, scratch / "snapshot", opened.label_set)
    print_left_out(photos.left_out)
    found = evaluation.measure(opened, photos.directory, photos.snapshot, scratch)
    return measured_model.of_measurement(model, found.report, found.outputs, photos.directory)


def _write_html(path: Path, measured: "MeasuredModel") -> None:
    from training import html_report  # noqa: PLC0415

    html_report.write(path, [measured])


def _print(measured: "MeasuredModel", as_json: bool) -> None:
    from cli.report_tables import print_model  # noqa: PLC0415

    if as_json:
        print(measured.report.to_bytes().decode(), end="")
    else:
        print_model(measured)


def _failed(message: str) -> typer.Exit:
    print(f"wastelens evaluate: {message}", file=sys.stderr)
    return typer.Exit(2)
