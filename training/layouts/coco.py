"""COCO object detection: a JSON file with images, annotations and categories (https://cocodataset.org/#format-data).

Guarantees: a photo gets a label only where all its annotations are of one category; the others are listed. The split
is the one that the annotation file's name, or its folder's, says.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from training.labelled_files import DataError, LabelledFile, LeftOut, Reading, Reason
from training.layouts.image_folder import SPLITS
from training.layouts.photo_files import object_groups

MOST_BYTES_LOOKED_AT = 4096
_LOOKS_LIKE_COCO = re.compile(rb'"(images|annotations|categories|info|licenses)"\s*:')


class _Image(BaseModel):
    id: int | str
    file_name: str


class _Annotation(BaseModel):
    image_id: int | str
    category_id: int


class _Category(BaseModel):
    id: int
    name: str
    supercategory: str | None = None


class _Annotations(BaseModel):
    """What we need of the file; the rest is not looked at."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def is_there(directory: Path) -> bool:
    return next(_annotation_files(directory), None) is not None


def read(directory: Path, names: Sequence[str] | None = None) -> Reading:
    """Raise `DataError` for an annotation file that is not whole. `names` are not needed: categories have names."""
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for annotations in _annotation_files(directory):
        labelled, problems = _labels(annotations, directory)
        files += labelled
        left_out += problems
    groups = object_groups(directory, [file.group for file in files])
    grouped = (replace(file, group=groups.get(file.group, file.group)) for file in files)
    return Reading(directory, "coco", tuple(grouped), tuple(left_out))


def _annotation_files(directory: Path) -> Iterator[Path]:
    """JSON files in the folder, in `annotations/`, and in the folders of splits, that begin like COCO."""
    for file in sorted([*directory.glob("*.json"), *directory.glob("*/*.json")]):
        with file.open("rb") as opened:
            if _LOOKS_LIKE_COCO.search(opened.read(MOST_BYTES_LOOKED_AT)):
                yield file


def _labels(file: Path, directory: Path) -> tuple[list[LabelledFile], list[LeftOut]]:
    content = _read(file)
    categories = {category.id: category for category in content.categories}
    found: dict[int | str, set[int]] = defaultdict(set)
    for annotation in content.annotations:
        found[annotation.image_id].add(annotation.category_id)
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for image in content.images:
        path = _photo(image.file_name, file, directory)
        try:
            files.append(_labelled(path, found[image.id], categories, directory, _own_split(file)))
        except _NotOneCategory as problem:
            left_out.append(LeftOut(path, Reason.NO_SINGLE_LABEL, str(problem)))
    return files, left_out


class _NotOneCategory(Exception):
    """The annotations of a photo are of no category or of several."""


def _labelled(
    path: Path, found: set[int], categories: Mapping[int, _Category], directory: Path, own_split: str | None
) -> LabelledFile:
    if unknown := found - categories.keys():
        raise DataError(f"{path.name} is annotated as category {min(unknown)}, which {directory} does not name.")
    if len(found) != 1:
        names = sorted(categories[number].name for number in found)
        raise _NotOneCategory(f"shows several categories: {', '.join(names)}" if names else "has no annotation")
    category = categories[found.pop()]
    above = category.supercategory if category.supercategory not in (None, "", "none", category.name) else None
    return LabelledFile(path, category.name, path.relative_to(directory).as_posix(), above, own_split)


def _read(file: Path) -> _Annotations:
    try:
        content: Any = json.loads(file.read_bytes())
        return _Annotations.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{file} is no COCO file: {place}: {first['msg']}.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _photo(name: str, file: Path, directory: Path) -> Path:
    """Where the photo lies: beside the annotations, in the folder, in images/ or in the folder of the split."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(f"{file}: the photo {name} lies outside {directory}.")
    split = _own_split(file)
    splits = [path for path in sorted(directory.iterdir()) if split and SPLITS.get(path.name.lower()) == split]
    folders = (
        file.parent,
        directory,
        directory / "images",
        *splits,
        *(directory / "images" / each.name for each in splits),
    )
    return next((folder / name for folder in folders if (folder / name).is_file()), directory / name)


def _own_split(file: Path) -> str | None:
    """`instances_train2017.json` is of the training split, and so is `train/_annotations.coco.json`."""
    words = re.findall(r"[a-z]+", f"{file.parent.name} {file.stem}".lower())
    return next((SPLITS[word] for word in reversed(words) if word in SPLITS), None)
