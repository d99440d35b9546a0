"""A model with all that is known of it, gathered from a run directory or a release folder.

Guarantees: what a folder does not hold is None, and nothing is guessed in its place; a folder that holds no evaluation
is refused with a `DataError`. No Keras here.

    RUN/holdout.npz, RUN/validation.npz: photos [n], labels [n], logits [n, k], and where known float_logits [n, k] and
    embedding [n, e]
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Document
from mobile_models.evaluation import Answer, Blessing, EvaluationReport
from mobile_models.manifest import ReleaseManifest
from training.checkpoints import History
from training.dataset import SNAPSHOT_FILE, DataError, DatasetSnapshot
from training.frozen_record import RECORD_FILE, FrozenRecord
from training.recipe import Recipe
from training.run_directory import RunDirectory

HOLDOUT_SCORES, VALIDATION_SCORES = "holdout.npz", "validation.npz"
Known = TypeVar("Known", bound=Document)


@dataclass(frozen=True)
class PhotoScores:
    """What a model gave for each photo, before temperature."""

    photos: tuple[str, ...]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32] | None = None
    float_logits: NDArray[np.float32] | None = None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return None where there is no such file; raise `DataError` where it is something else."""
        if not path.is_file():
            return None
        try:
            with np.load(path) as saved:
                known = {name: saved[name] for name in saved.files}
            return cls(
                photos=tuple(map(str, known["photos"])),
                labels=known["labels"],
                logits=known["logits"],
                embedding=known.get("embedding"),
                float_logits=known.get("float_logits"),
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{path} does not hold the scores of a run: {error}. Remove it, and they are left out."
            ) from error


@dataclass(frozen=True)
class MeasuredModel:
    name: str
    report: EvaluationReport
    thresholds: dict[str, float] = field(default_factory=dict)
    """Empty where unknown."""
    recipe: Recipe | None = None
    history: History | None = None
    blessing: Blessing | None = None
    scores: PhotoScores | None = None
    validation: PhotoScores | None = None
    snapshot: DatasetSnapshot | None = None
    photos: Path | None = None
    """The folder with the measured photos, as `<sha256>.jpg`."""
    frozen: FrozenRecord | None = None
    manifest: ReleaseManifest | None = None
    checkpoint: Path | None = None
    """The float model, for Grad-CAM."""
    trained_on: frozenset[str] = frozenset()
    """Digests of photos that it was trained on or tuned with."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each answer; the photo itself where groups are not known."""
        known = {photo.sha256: photo.group for photo in self.snapshot.photos} if self.snapshot else {}
        return tuple(known.get(answer.photo, answer.photo) for answer in self.report.answers)

    @property
    def groups_known(self) -> bool:
        return len(set(self.groups)) < len(self.report.answers)

    @property
    def seen(self) -> int:
        """So many of the measured photos are among those it was trained on."""
        return sum(answer.photo in self.trained_on for answer in self.report.answers)

    def right(self) -> NDArray[np.bool_]:
        return np.array([answer.predicted == answer.label for answer in self.report.answers], dtype=np.bool_)

    def file_of(self, answer: Answer) -> Path | None:
        file = self.photos / f"{answer.photo}.jpg" if self.photos else None
        return file if file and file.is_file() else None


def of_folder(folder: Path, name: str | None = None) -> MeasuredModel:
    """Read a run directory or a release folder as it was measured when it was made. Raise `DataError` if it was not."""
    run = RunDirectory(folder)
    release = run.release if run.release.is_dir() else folder
    report = _read(EvaluationReport, release / "evaluation.json")
    if report is None:
        raise DataError(f"{folder} is no finished run and no release folder: it holds no evaluation.json.")
    manifest = _read(ReleaseManifest, release / "manifest.json")
    snapshot_folder = _snapshot_folder(folder)
    snapshot = None if snapshot_folder is None else _read(DatasetSnapshot, snapshot_folder / SNAPSHOT_FILE)
    checkpoint = release / "checkpoint.keras"
    return MeasuredModel(
        name=name or folder.name,
        report=report,
        thresholds={} if manifest is None else manifest.thresholds,
        recipe=_read(Recipe, release / "recipe.json"),
        history=_read(History, run.history),
        blessing=_read(Blessing, release / "blessing.json"),
        scores=PhotoScores.read(folder / HOLDOUT_SCORES),
        validation=PhotoScores.read(folder / VALIDATION_SCORES),
        snapshot=snapshot,
        photos=None if snapshot_folder is None else snapshot_folder / "photos",
        frozen=None if snapshot_folder is None else _read(FrozenRecord, snapshot_folder / RECORD_FILE),
        manifest=manifest,
        checkpoint=checkpoint if checkpoint.is_file() else None,
    )


def _snapshot_folder(folder: Path) -> Path | None:
    return folder / "snapshot" if (folder / "snapshot" / SNAPSHOT_FILE).is_file() else None


def _read(kind: type[Known], path: Path) -> Known | None:
    if not path.is_file():
        return None
    try:
        return kind.read(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
