"""What a training run leaves on disk: the documents that others read, and the lock that keeps it to one process.

Guarantees: `progress.json` and `result.json` are replaced whole. One process at a time holds the lock, and the kernel
frees it when that process dies, however it dies. No Keras here.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from pathlib import Path

from pydantic import AwareDatetime, Field

from mobile_models.document import Document, Sha256

RECIPE_FILE = "recipe.json"
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"
CHAMPION_EVALUATION_FILE = "champion_evaluation.json"
RELEASE_FOLDER = "release"


class ExitCode(IntEnum):
    DONE = 0  # blessed or blocked: see result.json
    FAILED = 1  # a fault of the program: see its output
    BAD_INPUT = 2  # result.json says what to do
    LOCKED = 3  # another process works in this run directory


class RunStage(StrEnum):
    PREPARE = "prepare"  # decode the photos
    FIT = "fit"
    QUANTIZE = "quantize"
    EVALUATE = "evaluate"
    DONE = "done"


class Progress(Document):
    """`progress.json`. `epoch` counts the finished ones over all stages of the recipe."""

    stage: RunStage
    recipe_stage: str | None = Field(default=None, description="name of the recipe's stage while fitting")
    epoch: int = Field(default=0, ge=0)
    epochs: int = Field(default=0, ge=0)
    metrics: dict[str, float] = Field(default_factory=dict, description="of the last epoch")
    seconds_left: float | None = Field(default=None, ge=0, description="estimate; null while nothing is known")
    updated_at: AwareDatetime


class RunState(StrEnum):
    BLESSED = "blessed"
    BLOCKED = "blocked"
    FAILED = "failed"


class RunResult(Document):
    """`result.json`, written last."""

    state: RunState
    blessing: Sha256 | None = Field(default=None, description="digest of release/blessing.json")
    reasons: tuple[str, ...] = Field(default=(), description="the gate's")
    warnings: tuple[str, ...] = Field(default=(), description="about the data")
    error: str | None = Field(default=None, description="what went wrong and what to do")


class RunLocked(Exception):
    """Another process works in this run directory."""


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Hold the run directory for this process; raise `RunLocked` at once where another one has it."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLocked(f"another process works in {run}") from None
        yield


def write_progress(
    run: Path,
    stage: RunStage,
    *,
    recipe_stage: str | None = None,
    epoch: int = 0,
    epochs: int = 0,
    metrics: dict[str, float] | None = None,
    seconds_left: float | None = None,
) -> None:
    Progress(
        stage=stage,
        recipe_stage=recipe_stage,
        epoch=epoch,
        epochs=epochs,
        metrics=metrics or {},
        seconds_left=seconds_left,
        updated_at=datetime.now(UTC),
    ).write(run / PROGRESS_FILE)
