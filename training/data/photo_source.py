"""Labelled photos as a person names them: a folder in some layout, or a dataset snapshot.

Guarantees: whoever trains, measures or cross-validates on the same source meets the same photos, labels and label set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mobile_models import label_set as label_sets
from mobile_models.document import file_sha256
from mobile_models.label_set import LabelSet
from training import dataset
from training.data import layouts
from training.data.frozen_record import RECORD_FILE, FrozenRecord
from training.data.labelled_files import DataError, LeftOut, Reading, summary
from training.dataset import SNAPSHOT_FILE, DatasetSnapshot, FrozenFolder, SplitFractions, SplitPlan


@dataclass(frozen=True)
class PhotoSource:
    directory: Path
    layout: str | None = None
    """One of `layouts.LAYOUTS`; None: whichever is there."""
    names: Path | None = None
    """Class names, for a layout that has only numbers."""
    label_map: str | None = None
    """A map from the classes to our labels, by name or file."""
    label_set: str | None = None
    """By name or file; None: what the photos have."""

    @property
    def is_snapshot(self) -> bool:
        return (self.directory / SNAPSHOT_FILE).is_file()

    @property
    def read_as(self) -> dict[str, str]:
        """What was asked of the reader, files by their digests."""
        asked = {
            "layout": self.layout,
            "names": self.names,
            "label_map": self.label_map,
            "label_set": self.label_set,
        }
        return {name: _digest_or_name(value) for name, value in asked.items() if value is not None}

    def read(self) -> Reading:
        """Raise `DataError` if there is no labelled photo that can be used."""
        return replace(self._read(), read_as=self.read_as)

    def _read(self) -> Reading:
        if self.label_map is None:
            return layouts.read(self.directory, self.layout, self._names())
        reading = layouts.read_as_named(self.directory, self.layout, self._names())
        mapped = layouts.map_labels(reading, layouts.LabelMap.read(self.label_map))
        if not mapped.labelled.files:
            raise DataError(f"The label map {self.label_map} leaves no photo of {self.directory} with a label.")
        return mapped.without_none_of_these()

    def label_set_of(self, reading: Reading) -> LabelSet:
        """Raise `DataError` if there is no such label set, or the labels make none."""
        if self.label_set is not None:
            return _load(self.label_set)
        return dataset.label_set_of((file.label for file in reading.files), groups=reading.label_groups)

    def _names(self) -> Sequence[str] | None:
        if self.names is not None:
            return layouts.read_names(self.names)
        return None if self.label_set is None else _load(self.label_set).ids


@dataclass(frozen=True)
class Prepared:
    """A snapshot directory that can be used, and what was left out of it."""

    directory: Path
    snapshot: DatasetSnapshot
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()


def prepare_to_train(source: PhotoSource, target: Path, plan: SplitPlan | None = None) -> Prepared:
    """`prepare`, and look for what cannot be trained on before hours are spent.

    Raise `DataError` for a label without photos in some split; what was frozen then does not count as frozen, so that
    the same command can be given again with more photos.
    """
    prepared = prepare(source, target, plan)
    try:
        return replace(prepared, warnings=(*prepared.warnings, *dataset.check(prepared.snapshot)))
    except DataError as error:
        if prepared.directory == target:
            (target / SNAPSHOT_FILE).unlink()
        raise DataError("\n".join(filter(None, (str(error), summary(prepared.left_out))))) from error


def prepare(source: PhotoSource, target: Path, plan: SplitPlan | None = None) -> Prepared:
    """Return the snapshot that `source` is, or freeze one into `target` unless it is whole already.

    Raise `DataError` where that cannot be done, or `target` holds other photos or another split of them.
    """
    if source.is_snapshot:
        return Prepared(source.directory, _read(source.directory))
    plan = plan or SplitPlan()
    if (target / SNAPSHOT_FILE).is_file():
        _check_same(source, plan, target)
        return Prepared(target, _read(target))
    reading = source.read()
    frozen = dataset.freeze(reading, target, source.label_set_of(reading), plan)
    empty = (f"The folder {name} holds no photo, so it adds no label." for name in reading.empty_folders)
    return Prepared(target, frozen.snapshot, frozen.left_out, tuple(empty))


def measured(source: PhotoSource, target: Path, known: LabelSet | None = None) -> Prepared:
    """Return the snapshot that `source` is, or freeze all its photos into `target` as a holdout.

    `known` are the labels of the model that is measured: they are used where they cover those of the photos.
    """
    if source.is_snapshot:
        return Prepared(source.directory, _read(source.directory))
    reading = source.read()
    covers = known is not None and {file.label for file in reading.files} <= set(known.ids)
    labels = known if known is not None and covers else source.label_set_of(reading)
    frozen: FrozenFolder = dataset.freeze(reading, target, labels, SplitPlan(SplitFractions(0, 0, 1)))
    return Prepared(target, frozen.snapshot, frozen.left_out)


def _check_same(source: PhotoSource, plan: SplitPlan, target: Path) -> None:
    """Raise `DataError` if `target` was frozen from another folder, read as something else, or split in another way."""
    try:
        record = FrozenRecord.read(target / RECORD_FILE)
    except (OSError, ValueError) as error:
        raise DataError(f"{target} does not say what it was frozen from: {error}. Use a new folder.") from error
    asked = record.model_copy(update=plan.described() | {"source": source.directory.name})
    differing = [name for name, value in record if getattr(asked, name) != value]
    if record.read_as is not None:
        known, wanted = record.read_as, source.read_as
        differing += [name for name in sorted(known | wanted) if known.get(name) != wanted.get(name)]
    if differing:
        raise DataError(f"{target} was frozen with another {' and '.join(differing)}. Use a new run directory.")


def _read(directory: Path) -> DatasetSnapshot:
    try:
        return DatasetSnapshot.read(directory / SNAPSHOT_FILE)
    except (OSError, ValueError) as error:
        raise DataError(f"{directory} is no dataset snapshot: {error}") from error


def _digest_or_name(given: str | Path) -> str:
    file = Path(given)
    return file_sha256(file) if file.is_file() else str(given)


def _load(name: str) -> LabelSet:
    try:
        return label_sets.load(name)
    except ValueError as error:
        raise DataError(str(error)) from error
