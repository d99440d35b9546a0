"""A model with all that is known of it, gathered from a run directory or a release folder.

Guarantees: what a folder does not hold is None or empty, and nothing is guessed in its place; a folder that holds no
evaluation is refused with a `DataError`. No Keras here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Document
from mobile_models.evaluation import Answer, Blessing, EvaluationReport
from mobile_models.input_spec import InputSpec
from mobile_models.manifest import ReleaseManifest
from training.data.frozen_record import RECORD_FILE, FrozenRecord
from training.dataset import SNAPSHOT_FILE, DataError, DatasetSnapshot, SeenPhotos
from training.evaluation.model_outputs import ModelOutputs
from training.fitting.checkpoints import History
from training.recipe import Recipe
from training.run_directory import RunDirectory

Known = TypeVar("Known", bound=Document)


@dataclass(frozen=True)
class Photos:
    """The photos of an evaluation, where they are still at hand."""

    directory: Path
    """A snapshot directory."""
    snapshot: DatasetSnapshot
    frozen: FrozenRecord | None = None


@dataclass(frozen=True)
class MeasuredModel:
    name: str
    report: EvaluationReport
    thresholds: dict[str, float] = field(default_factory=dict)
    input_spec: InputSpec | None = None
    recipe: Recipe | None = None
    history: History | None = None
    blessing: Blessing | None = None
    outputs: ModelOutputs | None = None
    """What it gave for the measured photos."""
    photos: Photos | None = None
    checkpoint: Path | None = None
    """The float model, for Grad-CAM."""
    trained_on: frozenset[str] = frozenset()
    """Digests of photos that it was trained on or tuned with, as they first came."""
    unreadable: tuple[str, ...] = ()
    """A sentence for each file that is there and cannot be read, so that the report does without it."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each answer; the photo itself where groups are not known."""
        known = {photo.sha256: photo.group for photo in self.photos.snapshot.photos} if self.photos else {}
        return tuple(known.get(answer.photo, answer.photo) for answer in self.report.answers)

    @property
    def groups_known(self) -> bool:
        return len(set(self.groups)) < len(self.report.answers)

    @property
    def seen(self) -> int:
        """So many of the measured photos are among those it was trained on."""
        origins = {photo.sha256: photo.origin_sha256 for photo in self.photos.snapshot.photos} if self.photos else {}
        return sum(bool({answer.photo, origins.get(answer.photo)} & self.trained_on) for answer in self.report.answers)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.array([answer.predicted == answer.label for answer in self.report.answers], dtype=np.bool_)

    def file_of(self, answer: Answer) -> Path | None:
        file = self.photos.directory / "photos" / f"{answer.photo}.jpg" if self.photos else None
        return file if file and file.is_file() else None


def of_folder(folder: Path, snapshot: Path | None = None) -> MeasuredModel:
    """Read a run directory or a release folder as it was measured when it was made.

    `snapshot`: directory of its photos, if not in the run directory. Raise `DataError` if there is no evaluation.
    """
    file = release_of(folder) / "evaluation.json"
    if not file.is_file():
        raise DataError(f"{folder} is no finished run and no release folder: it holds no evaluation.json.")
    try:
        report = EvaluationReport.read(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    reader = _Reader()
    outputs, photos = reader.outputs(RunDirectory(folder).holdout_outputs, report), reader.photos(folder, snapshot)
    measured = MeasuredModel(_name(folder), report, outputs=outputs, photos=photos, unreadable=tuple(reader.unreadable))
    return described(measured, folder)


def of_folders(folders: Sequence[Path], snapshot: Path | None = None) -> list[MeasuredModel]:
    """Read several as `of_folder` does; where two have one name, their whole paths tell them apart."""
    names = Counter(folder.resolve().name for folder in folders)
    models = [of_folder(folder, snapshot) for folder in folders]
    return [
        replace(model, name=str(folder) if names[folder.resolve().name] > 1 else model.name)
        for model, folder in zip(models, folders, strict=True)
    ]


def of_measurement(folder: Path, report: EvaluationReport, outputs: ModelOutputs, photos: Path) -> MeasuredModel:
    """A model of `folder` that was just measured on the holdout of the snapshot directory `photos`."""
    reader = _Reader()
    found = reader.photos(folder, photos)
    unreadable = tuple(reader.unreadable)
    measured = MeasuredModel(_name(folder), report, outputs=outputs, photos=found, unreadable=unreadable)
    return described(measured, folder)


def described(measured: MeasuredModel, folder: Path) -> MeasuredModel:
    """Add what the run directory or release folder of a measured model says of how it was made."""
    release, run, reader = release_of(folder), RunDirectory(folder), _Reader()
    manifest = reader.document(ReleaseManifest, release / "manifest.json")
    seen = reader.document(SeenPhotos, release / "dataset.json")
    checkpoint = release / "checkpoint.keras"
    return replace(
        measured,
        thresholds={} if manifest is None else manifest.thresholds,
        input_spec=None if manifest is None else manifest.input_spec,
        recipe=reader.document(Recipe, run.recipe) or reader.document(Recipe, release / "recipe.json"),
        history=reader.document(History, run.history),
        blessing=reader.document(Blessing, release / "blessing.json"),
        checkpoint=checkpoint if checkpoint.is_file() else None,
        trained_on=frozenset() if seen is None else frozenset((*seen.train, *seen.validation)),
        unreadable=(*measured.unreadable, *reader.unreadable),
    )


def release_of(folder: Path) -> Path:
    """Return the release folder of a run directory, or the folder itself."""
    release = RunDirectory(folder).release
    return release if release.is_dir() else folder


def _name(folder: Path) -> str:
    """That of the run, or of the release."""
    name = folder.resolve().name
    return f"release {name}" if name.isdecimal() and (folder / "manifest.json").is_file() else name


class _Reader:
    """Reads what may be there, and keeps a sentence for each file that cannot be read."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def document(self, kind: type[Known], path: Path) -> Known | None:
        if not path.is_file():
            return None
        try:
            return kind.read(path)
        except (OSError, ValueError) as error:
            self._note(path, error)
            return None

    def photos(self, folder: Path, snapshot: Path | None) -> Photos | None:
        directory = snapshot or folder / "snapshot"
        known = self.document(DatasetSnapshot, directory / SNAPSHOT_FILE)
        return None if known is None else Photos(directory, known, self.document(FrozenRecord, directory / RECORD_FILE))

    def outputs(self, file: Path, report: EvaluationReport) -> ModelOutputs | None:
        """What the run kept of its holdout; nothing where that is not about the photos of the report."""
        if not file.is_file():
            return None
        try:
            outputs = ModelOutputs.read(file)
        except (OSError, ValueError) as error:
            self._note(file, error)
            return None
        return outputs if outputs.photos == tuple(answer.photo for answer in report.answers) else None

    def _note(self, path: Path, error: Exception) -> None:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.unreadable.append(f"{path.name} is there and cannot be read: {reason}.")
