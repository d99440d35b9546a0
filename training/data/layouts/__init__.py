"""The layouts in which people keep labelled photos, read into one list of `LabelledFile`s.

Guarantees: whatever the layout, a class name becomes a label id in the same way, nothing is silently left out, and one
file that cannot be used stops no other. The layout is recognised by what is there, unless it is named. No Keras here,
so the backend may read it.
"""

from training.data.labelled_files import Reading
from training.data.layouts.class_names import read_names
from training.data.layouts.label_map import LabelMap, MappedReading, map_labels, read_mapped
from training.data.layouts.recognition import LAYOUTS, read, read_as_named

__all__ = [
    "LAYOUTS",
    "LabelMap",
    "MappedReading",
    "Reading",
    "map_labels",
    "read",
    "read_as_named",
    "read_mapped",
    "read_names",
]
