"""Dataset snapshots: which photo, with which gold label, is in which split.

Guarantees: a `DatasetSnapshot` holds each photo once, keeps the photos of a group in one split, and has one digest
whatever the order in which its photos came. A snapshot directory is whole when its snapshot.json is there, which is
written last. No Keras here, so the backend may read it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from mobile_models import label_set as label_sets
from mobile_models.document import Document, Sha256, sha256
from mobile_models.label_set import Label, LabelSet
from training.data import layouts, photo_copies
from training.data.frozen_record import RECORD_FILE, FrozenRecord, LeftOutPhoto, relative
from training.data.labelled_files import DataError, LabelledFile, LeftOut, Reading, Reason, write_list
from training.data.splits import (
    Split,
    SplitFractions,
    SplitItem,
    SplitPlan,
    each_photo_alone,
    fold_groups,
    keep_own_split,
    split_groups,
)

__all__ = [
    "DataError",
    "DatasetSnapshot",
    "FrozenFolder",
    "FrozenRecord",
    "LabelledFile",
    "LeftOut",
    "LeftOutPhoto",
    "Reason",
    "SeenPhotos",
    "SnapshotPhoto",
    "Split",
    "SplitFractions",
    "SplitItem",
    "SplitPlan",
    "check",
    "fold_groups",
    "freeze",
    "freeze_folder",
    "holdout_digest",
    "label_set_of",
    "read_folder",
    "split_groups",
]

SNAPSHOT_FILE = "snapshot.json"
LEFT_OUT_FILE = "left_out.txt"
FEW_PHOTOS = 10
"""With fewer of a label to train on, it is recognised badly, and measured worse."""


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


def read_folder(directory: Path) -> list[LabelledFile]:
    """The labelled photos of `directory` in whatever layout it has. Raise `DataError` if there are none."""
    return list(layouts.read(directory).files)


def label_set_of(labels: Iterable[str], name: str = "custom", groups: Mapping[str, str] | None = None) -> LabelSet:
    """A label set that comes with the program where it has exactly these labels, else a new one in alphabetical order.

    `groups` are the coarser classes of labels that have one, for a new set. Raise `DataError` for fewer than two
    labels or a name that cannot be a label id.
    """
    found, groups = sorted(set(labels)), groups or {}
    known = (label_sets.load(each) for each in label_sets.names())
    if shipped := next((each for each in known if set(each.ids) == set(found)), None):
        return shipped
    try:
        entries = tuple(
            Label(id=label, name=label.replace("_", " ").capitalize(), group=groups.get(label)) for label in found
        )
        return LabelSet(id=name, version=1, labels=entries)
    except ValueError as error:
        raise DataError(f"The classes {', '.join(found)} are not two or more labels: {error}") from error


class SeenPhotos(Document):
    """`dataset.json` of a release: digests, as the photos first came, of what its model was trained and measured on.

    A city that imports the same photos keeps them on the same side, so that the champion meets none it was trained on.
    """

    train: tuple[Sha256, ...]
    validation: tuple[Sha256, ...]
    holdout: tuple[Sha256, ...]

    @classmethod
    def of(cls, snapshot: DatasetSnapshot, learned: Sequence[SnapshotPhoto] | None = None) -> Self:
        """`learned`: what was trained on, if not the whole train split."""
        photos = {split: snapshot.of(split) for split in Split}
        photos[Split.TRAIN] = snapshot.of(Split.TRAIN) if learned is None else tuple(learned)
        seen = {split: tuple(photo.origin_sha256 or photo.sha256 for photo in photos[split]) for split in Split}
        return cls(train=seen[Split.TRAIN], validation=seen[Split.VALIDATION], holdout=seen[Split.HOLDOUT])

    def after(self, earlier: Self) -> Self:
        """As it is for a model that was trained on from one that had seen `earlier`: it brings what that one learned.

        What it was measured on is its own.
        """
        train = {*self.train, *earlier.train}
        validation = {*self.validation, *earlier.validation} - train
        return type(self)(train=tuple(sorted(train)), validation=tuple(sorted(validation)), holdout=self.holdout)

    def splits(self) -> dict[Sha256, Split]:
        return {
            digest: split
            for split, digests in zip(Split, (self.train, self.validation, self.holdout), strict=True)
            for digest in digests
        }


@dataclass(frozen=True)
class FrozenFolder:
    snapshot: DatasetSnapshot
    left_out: tuple[LeftOut, ...]


def freeze_folder(
    directory: Path,
    target: Path,
    label_set: LabelSet,
    fractions: SplitFractions | None = None,
    seed: int = 0,
    *,
    grouped: bool = True,
) -> FrozenFolder:
    """`freeze` what `layouts.read` finds in `directory`."""
    plan = SplitPlan(fractions or SplitFractions(), seed, grouped)
    return freeze(layouts.read(directory), target, label_set, plan)


def freeze(reading: Reading, target: Path, label_set: LabelSet, plan: SplitPlan | None = None) -> FrozenFolder:
    """Write a snapshot directory `target` of labelled photos, as the files are.

    Photos that cannot be read, copies, and copies that carry another label are left out and listed. Raise `DataError`
    if nothing is left, a label is not in the label set, or the disk is full; then there is no snapshot.json.
    """
    plan = plan or SplitPlan()
    if unknown := sorted({file.label for file in reading.files} - set(label_set.ids)):
        raise DataError(f"{reading.directory} has classes that are no labels: {', '.join(unknown)}.")
    taken = photo_copies.take(reading.files, target / "photos")
    if not taken.kept:
        listed = "\n".join(map(str, taken.left_out[:10]))
        raise DataError(f"None of the photos in {reading.directory} can be read:\n{listed}")
    splits = _splits(taken.kept, plan)
    photos = tuple(
        _snapshot_photo(digest, file, splits[digest], reading.directory.name, grouped=plan.grouped)
        for digest, file in taken.kept.items()
        if digest in splits
    )
    torn = tuple(_torn(file) for digest, file in taken.kept.items() if digest not in splits)
    frozen = FrozenFolder(
        DatasetSnapshot(label_set=label_set, photos=photos), (*reading.left_out, *taken.left_out, *torn)
    )
    _write(frozen, reading, plan, target)
    return frozen


def _splits(kept: Mapping[Sha256, LabelledFile], plan: SplitPlan) -> dict[str, Split]:
    items = [SplitItem(digest, file.label, file.group) for digest, file in kept.items()]
    items = items if plan.grouped else each_photo_alone(items)
    if not plan.own_split:
        return split_groups(items, plan.fractions, seed=plan.seed)
    return keep_own_split(items, {digest: file.own_split for digest, file in kept.items()}, plan.fractions, plan.seed)


def _snapshot_photo(digest: Sha256, file: LabelledFile, split: Split, source: str, *, grouped: bool) -> SnapshotPhoto:
    group = file.group if grouped else digest
    return SnapshotPhoto(sha256=digest, origin_sha256=digest, label=file.label, split=split, group=group, source=source)


def _torn(file: LabelledFile) -> LeftOut:
    return LeftOut(
        file.path, Reason.TORN_GROUP, f"is to train on, and its group {file.group} is in the holdout", file.label
    )


def _write(frozen: FrozenFolder, reading: Reading, plan: SplitPlan, target: Path) -> None:
    record = FrozenRecord(
        snapshot=frozen.snapshot.digest,
        source=reading.directory.name,
        layout=reading.layout,
        read_as=dict(reading.read_as),
        **plan.described(),
        counts=frozen.snapshot.counts(),
        left_out=tuple(relative(each, reading.directory) for each in frozen.left_out),
    )
    try:
        write_list(frozen.left_out, target / LEFT_OUT_FILE)
        record.write(target / RECORD_FILE)
        frozen.snapshot.write(target / SNAPSHOT_FILE)
    except OSError as error:
        raise DataError(f"The snapshot cannot be written to {target}: {error.strerror or error}.") from error


def check(snapshot: DatasetSnapshot) -> list[str]:
    """Return warnings; raise `DataError` for what cannot be trained on, before any time is spent."""
    counts = snapshot.counts()
    totals = {label: sum(counts[split][label] for split in Split) for label in snapshot.label_set.ids}
    if absent := [label for label, count in totals.items() if not count]:
        raise DataError(f"There is no photo of {', '.join(absent)}: add labelled photos, or use a label set without.")
    for split in Split:
        if missing := [label for label, count in counts[split].items() if not count]:
            raise DataError(
                f"The {split} split has no photo of {', '.join(missing)}: add labelled photos of them "
                "(other objects, where photos are grouped)."
            )
    return [
        f"There are only {count} photos of {label} to train on; expect it to be recognised badly."
        for label, count in counts[Split.TRAIN].items()
        if count < FEW_PHOTOS
    ]
