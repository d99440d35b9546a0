"""Which files are photos, and which photos show the same object."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from training.data.labelled_files import DataError, LeftOut, Reason

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})
GROUPS_FILE = "groups.csv"


def is_photo(name: str) -> bool:
    """By its name alone; hidden files are none (other systems leave `._photo.jpg` beside each photo)."""
    return not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES


def photos_below(directory: Path) -> Iterator[Path]:
    """All photos below `directory`, at any depth, sorted within each folder."""
    for folder, inner, files in os.walk(directory):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if is_photo(name))


def no_photo(file: Path) -> LeftOut:
    kinds = ", ".join(sorted(PHOTO_SUFFIXES))
    return LeftOut(file, Reason.UNREADABLE, f"is no photo by its name ({kinds})")


def object_groups(directory: Path, names: list[str]) -> dict[str, str]:
    """Return photo (relative to `directory`) to its group, by groups.csv (file,object_group) where there is one.

    Raise `DataError` if it lacks these columns or names none of the photos.
    """
    path = directory / GROUPS_FILE
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"file", "object_group"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path} needs the columns file and object_group.")
        groups = {row["file"]: f"object-{row['object_group']}" for row in rows}
    if groups and names and not groups.keys() & set(names):
        raise DataError(f"groups.csv names none of the photos; it must name them like {names[0]}.")
    return groups
