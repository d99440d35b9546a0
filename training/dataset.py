"""Dataset snapshots: which photo, with which gold label, is in which split.

Guarantees: a `DatasetSnapshot` holds each photo once, keeps the photos of a group in one split, and has one digest
whatever the order in which its photos came. `split_groups` never moves a photo out of the holdout and never puts one
into the holdout that was trained on. No Keras here, so the backend may read it.
"""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from mobile_models import photo as photos
from mobile_models.document import Document, Sha256, sha256
from mobile_models.label_set import TRASHNET, Label, LabelSet

SNAPSHOT_FILE = "snapshot.json"
PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})


class DataError(Exception):
    """The data cannot be used as they are; the message says what is wrong with which of them."""


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"


class SnapshotPhoto(Document):
    sha256: Sha256 = Field(description="of the stored file, which lies at photos/<sha256>.jpg")
    origin_sha256: Sha256 | None = Field(default=None, description="of the bytes that once came")
    label: str
    split: Split
    group: str = Field(description="photos of one object, resident or nearly equal picture share it")
    source: str = Field(default="", description="where it comes from, in words")


class DatasetSnapshot(Document):
    """`snapshot.json` of a snapshot directory. Photos are kept sorted by digest."""

    label_set: LabelSet
    photos: tuple[SnapshotPhoto, ...] = Field(min_length=1)
    parent: Sha256 | None = Field(default=None, description="digest of the snapshot before")

    @field_validator("photos")
    @classmethod
    def _sort(cls, photos: tuple[SnapshotPhoto, ...]) -> tuple[SnapshotPhoto, ...]:
        return tuple(sorted(photos, key=lambda photo: photo.sha256))

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if unknown := {photo.label for photo in self.photos} - set(self.label_set.ids):
            raise ValueError(f"labels that are not in the label set: {sorted(unknown)}")
        if doubled := [digest for digest, n in Counter(photo.sha256 for photo in self.photos).items() if n > 1]:
            raise ValueError(f"{len(doubled)} photos are there more than once, first {doubled[0]}")
        splits: dict[str, set[Split]] = defaultdict(set)
        for photo in self.photos:
            splits[photo.group].add(photo.split)
        if torn := [group for group, found in splits.items() if len(found) > 1]:
            raise ValueError(f"{len(torn)} groups are in more than one split, first {torn[0]!r}")
        return self

    def of(self, split: Split) -> tuple[SnapshotPhoto, ...]:
        return tuple(photo for photo in self.photos if photo.split == split)

    def counts(self) -> dict[str, dict[str, int]]:
        """Split to label to number of photos, zeros included."""
        found = Counter((photo.split, photo.label) for photo in self.photos)
        return {split.value: {label: found[split, label] for label in self.label_set.ids} for split in Split}


def holdout_digest(snapshot: DatasetSnapshot) -> Sha256:
    """Digest of the holdout's photos and gold labels: equal digests mean comparable reports."""
    lines = [f"{photo.sha256} {photo.label}\n" for photo in snapshot.of(Split.HOLDOUT)]
    return sha256("".join(lines).encode())


@dataclass(frozen=True)
class SplitItem:
    photo: str
    """Any id that is unique among the items."""
    label: str
    group: str


@dataclass(frozen=True)
class SplitFractions:
    """Shares of the photos of each label; they sum to one."""

    train: float = 0.7
    validation: float = 0.1
    holdout: float = 0.2

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.holdout)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"fractions must be positive and sum to 1, got {shares}")

    def of(self, split: Split) -> float:
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.HOLDOUT: self.holdout}[split]


def split_groups(
    items: Sequence[SplitItem],
    fractions: SplitFractions | None = None,
    assigned: Mapping[str, Split] | None = None,
    seed: int = 0,
) -> dict[str, Split]:
    """Give each photo a split, whole groups together, each label near its fractions, equal for equal input.

    `assigned` are splits that photos were given before. A group with a member in the holdout goes to the holdout, and
    its members that were in train or validation are left out (they are missing in the answer), since models have
    seen them. A group with members in both train and validation goes to train.
    """
    fractions, assigned = fractions or SplitFractions(), assigned or {}
    groups: dict[str, list[SplitItem]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    filled: Counter[tuple[Split, str]] = Counter()
    answer: dict[str, Split] = {}
    order = sorted(groups.values(), key=lambda members: _place_in_order(members, assigned, seed))
    totals = Counter(item.label for item in items)
    for members in order:
        split = _given_split(members, assigned) or _emptiest_split(members, totals, filled, fractions)
        for item in members:
            if split == Split.HOLDOUT and assigned.get(item.photo, Split.HOLDOUT) != Split.HOLDOUT:
                continue
            answer[item.photo] = split
            filled[split, item.label] += 1
    return answer


def _place_in_order(members: list[SplitItem], assigned: Mapping[str, Split], seed: int) -> tuple[bool, int, bytes]:
    """Groups with a split come first; then by size, so that each split gets its share of large and of small ones."""
    chance = hashlib.sha256(f"{seed}:{members[0].group}".encode()).digest()
    return (_given_split(members, assigned) is None, -len(members), chance)


def _given_split(members: list[SplitItem], assigned: Mapping[str, Split]) -> Split | None:
    given = {assigned[item.photo] for item in members if item.photo in assigned}
    return next((split for split in (Split.HOLDOUT, Split.TRAIN, Split.VALIDATION) if split in given), None)


def _emptiest_split(
    members: list[SplitItem], totals: Counter[str], filled: Counter[tuple[Split, str]], fractions: SplitFractions
) -> Split:
    own = Counter(item.label for item in members)

    def missing(split: Split) -> float:
        """The share that would still be missing with this group in it, over the labels of the group."""
        if not fractions.of(split):
            return float("-inf")
        wanted = {label: max(1.0, fractions.of(split) * totals[label]) for label in own}
        return sum(n * (wanted[label] - filled[split, label] - n) / wanted[label] for label, n in own.items())

    return max(Split, key=missing)


@dataclass(frozen=True)
class LabelledFile:
    path: Path
    label: str
    group: str
    """From groups.csv, else the file's own relative path."""


def read_folder(directory: Path) -> list[LabelledFile]:
    """List `directory/<label>/<file>` with the groups of an optional `groups.csv` (columns file, object_group).

    Raise `DataError` if there is no photo, a folder's name is no label id, or groups.csv names no known file.
    """
    if not directory.is_dir():
        raise DataError(f"There is no folder {directory}.")
    files = sorted(file for file in directory.glob("*/*") if file.suffix.lower() in PHOTO_SUFFIXES)
    if not files:
        raise DataError(f"{directory} holds no photo. Expected {directory}/<label>/<photo>.jpg.")
    groups = _read_groups(directory / "groups.csv")
    names = [file.relative_to(directory).as_posix() for file in files]
    if groups and not groups.keys() & set(names):
        raise DataError(f"groups.csv names none of the photos; it must name them like {names[0]}.")
    return [
        LabelledFile(file, file.parent.name, groups.get(name, name)) for file, name in zip(files, names, strict=True)
    ]


def _read_groups(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        if not {"file", "object_group"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path} needs the columns file and object_group.")
        return {row["file"]: f"object-{row['object_group']}" for row in rows}


def label_set_of(labels: Iterable[str], name: str = "custom") -> LabelSet:
    """TrashNet's label set where it has exactly these labels, else a new one in alphabetical order.

    Raise `DataError` for fewer than two labels or a name that cannot be a label id.
    """
    found = sorted(set(labels))
    if set(found) == set(TRASHNET.ids):
        return TRASHNET
    try:
        entries = tuple(Label(id=label, name=label.replace("_", " ").capitalize()) for label in found)
        return LabelSet(id=name, version=1, labels=entries)
    except ValueError as error:
        raise DataError(f"The folders {', '.join(found)} do not name two or more labels: {error}") from error


class SeenPhotos(Document):
    """`dataset.json` of a release: digests, as the photos first came, of what its model was trained and measured on.

    A city that imports the same photos keeps them on the same side, so that the champion meets none it was trained on.
    """

    train: tuple[Sha256, ...]
    validation: tuple[Sha256, ...]
    holdout: tuple[Sha256, ...]

    @classmethod
    def of(cls, snapshot: DatasetSnapshot) -> Self:
        seen = {split: tuple(photo.origin_sha256 or photo.sha256 for photo in snapshot.of(split)) for split in Split}
        return cls(train=seen[Split.TRAIN], validation=seen[Split.VALIDATION], holdout=seen[Split.HOLDOUT])

    def splits(self) -> dict[Sha256, Split]:
        return {
            digest: split
            for split, digests in zip(Split, (self.train, self.validation, self.holdout), strict=True)
            for digest in digests
        }


@dataclass(frozen=True)
class FrozenFolder:
    snapshot: DatasetSnapshot
    left_out: tuple[str, ...]
    """One line for each photo that is not in it, with the reason."""


def freeze_folder(
    directory: Path,
    target: Path,
    label_set: LabelSet,
    fractions: SplitFractions | None = None,
    seed: int = 0,
) -> FrozenFolder:
    """Write a snapshot directory `target` of the labelled photos in `directory`, as the files are.

    Photos that cannot be read, copies, and copies that carry another label are left out and listed. Raise `DataError`
    if nothing is left.
    """
    (target / "photos").mkdir(parents=True, exist_ok=True)
    kept, left_out = _take(read_folder(directory), target / "photos")
    if unknown := sorted({file.label for file in kept.values()} - set(label_set.ids)):
        raise DataError(f"{directory} has folders that are no labels: {', '.join(unknown)}.")
    if not kept:
        raise DataError(f"None of the photos in {directory} can be read:\n" + "\n".join(left_out[:10]))
    splits = split_groups(
        [SplitItem(digest, file.label, file.group) for digest, file in kept.items()], fractions, seed=seed
    )
    photos_of_snapshot = tuple(
        SnapshotPhoto(
            sha256=digest,
            origin_sha256=digest,
            label=file.label,
            split=splits[digest],
            group=file.group,
            source=directory.name,
        )
        for digest, file in kept.items()
    )
    snapshot = DatasetSnapshot(label_set=label_set, photos=photos_of_snapshot)
    snapshot.write(target / SNAPSHOT_FILE)
    return FrozenFolder(snapshot, tuple(left_out))


def _take(files: Iterable[LabelledFile], folder: Path) -> tuple[dict[Sha256, LabelledFile], list[str]]:
    kept: dict[Sha256, LabelledFile] = {}
    contradicted: set[Sha256] = set()
    left_out: list[str] = []
    for file in files:
        content = file.path.read_bytes()
        digest = sha256(content)
        if (twin := kept.get(digest)) is not None:
            left_out.append(f"{file.path}: the same file as {twin.path}")
            contradicted.update({digest} if twin.label != file.label else ())
            continue
        try:
            photos.decode(content)
        except photos.PhotoError as error:
            left_out.append(f"{file.path}: {error}")
            continue
        kept[digest] = file
        (folder / f"{digest}.jpg").write_bytes(content)
    for digest in contradicted:
        left_out.append(f"{kept.pop(digest).path}: the same file has another label elsewhere")
        (folder / f"{digest}.jpg").unlink()
    return kept, left_out
