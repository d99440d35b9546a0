"""`wastelens classify`: what is on these photos, by the model a phone would use."""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mobile_models import bundled, photo
from mobile_models.classifier import Classification, Classifier, ModelError
from mobile_models.guide import Guide, GuideAnswer, answer

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
    guide: Annotated[
        Path | None, typer.Option(help="A city's guide (guides/<city>.json): say also which bin it goes into.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the guide's words.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print for each photo its label (or "unsure"), the score of each label and the milliseconds it took.

    A file that cannot be read gets an error line; the others are still classified, and the exit status is 1.

    Example: wastelens classify --json photos/*.jpg
    """
    classifier = _load(model)
    advise = _advice_of(guide, language)
    failures = 0
    for path in paths:
        try:
            found = classifier.classify(_read(path))
        except (OSError, photo.PhotoError) as error:
            failures += 1
            _print_failure(path, error, as_json)
        else:
            advice = advise(found.label)
            print(_as_json(path, found, advice) if as_json else _as_text(path, found, advice), flush=True)
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


def _advice_of(file: Path | None, language: str) -> Callable[[str], GuideAnswer | None]:
    """Return what says what a guide says about a label today. End with status 2 if the file is no guide."""
    if file is None:
        return lambda _: None
    try:
        read = Guide.read(file)
    except (OSError, ValueError) as error:
        print(f"wastelens classify: {file} is no guide: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    return lambda label: answer(read, label, language, datetime.now().astimezone().date())


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


def _as_json(path: Path, found: Classification, advice: GuideAnswer | None) -> str:
    scores = {label: round(score, 6) for label, score in found.scores.items()}
    shown: dict[str, object] = {
        "path": str(path),
        "label": found.label,
        "scores": scores,
        "milliseconds": round(found.milliseconds, 3),
    }
    if found.novelty is not None:
        shown["novelty"] = round(found.novelty, 4)
    if found.group is not None:
        groups = {group: round(score, 6) for group, score in found.group_scores.items()}
        shown |= {"group": found.group, "group_scores": groups}
    if advice is not None:
        shown["advice"] = advice.model_dump(mode="json")
    return json.dumps(shown, ensure_ascii=advice is None)


def _as_text(path: Path, found: Classification, advice: GuideAnswer | None) -> str:
    best_first = sorted(found.scores.items(), key=lambda item: -item[1])
    scores = "  ".join(f"{label} {score:.3f}" for label, score in best_first)
    group = "" if found.group is None else f" ({found.group} {max(found.group_scores.values()):.3f})"
    return f"{_printable(path)}  {found.label}{group}  {found.milliseconds:.1f} ms  {scores}{_words(advice)}"


def _words(advice: GuideAnswer | None) -> str:
    if advice is None:
        return ""
    said = (advice.bin_name, advice.hazard, advice.preparation, advice.drop_off)
    return "".join(f"\n    {each}" for each in said if each)


def _printable(path: Path) -> str:
    """File names may hold bytes that are no text."""
    return str(path).encode(errors="backslashreplace").decode()
