"""`wastelens classify`: what is on these photos, by the model a phone would use."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mobile_models import bundled, photo
from mobile_models.classifier import Classification, Classifier, ModelError

MOST_THREADS = 4
"""Two threads halve the time of one photo; beyond four nothing is gained."""


def classify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Photos: JPEG, PNG, WebP.", show_default=False)
    ],
    model: Annotated[
        Path | None,
        typer.Option(help="A .tflite with its manifest.json beside it, or a release folder. Default: the bundled one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print for each photo its label (or "unsure"), the score of each label and the milliseconds it took.

    A file that cannot be read gets an error line; the others are still classified, and the exit status is 1.

    Example: wastelens classify --json photos/*.jpg
    """
    classifier = _load(model)
    failures = 0
    for path in paths:
        try:
            found = classifier.classify(_read(path))
        except (OSError, photo.PhotoError) as error:
            failures += 1
            _print_failure(path, error, as_json)
        else:
            print(_as_json(path, found) if as_json else _as_text(path, found), flush=True)
    if failures:
        raise typer.Exit(1)


def _load(model: Path | None) -> Classifier:
    """End with a message and status 2 if there is no model that can be used."""
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    try:
        return Classifier.load(bundled.newest() if model is None else model, threads)
    except (ModelError, OSError) as error:
        print(f"wastelens classify: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _read(path: Path) -> bytes:
    """No more than a photo may have, and one byte to notice that there is more."""
    with path.open("rb") as file:
        return file.read(photo.PhotoLimits().max_bytes + 1)


def _print_failure(path: Path, error: OSError | photo.PhotoError, as_json: bool) -> None:
    message = error.message if isinstance(error, photo.PhotoError) else error.strerror or str(error)
    if as_json:
        print(json.dumps({"path": str(path), "error": message}), flush=True)
    else:
        print(f"{_printable(path)}: error: {message}", file=sys.stderr, flush=True)


def _as_json(path: Path, found: Classification) -> str:
    scores = {label: round(score, 6) for label, score in found.scores.items()}
    answer = {"path": str(path), "label": found.label, "scores": scores, "milliseconds": round(found.milliseconds, 3)}
    if found.novelty is not None:
        answer["novelty"] = round(found.novelty, 4)
    if found.group is not None:
        groups = {group: round(score, 6) for group, score in found.group_scores.items()}
        answer |= {"group": found.group, "group_scores": groups}
    return json.dumps(answer)


def _as_text(path: Path, found: Classification) -> str:
    best_first = sorted(found.scores.items(), key=lambda item: -item[1])
    scores = "  ".join(f"{label} {score:.3f}" for label, score in best_first)
    group = "" if found.group is None else f" ({found.group} {max(found.group_scores.values()):.3f})"
    return f"{_printable(path)}  {found.label}{group}  {found.milliseconds:.1f} ms  {scores}"


def _printable(path: Path) -> str:
    """File names may hold bytes that are no text."""
    return str(path).encode(errors="backslashreplace").decode()
