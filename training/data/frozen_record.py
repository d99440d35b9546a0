"""What is kept beside a snapshot of where its photos come from, and of the photos that are not in it.

Guarantees: paths are relative to the folder that was read, and can be written whatever bytes a file name holds.
"""

from pathlib import Path

from pydantic import Field

from mobile_models.document import Document, Sha256
from training.data.labelled_files import LeftOut, Reason

RECORD_FILE = "frozen.json"


class LeftOutPhoto(Document):
    """A photo that is not in a snapshot; paths are relative to the folder that was read."""

    path: str
    reason: Reason
    sentence: str
    label: str | None = None
    twin: str | None = Field(default=None, description="the file with the same bytes")
    twin_label: str | None = None


class FrozenRecord(Document):
    """`frozen.json` beside snapshot.json: where its photos come from, how they were split, and what was left out."""

    snapshot: Sha256
    source: str = Field(description="name of the folder")
    layout: str
    read_as: dict[str, str] | None = Field(
        default=None, description="layout, names, label map and label set that were asked for; null: not kept then"
    )
    seed: int
    fractions: tuple[float, float, float] = Field(description="of train, validation and holdout")
    grouped: bool = Field(description="false: photos of one object may stand on both sides, as in most papers")
    own_split: bool = Field(default=False, description="the split of the layout was kept")
    counts: dict[str, dict[str, int]] = Field(description="split to label to photos")
    left_out: tuple[LeftOutPhoto, ...] = ()

    @property
    def contradictions(self) -> tuple[LeftOutPhoto, ...]:
        """Photos whose bytes carry two labels: label errors that are sure."""
        return tuple(each for each in self.left_out if each.reason is Reason.CONTRADICTION)


def relative(each: LeftOut, directory: Path) -> LeftOutPhoto:
    def named(path: Path) -> str:
        inside = path.relative_to(directory) if path.is_relative_to(directory) else path
        return inside.as_posix().encode(errors="backslashreplace").decode()

    return LeftOutPhoto(
        path=named(each.path),
        reason=each.reason,
        sentence=each.sentence.encode(errors="backslashreplace").decode(),
        label=each.label,
        twin=None if each.twin is None else named(each.twin),
        twin_label=each.twin_label,
    )
