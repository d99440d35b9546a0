"""Image and text pairs, as in the 40-class junk sorting set: `img_1.txt` beside the photo holds "img_1.jpg, 23".

Guarantees: the number in the text is the class, counted from 0; a photo without a text, and a text that says something
else, is listed.
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from training.data.labelled_files import LabelledFile, LeftOut, Reading, Reason
from training.data.layouts.class_names import name_of
from training.data.layouts.photo_files import object_groups, photos_below

LOOKED_AT = 20
_LINE = re.compile(r"\s*(?P<file>[^,]+?)\s*,\s*(?P<number>\d+)\s*")


def is_there(directory: Path) -> bool:
    """Whether one of the first photos has such a text beside it."""
    return any(_number(photo) is not None for photo in islice(photos_below(directory), LOOKED_AT))


def read(directory: Path, names: Sequence[str] | None = None) -> Reading:
    photos = list(photos_below(directory))
    groups = object_groups(directory, [photo.relative_to(directory).as_posix() for photo in photos])
    files: list[LabelledFile] = []
    left_out: list[LeftOut] = []
    for photo in photos:
        name = photo.relative_to(directory).as_posix()
        number = _number(photo)
        if number is None:
            sentence = f'has no {photo.stem}.txt beside it that says "{photo.name}, <class number>"'
            left_out.append(LeftOut(photo, Reason.NO_SINGLE_LABEL, sentence))
        else:
            files.append(LabelledFile(photo, name_of(number, names), groups.get(name, name)))
    return Reading(directory, "pairs", tuple(files), tuple(left_out))


def _number(photo: Path) -> int | None:
    """The class of `photo` by the text beside it, or None."""
    try:
        text = photo.with_suffix(".txt").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    found = _LINE.fullmatch(text)
    return int(found["number"]) if found and Path(found["file"]).stem == photo.stem else None
