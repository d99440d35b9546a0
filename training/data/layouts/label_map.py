"""Label maps: which of our labels the classes of a foreign data set are.

Guarantees: a class is a label, surely none of the labels, or left out and listed; nothing is guessed. A map is a CSV
file with the columns `name` and `label`; an empty label says that photos of this class show none of the labels. Maps
that come with the program lie in `training/label_maps` and are known by their names.
"""

import csv
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from training.data.labelled_files import DataError, LabelledFile, LeftOut, Reading, Reason
from training.data.layouts import recognition
from training.data.layouts.class_names import key

FOLDER = Path(__file__).parents[1] / "label_maps"


@dataclass(frozen=True)
class LabelMap:
    labels: dict[str, str]
    """`class_names.key` of the foreign class to our label, or to "" for none of ours."""

    @classmethod
    def read(cls, name: str | Path) -> Self:
        """Read a map by its file, or one that comes with the program by its name. Raise `DataError` if it is none."""
        file = _file(name)
        try:
            with file.open(newline="", encoding="utf-8-sig") as opened:
                rows = list(csv.DictReader(opened))
        except (OSError, ValueError, csv.Error) as error:
            raise DataError(f"{file} cannot be read: {error}") from error
        if not rows or not {"name", "label"} <= rows[0].keys():
            raise DataError(f"{file} is no label map: it needs the columns name and label, and a row for each class.")
        names = [key(row["name"] or "") for row in rows]
        if doubled := [each for each, count in Counter(names).items() if count > 1]:
            raise DataError(f"{file} names {doubled[0]} more than once.")
        return cls(dict(zip(names, ((row["label"] or "").strip() for row in rows), strict=True)))


@dataclass(frozen=True)
class MappedReading:
    labelled: Reading
    """Photos with a label of ours, and all that is left out."""
    none_of_these: tuple[LabelledFile, ...]
    """Photos that surely show none of our labels; `label` is still the foreign one."""

    def without_none_of_these(self) -> Reading:
        """The labelled photos, with those of none of our labels among what is left out."""
        sentence = "its class {} is none of our labels"
        others = tuple(
            LeftOut(file.path, Reason.NONE_OF_OURS, sentence.format(file.label), file.label)
            for file in self.none_of_these
        )
        return replace(self.labelled, left_out=(*self.labelled.left_out, *others))


def names() -> tuple[str, ...]:
    """The maps that come with the program."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.csv")))


def read_mapped(directory: Path, label_map: LabelMap | str | Path, layout: str | None = None) -> MappedReading:
    """Read a foreign folder through a map, which may be named. Raise `DataError` where it names nothing of it."""
    label_map = label_map if isinstance(label_map, LabelMap) else LabelMap.read(label_map)
    return map_labels(recognition.read_as_named(directory, layout), label_map)


def map_labels(reading: Reading, label_map: LabelMap) -> MappedReading:
    """Raise `DataError` if the map names none of the classes that are there."""
    found = {file.label for file in reading.files}
    if not {key(name) for name in found} & label_map.labels.keys():
        raise DataError(
            f"The label map names none of the classes in {reading.directory}: it names "
            f"{', '.join(sorted(label_map.labels))}, and there are {', '.join(sorted(found))}."
        )
    ours = [(file, label_map.labels.get(key(file.label))) for file in reading.files]
    labelled = tuple(replace(file, label=label, label_group=None) for file, label in ours if label)
    none = tuple(file for file, label in ours if label == "")
    left_out = tuple(_not_mapped(file) for file, label in ours if label is None)
    return MappedReading(replace(reading, files=labelled, left_out=(*reading.left_out, *left_out)), none)


def _not_mapped(file: LabelledFile) -> LeftOut:
    return LeftOut(file.path, Reason.NOT_MAPPED, f"its class {file.label} is not in the label map", file.label)


def _file(name: str | Path) -> Path:
    if isinstance(name, str) and name in names():
        return FOLDER / f"{name}.csv"
    if not Path(name).is_file():
        raise DataError(f"There is no label map {name}; give a CSV file, or one of {', '.join(names())}.")
    return Path(name)
