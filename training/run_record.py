"""`run.json`: what made a run, and what it made.

Guarantees: written when a run begins and again when it ends, with the digest of every file that it left; a run that
goes on adds a start, so that work by several versions of the code can be told from work by one. No Keras is imported.
"""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, Field

from mobile_models.document import Document, Sha256, file_sha256
from training.dataset import DatasetSnapshot
from training.recipe import Recipe
from training.run_directory import Outcome, RunDirectory, RunResult
from training.run_request import RunRequest

DISTRIBUTION = "wastelens"
LIBRARIES = ("ai-edge-litert", "keras", "numpy", "pillow", "tensorflow", "tensorflow-cpu", "jax", "torch")
# What is kept for going on or for speed, the photos themselves, and what still changes when the record is written.
NOT_LISTED = ("checkpoints", "pixels", "features", "snapshot/photos", "lock", "run.json", "output.log")


class CodeVersion(Document):
    """`commit` is null where the program was installed, and does not lie in a checkout of its own."""

    package: str
    commit: str | None = None
    changed: bool = Field(default=False, description="the checkout had changes that no commit holds")

    @classmethod
    def present(cls) -> Self:
        commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
        return cls(package=_version(DISTRIBUTION) or "", commit=commit, changed=bool(commit and changed))


class Environment(Document):
    python: str
    platform: str
    processors: int
    backend: str = Field(description="of Keras")
    devices: tuple[str, ...]
    libraries: dict[str, str]

    @classmethod
    def present(cls, backend: str, devices: tuple[str, ...]) -> Self:
        return cls(
            python=platform.python_version(),
            platform=platform.platform(),
            processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            backend=backend,
            devices=devices,
            libraries={name: version for name in LIBRARIES if (version := _version(name))},
        )


class Start(Document):
    """A process that worked on the run."""

    at: AwareDatetime
    code: CodeVersion
    environment: Environment


class MadeFile(Document):
    sha256: Sha256
    size_bytes: int = Field(ge=0)


class RunRecord(Document):
    recipe: str = Field(description="its name; recipe.json holds all of it")
    recipe_digest: Sha256
    dataset: Sha256 = Field(description="digest of snapshot.json")
    photos: dict[str, dict[str, int]] = Field(description="split to label to number of photos")
    seed: int
    weights: str = Field(description="imagenet, random, champion, or the file they came from")
    weights_digest: Sha256 | None = Field(default=None, description="of that file")
    champion: str | None = None
    champion_model: Sha256 | None = Field(default=None, description="digest of its model.tflite")
    teacher: Sha256 | None = Field(default=None, description="digest of the checkpoint that it learned from")
    starts: tuple[Start, ...] = Field(min_length=1)
    finished_at: AwareDatetime | None = None
    outcome: Outcome | None = None
    files: dict[str, MadeFile] = Field(default_factory=dict, description="path in the run directory to what it holds")


def begin(request: RunRequest, recipe: Recipe, snapshot: DatasetSnapshot, environment: Environment) -> RunRecord:
    """Write the record of a run that starts or goes on, and return it."""
    directory = RunDirectory(request.run)
    earlier = RunRecord.read(directory.record).starts if directory.record.is_file() else ()
    weights = Path(request.weights)
    to_beat = None if request.champion is None else request.champion / "model.tflite"
    record = RunRecord(
        recipe=recipe.name,
        recipe_digest=recipe.digest,
        dataset=snapshot.digest,
        photos=snapshot.counts(),
        seed=request.seed,
        weights=request.weights,
        weights_digest=file_sha256(weights) if weights.is_file() else None,
        champion=None if request.champion is None else str(request.champion),
        champion_model=file_sha256(to_beat) if to_beat is not None and to_beat.is_file() else None,
        teacher=None if request.teacher is None else file_sha256(request.teacher / "checkpoint.keras"),
        starts=(*earlier, Start(at=datetime.now(UTC), code=CodeVersion.present(), environment=environment)),
    )
    record.write(directory.record)
    return record


def complete(directory: RunDirectory, result: RunResult) -> None:
    """Add to the record how the run ended and what it left. A run that was refused before it began has none."""
    if not directory.record.is_file():
        return
    ended = {"finished_at": datetime.now(UTC), "outcome": result.outcome, "files": _made(directory.path)}
    RunRecord.read(directory.record).model_copy(update=ended).write(directory.record)


def _made(folder: Path) -> dict[str, MadeFile]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: MadeFile(sha256=file_sha256(path), size_bytes=path.stat().st_size)
        for name, path in names.items()
        if not any(name == left or name.startswith(f"{left}/") for left in NOT_LISTED)
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git says of the checkout in which this file is tracked; None where there is none, or no git."""
    here = Path(__file__).resolve()
    try:
        for asked in (("ls-files", "--error-unmatch", here.name), arguments):
            said = subprocess.run(["git", *asked], cwd=here.parent, capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()
