"""From the class names of others to label ids: `Glass bottle` becomes `glass_bottle`, and class 7 `class_7`.

Guarantees: two classes never become one label unseen, and a name that cannot be a label id is an error that names it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from training.data.labelled_files import DataError, LabelledFile, Reading

LONGEST = 40


def label_id(name: str) -> str:
    """Return `name` as a label id; raise `DataError` where it has no letter or digit that an id may hold."""
    found = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    if not found:
        raise DataError(
            f"The class name {name!r} cannot be a label: give it one of letters a to z (a label map, or names)."
        )
    return (f"class_{found}" if found[0].isdigit() else found)[:LONGEST].rstrip("_")


def key(name: str) -> str:
    """What two spellings of a class name share: its label id, or the name itself in other scripts."""
    try:
        return label_id(name)
    except DataError:
        return name.strip()


def label_ids(names: Iterable[str]) -> dict[str, str]:
    """Return name to label id; raise `DataError` if two names would become one label."""
    ids = {name: label_id(name) for name in sorted(set(names))}
    same: dict[str, list[str]] = defaultdict(list)
    for name, found in ids.items():
        same[found].append(name)
    if doubled := [alike for alike in same.values() if len(alike) > 1]:
        raise DataError(f"The classes {' and '.join(map(repr, doubled[0]))} would be one label: rename one of them.")
    return ids


def with_label_ids(reading: Reading) -> Reading:
    labels = label_ids(file.label for file in reading.files)
    groups = label_ids(file.label_group for file in reading.files if file.label_group)
    return replace(reading, files=tuple(_renamed(file, labels, groups) for file in reading.files))


def _renamed(file: LabelledFile, labels: dict[str, str], groups: dict[str, str]) -> LabelledFile:
    return replace(file, label=labels[file.label], label_group=groups[file.label_group] if file.label_group else None)


def name_of(number: int, names: Sequence[str] | None) -> str:
    """The name of class `number`, counted from 0; raise `DataError` if the names do not reach so far."""
    if names is None:
        return str(number)
    if not 0 <= number < len(names):
        raise DataError(f"There are names for the classes 0 to {len(names) - 1}, and a photo of class {number}.")
    return names[number]


def read_names(file: Path) -> tuple[str, ...]:
    """Read class names in the order of their numbers: one a line, a JSON list, or a JSON object of number to name.

    Raise `DataError` if they cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = json.loads(text) if file.suffix.lower() == ".json" else text.split("\n")
        if isinstance(content, dict):
            content = [content[str(number)] for number in range(len(content))]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{file} holds no class names (one a line, or JSON): {error}") from error
    names = tuple(str(name).strip() for name in content)
    while names and not names[-1]:
        names = names[:-1]
    if not names or not all(names):
        raise DataError(f"{file} names no class, or has an empty line between names.")
    return names
