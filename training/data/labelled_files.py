"""What reading a folder of labelled photos gives: the files with their labels, and what had to be left out.

Guarantees: each file that is left out has a reason that a program can tell and a sentence that a person can read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

LISTED = 10
"""So many left-out photos are named on a screen; the others are in the file."""


class DataError(Exception):
    """The data cannot be used as they are; the message says what is wrong with which of them."""


@dataclass(frozen=True)
class Box:
    """A part of a photo in pixels, right and bottom exclusive, and the size of the photo that it was drawn on."""

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int


@dataclass(frozen=True)
class LabelledFile:
    path: Path
    label: str
    group: str
    """Photos of one object share it. From groups.csv, else the file's own relative path."""
    label_group: str | None = None
    """The coarser class that the label belongs to, where the layout says so."""
    own_split: str | None = None
    """train, validation or holdout, where the layout says so."""
    box: Box | None = None
    """The label is of this part of the photo alone."""


class Reason(StrEnum):
    UNREADABLE = "unreadable"
    COPY = "copy"  # the same bytes are there with the same label
    CONTRADICTION = "contradiction"  # the same bytes carry two labels, so neither is believed
    NO_SINGLE_LABEL = "no_single_label"  # no label at all, or several
    TOO_SMALL = "too_small"
    NOT_MAPPED = "not_mapped"  # the label map leaves its class out
    NONE_OF_OURS = "none_of_ours"  # the label map says that its class is none of our labels
    TORN_GROUP = "torn_group"  # trained on elsewhere, and its group is in the holdout


@dataclass(frozen=True)
class LeftOut:
    """A photo that is not used."""

    path: Path
    reason: Reason
    sentence: str
    label: str | None = None
    twin: Path | None = None
    """The file with the same bytes, of a copy or a contradiction."""
    twin_label: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}"


@dataclass(frozen=True)
class Reading:
    """A folder of labelled photos as it was read."""

    directory: Path
    layout: str
    files: tuple[LabelledFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    empty_folders: tuple[str, ...] = ()
    """Those that a label would be named after, if they held a photo."""
    read_as: Mapping[str, str] = field(default_factory=dict)
    """What was asked of the reader, where anything was: it is kept beside what is frozen of the reading."""

    @property
    def label_groups(self) -> dict[str, str]:
        """Label to its coarser class, where the layout has them. Raise `DataError` for a label in two of them."""
        groups: dict[str, str] = {}
        for file in self.files:
            if file.label_group and groups.setdefault(file.label, file.label_group) != file.label_group:
                raise DataError(
                    f"The class {file.label} is in {groups[file.label]} and in {file.label_group}: rename one of them."
                )
        return groups

    @property
    def has_own_split(self) -> bool:
        return any(file.own_split for file in self.files)


def summary(left_out: Sequence[LeftOut], where: Path | None = None) -> str:
    """In words for a screen: how many photos are left out for which reason, the first of them, and where all are.

    Those that a label map leaves out are only counted, by class.
    """
    if not left_out:
        return ""
    counted = "1 photo is" if len(left_out) == 1 else f"{len(left_out)} photos are"
    named = [each for each in left_out if each.reason not in _BY_CLASS]
    lines = [f"{counted} left out:", *_by_class(left_out), *(f"  {each}" for each in named[:LISTED])]
    if (more := len(named) - LISTED) > 0:
        lines.append(f"  and {more} more.")
    if where is not None:
        lines.append(f"All are listed in {where}.")
    return "\n".join(lines)


_BY_CLASS = {
    Reason.NOT_MAPPED: "of classes that are not in the label map",
    Reason.NONE_OF_OURS: "of classes that are none of our labels",
}


def _by_class(left_out: Sequence[LeftOut]) -> Iterator[str]:
    for reason, words in _BY_CLASS.items():
        classes = Counter(each.label for each in left_out if each.reason is reason)
        if classes:
            counts = ", ".join(f"{name} {count}" for name, count in sorted(classes.items(), key=str))
            yield f"  {classes.total()} {words}: {counts}"


def write_list(left_out: Iterable[LeftOut], file: Path) -> None:
    """One line for each, for people."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes("".join(f"{each}\n" for each in left_out).encode(errors="backslashreplace"))
