"""Folders: `<label>/<photo>.jpg`, and with groups of labels `<group>/<label>/<photo>.jpg`.

Guarantees: files that lie elsewhere than the layout says are listed, not guessed at.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from training.data.labelled_files import LabelledFile, LeftOut, Reading, Reason
from training.data.layouts.photo_files import is_photo, no_photo, object_groups


def is_there(directory: Path) -> bool:
    return any(is_photo(file.name) for file in directory.glob("*/*"))


def is_nested(directory: Path) -> bool:
    """Whether all photos lie two folders deep."""
    return not is_there(directory) and any(is_photo(file.name) for file in directory.glob("*/*/*"))


def read(directory: Path, names: Sequence[str] | None = None) -> Reading:
    """The label is the name of the folder. `names` are not needed."""
    files, left_out = _sorted_out(directory.glob("*/*"))
    deeper = [file for file in sorted(directory.glob("*/*/**/*")) if is_photo(file.name)]
    left_out += [LeftOut(file, Reason.NO_SINGLE_LABEL, "lies deeper than <label>/<photo>") for file in deeper]
    groups = object_groups(directory, [_name(file, directory) for file in files])
    labelled = (LabelledFile(file, file.parent.name, _group(file, directory, groups)) for file in files)
    return Reading(directory, "folders", tuple(labelled), tuple(left_out), _empty(directory.glob("*")))


def read_nested(directory: Path, names: Sequence[str] | None = None) -> Reading:
    """The label is the name of the inner folder, and its group that of the outer one. `names` are not needed."""
    files, left_out = _sorted_out(directory.glob("*/*/*"))
    groups = object_groups(directory, [_name(file, directory) for file in files])
    labelled = (
        LabelledFile(file, file.parent.name, _group(file, directory, groups), label_group=file.parent.parent.name)
        for file in files
    )
    return Reading(directory, "groups", tuple(labelled), tuple(left_out), _empty(directory.glob("*/*")))


def _sorted_out(paths: Iterable[Path]) -> tuple[list[Path], list[LeftOut]]:
    """Return the photos, and the other files, hidden ones aside."""
    files = sorted(path for path in paths if not path.is_dir() and not path.name.startswith("."))
    return [file for file in files if is_photo(file.name)], [
        no_photo(file) for file in files if not is_photo(file.name)
    ]


def _empty(folders: Iterable[Path]) -> tuple[str, ...]:
    visible = sorted(path for path in folders if path.is_dir() and not path.name.startswith("."))
    return tuple(path.name for path in visible if not any(is_photo(file.name) for file in path.rglob("*")))


def _name(file: Path, directory: Path) -> str:
    return file.relative_to(directory).as_posix()


def _group(file: Path, directory: Path, groups: dict[str, str]) -> str:
    name = _name(file, directory)
    return groups.get(name, name)
