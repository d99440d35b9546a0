"""Pictures for a report: small copies of photos, and of where the model looked.

Guarantees: every picture is part of the page (a data address), so that a report needs no network and no other file; a
photo that is gone or a network that cannot be looked into leaves a sentence, not a hole.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_models import photo as photos
from mobile_models.evaluation import Answer
from mobile_models.input_spec import InputSpec
from training.evaluation.measured_model import MeasuredModel
from training.reporting import explain
from training.reporting.explain import GradCam, NoHeatMap

EDGE = 240
"""Longest edge of a picture, in pixels."""
QUALITY = 78


@dataclass(frozen=True)
class Exhibit:
    """A wrong answer with its photo, and with what spoke for the wrong label."""

    answer: Answer
    picture: str | None
    heat: str | None


@dataclass(frozen=True)
class Gallery:
    exhibits: tuple[Exhibit, ...]
    missing: str = ""
    """Why pictures or heat maps are not there; empty if all are."""


def of_errors(measured: MeasuredModel, errors: Sequence[Answer]) -> Gallery:
    """Return the photos of `errors`, with Grad-CAM overlays where the float checkpoint is at hand."""
    if measured.photos is None:
        return Gallery(tuple(Exhibit(answer, None, None) for answer in errors), "The photos are not at hand.")
    camera, why = _camera(measured) if errors else (None, "")
    exhibits = []
    for answer in errors:
        exhibit, gone = _exhibit(measured, answer, camera)
        exhibits.append(exhibit)
        why = why or gone
    return Gallery(tuple(exhibits), why)


def picture_of(file: Path | None) -> str | None:
    """Return a small copy of a photo as a data address, or None where it cannot be read."""
    try:
        return None if file is None else _address(_small(_decode(file)))
    except (OSError, photos.PhotoError):
        return None


def _camera(measured: MeasuredModel) -> tuple[GradCam | None, str]:
    if measured.checkpoint is None or measured.input_spec is None:
        return None, "There is no float checkpoint to look into, hence no Grad-CAM."
    try:
        return GradCam(measured.checkpoint), ""
    except NoHeatMap as error:
        return None, f"No Grad-CAM: {error}."


def _exhibit(measured: MeasuredModel, answer: Answer, camera: GradCam | None) -> tuple[Exhibit, str]:
    file = measured.file_of(answer)
    try:
        image = _decode(file) if file else None
    except (OSError, photos.PhotoError) as error:
        return Exhibit(answer, None, None), f"Photo {answer.photo[:12]} cannot be read: {error}."
    if image is None:
        return Exhibit(answer, None, None), "Some photos are not at hand."
    if camera is None or measured.input_spec is None:
        return Exhibit(answer, _address(_small(image)), None), ""
    shown = _small(_cropped(image, measured.input_spec))
    label = measured.report.label_set.index(answer.predicted)
    try:
        heat = camera.heat(measured.input_spec.prepare(image)[0], label)
    except NoHeatMap as error:
        return Exhibit(answer, _address(shown), None), f"No Grad-CAM: {error}."
    return Exhibit(answer, _address(shown), _address(_overlay(shown, heat))), ""


def _overlay(shown: Image.Image, heat: NDArray[np.float32]) -> Image.Image:
    fitted = np.asarray(Image.fromarray(heat).resize(shown.size, Image.Resampling.BILINEAR))
    return Image.fromarray(explain.overlay(np.asarray(shown), fitted))


def _decode(file: Path) -> Image.Image:
    return photos.decode(file.read_bytes())


def _cropped(image: Image.Image, spec: InputSpec) -> Image.Image:
    """What of the photo the model sees."""
    if spec.crop == "none":
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _small(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    return small


def _address(image: Image.Image) -> str:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"
