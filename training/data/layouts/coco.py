"""COCO object detection: a JSON file with images, annotations and categories (https://cocodataset.org/#format-data).

Guarantees: a photo gets a label only where all its annotations are of one category; the others are listed. Read as
boxes, each annotation is a photo of its own, and those of one photo are a group. The split is the one that the
annotation file's name, or its folder's, says.
"""

import json
import math
import mmap
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from training.data.labelled_files import Box, DataError, LabelledFile, LeftOut, Reading, Reason
from training.data.layouts.image_folder import SPLITS
from training.data.layouts.photo_files import object_groups

KEYS = (b'"images"', b'"annotations"', b'"categories"')
"""What makes a JSON file one of COCO; others have some of them (Kaggle lays a description beside each data set)."""
SMALLEST_BOX = 32
"""Pixels. Enlarged to what a network takes, less shows nothing."""


class _Image(BaseModel):
    id: int | str
    file_name: str
    width: int = 0
    height: int = 0


class _Annotation(BaseModel):
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float] | None = None


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
    return _read_all(directory, "coco", _labels)


def read_boxes(directory: Path, names: Sequence[str] | None = None) -> Reading:
    """Cut each annotated box out of its photo. Raise as `read` does."""
    return _read_all(directory, "coco_boxes", _boxes)


def never_there(directory: Path) -> bool:
    """Boxes are cut out only where somebody asks for them."""
    return False


_Found = tuple[list[LabelledFile], list[LeftOut]]


def _read_all(directory: Path, layout: str, labels: Callable[[Path, Path], _Found]) -> Reading:
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for annotations in _annotation_files(directory):
        labelled, problems = labels(annotations, directory)
        files += labelled
        left_out += problems
    groups = object_groups(directory, [file.group for file in files])
    grouped = (replace(file, group=groups.get(file.group, file.group)) for file in files)
    return Reading(directory, layout, tuple(grouped), tuple(left_out))


def _annotation_files(directory: Path) -> Iterator[Path]:
    """JSON files in the folder, in `annotations/`, and in the folders of splits, that name all that COCO names."""
    for file in sorted([*directory.glob("*.json"), *directory.glob("*/*.json")]):
        if file.is_file() and file.stat().st_size and _names_all(file):
            yield file


def _names_all(file: Path) -> bool:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in KEYS)


def _labels(file: Path, directory: Path) -> _Found:
    content = _read(file)
    found: dict[int | str, set[int]] = defaultdict(set)
    for annotation in content.annotations:
        found[annotation.image_id].add(annotation.category_id)
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for image in content.images:
        path = _photo(image.file_name, file, directory)
        shown = [_category(content, number, file) for number in sorted(found[image.id])]
        if len(shown) == 1:
            files.append(_labelled(path, shown[0], directory, _own_split(file)))
        else:
            several = f"shows several categories: {', '.join(sorted(category.name for category in shown))}"
            left_out.append(LeftOut(path, Reason.NO_SINGLE_LABEL, several if shown else "has no annotation"))
    return files, left_out


def _boxes(file: Path, directory: Path) -> _Found:
    content = _read(file)
    images = {image.id: image for image in content.images}
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for annotation in content.annotations:
        image = images.get(annotation.image_id)
        if image is None:
            raise DataError(f"{file} annotates the image {annotation.image_id}, which it does not name.")
        path = _photo(image.file_name, file, directory)
        labelled = _labelled(path, _category(content, annotation.category_id, file), directory, _own_split(file))
        box = _box(annotation, image)
        if min(box.right - box.left, box.bottom - box.top) < SMALLEST_BOX:
            sentence = f"has a box of {labelled.label} that is less than {SMALLEST_BOX} pixels wide or high"
            left_out.append(LeftOut(path, Reason.TOO_SMALL, sentence, labelled.label))
        else:
            files.append(replace(labelled, box=box))
    return files, left_out


def _box(annotation: _Annotation, image: _Image) -> Box:
    """The box in whole pixels, within the photo. COCO gives left, top, width and height."""
    left, top, width, height = annotation.bbox or (0, 0, 0, 0)
    return Box(
        left=max(0, math.floor(left)),
        top=max(0, math.floor(top)),
        right=min(image.width, math.ceil(left + width)),
        bottom=min(image.height, math.ceil(top + height)),
        width=image.width,
        height=image.height,
    )


def _category(content: _Annotations, number: int, file: Path) -> _Category:
    category = next((each for each in content.categories if each.id == number), None)
    if category is None:
        raise DataError(f"{file} annotates category {number}, which it does not name.")
    return category


def _labelled(path: Path, category: _Category, directory: Path, own_split: str | None) -> LabelledFile:
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
