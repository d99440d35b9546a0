"""`wastelens evaluate`: how good a model is on labelled photos."""

import sys
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.labelled_data import (
    DataOption,
    LabelMapOption,
    LayoutOption,
    NamesOption,
    OutsideLabelsOption,
    OutsideOption,
    print_left_out,
)

if TYPE_CHECKING:
    from training.data.photo_source import PhotoSource
    from training.evaluation.measured_model import MeasuredModel
    from training.evaluation.subject import Subject


class Scaling(StrEnum):
    RAW = "raw"
    ZERO_TO_ONE = "zero_to_one"
    MINUS_ONE_TO_ONE = "minus_one_to_one"
    IMAGENET = "imagenet"


class Crop(StrEnum):
    NONE = "none"
    CENTRE_SQUARE = "centre_square"


@dataclass(frozen=True)
class Foreign:
    """What a model without a manifest does not say itself."""

    labels: Path | None
    scaling: Scaling | None
    crop: Crop


def evaluate(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    data: DataOption,
    model: Annotated[
        Path | None,
        typer.Argument(
            help="Run directory, release folder, or any .tflite or .onnx. Default: the bundled release.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the whole report as one HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON, instead of tables.")] = False,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
    outside: OutsideOption = None,
    outside_labels: OutsideLabelsOption = None,
    labels: Annotated[
        Path | None, typer.Option(help="Foreign model: file of its class names, in the order of its outputs.")
    ] = None,
    scaling: Annotated[Scaling | None, typer.Option(help="Foreign model: how its makers scaled pixels.")] = None,
    crop: Annotated[Crop, typer.Option(help="Foreign model: which part of a photo it sees.")] = Crop.NONE,
) -> None:
    """Measure a model on all photos of a folder, or on the holdout of a snapshot, through the file that ships.

    Example: wastelens evaluate runs/1 --data photos/ --html report.html

    Example: wastelens evaluate yolov8n-cls.onnx --data photos/ --labels names.txt --scaling zero_to_one
    """
    from mobile_models import bundled  # noqa: PLC0415
    from mobile_models.litert_model import ModelError  # noqa: PLC0415
    from training.data.photo_source import PhotoSource  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        try:
            source = PhotoSource(data, layout, names, label_map)
            elsewhere = None if outside is None else PhotoSource(outside, label_map=outside_labels)
            chosen = model or bundled.newest()
            opened = _open(chosen, Foreign(labels, scaling, crop))
            measured = _measure(chosen, opened, source, elsewhere, Path(scratch))
            if html is not None:
                _write_html(html, measured)
        except (DataError, ModelError, OSError) as error:
            raise _failed(str(error)) from error
    _print(measured, as_json)
    if html is not None:
        print(f"report: {html}", file=sys.stderr)


def _open(model: Path, foreign: Foreign) -> "Subject":
    from mobile_models.litert_model import ModelError  # noqa: PLC0415
    from training.evaluation import foreign_model, measured_model, subject  # noqa: PLC0415

    if not foreign_model.is_foreign(model):
        return subject.of_release(measured_model.release_of(model))
    if foreign.scaling is None:
        known = ", ".join(Scaling)
        raise ModelError(f"{model} does not say how pixels are scaled for it: give --scaling, one of {known}.")
    scaling = foreign_model.PixelScaling(foreign.scaling)
    return foreign_model.subject(model, foreign.labels, scaling, foreign.crop.value)


def _measure(
    model: Path, opened: "Subject", source: "PhotoSource", elsewhere: "PhotoSource | None", scratch: Path
) -> "MeasuredModel":
    from training.data import photo_source  # noqa: PLC0415
    from training.evaluation import evaluate as evaluation  # noqa: PLC0415
    from training.evaluation import measured_model  # noqa: PLC0415
    from training.evaluation import outside as outside_photos  # noqa: PLC0415

    photos = photo_source.measured(source, scratch / "snapshot", opened.label_set)
    print_left_out(photos.left_out)
    found = evaluation.measure(opened, photos.directory, photos.snapshot, scratch)
    report = outside_photos.report(found, elsewhere)
    return measured_model.of_measurement(model, report, found.outputs, photos.directory)


def _write_html(path: Path, measured: "MeasuredModel") -> None:
    from training.reporting import html_report  # noqa: PLC0415

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
