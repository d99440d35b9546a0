"""Which layout a folder has, and reading it.

Guarantees: an answer holds at least one labelled photo; a layout that is named is not second-guessed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from training.data.labelled_files import DataError, Reading
from training.data.layouts import coco, folders, image_folder, pairs
from training.data.layouts.class_names import with_label_ids

Names = Sequence[str] | None

LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[[Path, Names], Reading]]] = {
    "coco": (coco.is_there, coco.read),
    "coco_boxes": (coco.never_there, coco.read_boxes),
    "pairs": (pairs.is_there, pairs.read),
    "imagefolder": (image_folder.is_there, image_folder.read),
    "groups": (folders.is_nested, folders.read_nested),
    "folders": (folders.is_there, folders.read),
}
"""Layout to how it is recognised and read, in the order in which they are looked for."""


def read(directory: Path, layout: str | None = None, names: Names = None) -> Reading:
    """Read the labelled photos in `directory`; `names` are the class names of a layout that has only numbers.

    Raise `DataError` if there is no photo, an unknown layout is named, its own files contradict it, or a class name
    cannot be a label id.
    """
    return with_label_ids(read_as_named(directory, layout, names))


def read_as_named(directory: Path, layout: str | None = None, names: Names = None) -> Reading:
    """As `read`, with the class names as they are, which a label map may know."""
    check_directory(directory)
    try:
        _, reader = LAYOUTS[layout or recognise(directory)]
    except KeyError:
        raise DataError(f"There is no layout {layout!r}; there are {', '.join(LAYOUTS)}.") from None
    reading = reader(directory, names)
    if not reading.files:
        found = "".join(f"\n  {each}" for each in reading.left_out[:10])
        raise DataError(f"{directory} holds no photo with a label in the layout {reading.layout}.{found}")
    return reading


def recognise(directory: Path) -> str:
    """Return the name of the layout; raise `DataError` if it is none that is known."""
    for layout, (is_there, _) in LAYOUTS.items():
        if is_there(directory):
            return layout
    raise DataError(
        f"{directory} holds no photo in a known layout. Expected {directory}/<label>/<photo>.jpg, or one of: "
        f"{', '.join(LAYOUTS)}."
    )


def check_directory(directory: Path) -> None:
    if not directory.exists():
        raise DataError(f"There is no folder {directory}.")
    if not directory.is_dir():
        raise DataError(f"{directory} is a file. Give the folder that holds the labelled photos.")
