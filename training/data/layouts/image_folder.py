"""ImageFolder of Hugging Face datasets: `train/<label>/<photo>` and `test/...`, or a metadata.csv or metadata.jsonl.

The format: https://huggingface.co/docs/datasets/image_dataset. Guarantees: the set's own split is kept beside each
photo (`test` is our holdout), so that whoever wants the published figures can keep it.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.data.labelled_files import DataError, LabelledFile, LeftOut, Reading, Reason
from training.data.layouts.class_names import name_of
from training.data.layouts.photo_files import is_photo, object_groups

SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "holdout",
    "testing": "holdout",
    "eval": "holdout",
    "evaluation": "holdout",
}
"""What folders of a split are called, to what we call it."""
METADATA = ("metadata.csv", "metadata.jsonl")
LABEL_COLUMNS = ("label", "labels", "class", "category")


def is_there(directory: Path) -> bool:
    """Whether there is a metadata file with file names, or all folders are splits."""
    inner = [path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
    splits = [path for path in inner if path.name.lower() in SPLITS]
    if any(_names_files(folder) for folder in (directory, *splits)):
        return True
    return bool(splits) and len(splits) == len(inner)


def read(directory: Path, names: Sequence[str] | None = None) -> Reading:
    """Raise `DataError` for metadata that cannot be read or have no column of labels."""
    splits = [path for path in sorted(directory.iterdir()) if path.is_dir() and path.name.lower() in SPLITS]
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for folder in splits or [directory]:
        labelled, problems = _labels(folder, names)
        side = SPLITS[folder.name.lower()] if splits else None
        files += [LabelledFile(path, label, _name(path, directory), own_split=side) for path, label in labelled]
        left_out += problems
    groups = object_groups(directory, [file.group for file in files])
    grouped = (replace(file, group=groups.get(file.group, file.group)) for file in files)
    return Reading(directory, "imagefolder", tuple(grouped), tuple(left_out))


def _name(photo: Path, directory: Path) -> str:
    return photo.relative_to(directory).as_posix()


def _metadata(folder: Path) -> Path | None:
    return next((folder / name for name in METADATA if (folder / name).is_file()), None)


def _names_files(folder: Path) -> bool:
    """Other data sets call other tables metadata.csv."""
    metadata = _metadata(folder)
    if metadata is None:
        return False
    with metadata.open("rb") as file:
        return b"file_name" in file.readline()


def _labels(folder: Path, names: Sequence[str] | None) -> tuple[list[tuple[Path, str]], list[LeftOut]]:
    """Return the photos of one split with their class names, and what has none."""
    metadata = _metadata(folder)
    if metadata is None:
        photos = [path for path in sorted(folder.glob("*/*")) if is_photo(path.name) and not path.is_dir()]
        return [(photo, photo.parent.name) for photo in photos], []
    labelled: list[tuple[Path, str]] = []
    left_out: list[LeftOut] = []
    for number, row in enumerate(_rows(metadata), start=1):
        path = folder / _file_name(row, metadata, number)
        try:
            labelled.append((path, _label(row, metadata, names)))
        except _NoLabel:
            left_out.append(LeftOut(path, Reason.NO_SINGLE_LABEL, f"has no single label in {metadata.name}"))
    return labelled, left_out


class _NoLabel(Exception):
    """A row without a label, or with a list of them."""


def _rows(metadata: Path) -> list[Mapping[str, Any]]:
    try:
        with metadata.open(newline="", encoding="utf-8-sig") as file:
            if metadata.suffix == ".csv":
                return list(csv.DictReader(file))
            return [json.loads(line) for line in file if line.strip()]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{metadata} cannot be read: {error}") from error


def _file_name(row: Mapping[str, Any], metadata: Path, number: int) -> str:
    name = row.get("file_name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise DataError(f"{metadata}, row {number}, has no file_name.")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(f"{metadata}, row {number}: {name} lies outside its folder.")
    return name


def _label(row: Mapping[str, Any], metadata: Path, names: Sequence[str] | None) -> str:
    column = next((column for column in LABEL_COLUMNS if column in row), None)
    if column is None:
        columns = ", ".join(LABEL_COLUMNS)
        raise DataError(f"{metadata} has no column of labels ({columns}), only {', '.join(map(str, row))}.")
    value = row[column]
    if value is None or value == "" or isinstance(value, list | dict):
        raise _NoLabel
    return name_of(int(value), names) if names is not None and str(value).isdigit() else str(value)
