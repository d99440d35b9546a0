"""Label sets: the ordered names a model can answer with.

Guarantees: an id is never reused or reordered. A later version of a set only appends, so a position
in the logits of an older model keeps its meaning for ever. The sets that come with the program lie in `label_sets`.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from mobile_models.document import Document

_FOLDER = Path(__file__).with_name("label_sets")

LabelId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

UNSURE = "unsure"
"""The answer when no label reaches its threshold. It is reserved and can never be a label."""


class Label(Document):
    id: LabelId
    name: str = Field(min_length=1, max_length=80, description="English name shown to people")
    group: LabelId | None = Field(default=None, description="coarser class that this label belongs to")


class LabelSet(Document):
    """Position i of a model's logits is `labels[i]`."""

    id: LabelId
    version: int = Field(ge=1)
    labels: tuple[Label, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [label.id for label in self.labels]
        if len(set(ids)) != len(ids):
            raise ValueError(f"label ids must be unique, got {ids}")
        if UNSURE in ids:
            raise ValueError(f"{UNSURE!r} is reserved for predictions below the threshold")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(label.id for label in self.labels)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group to the ids of its labels, in the order of the labels; empty where no label belongs to a group.

        A label without a group, in a set where others have one, answers for the group of its own name.
        """
        members: dict[str, tuple[str, ...]] = {}
        if any(label.group for label in self.labels):
            for label in self.labels:
                group = label.group or label.id
                members[group] = (*members.get(group, ()), label.id)
        return members

    def index(self, label_id: str) -> int:
        """Raise `ValueError` naming the known labels if there is no such label."""
        try:
            return self.ids.index(label_id)
        except ValueError:
            raise ValueError(f"unknown label {label_id!r}; known labels: {', '.join(self.ids)}") from None

    def extends(self, older: "LabelSet") -> bool:
        """Whether a reader of this set understands every answer of a model made for `older`."""
        return self.id == older.id and self.version >= older.version and self.ids[: len(older.ids)] == older.ids


def names() -> tuple[str, ...]:
    """The label sets that come with the program."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


def load(name: str) -> LabelSet:
    """Read a label set that comes with the program by its name, or any by its file.

    Raise `ValueError` naming the known ones if there is none.
    """
    file = _FOLDER / f"{name}.json" if name in names() else Path(name)
    if not file.is_file():
        raise ValueError(f"There is no label set {name!r}; give a JSON file, or one of {', '.join(names())}.")
    try:
        return LabelSet.read(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is no label set: {error}") from error


TRASHNET = load("trashnet")
"""The six classes of TrashNet in the order of the reference paper (cardboard 0 to trash 5)."""
