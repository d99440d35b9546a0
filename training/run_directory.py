"""The run directory: what a training run leaves behind, and how others watch it.

Guarantees: every file is replaced whole, so a reader never sees half of one; one trainer at a time holds the directory.
No Keras here: workers read this module.

    run.json  recipe.json  progress.json  history.json  validation.json  checkpoints/  champion_evaluation.json
    result.json  report.html  output.log  tensorboard/
    holdout.npz  validation.npz: what the model gave for each photo (`model_outputs`)
    release/     the release folder: model, manifest, evidence, model card, checkpoint
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from pathlib import Path

from pydantic import AwareDatetime, Field

from mobile_models.document import Document


class ExitCode(IntEnum):
    """What the exit status of `python -m training.run` means."""

    DONE = 0
    BAD_INPUT = 2
    LOCKED = 3


class Outcome(StrEnum):
    BLESSED = "blessed"
    BLOCKED = "blocked"
    REFUSED = "refused"  # the input cannot be trained on
    FITTED = "fitted"  # a float model, as asked; nothing was exported, and the holdout was not looked at


class Progress(Document):
    stage: str = Field(description="load, head, tail, all, quantize, evaluate, gate, or report")
    epoch: int = Field(default=0, ge=0, description="epochs that are done, over all stages")
    epochs: int = Field(default=0, ge=0)
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds_left: float | None = Field(default=None, description="of the fit; None while unknown")
    updated_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    def describe(self) -> str:
        done = f"epoch {self.epoch} of {self.epochs}" if self.epochs else ""
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        said = "; ".join(filter(None, (done + left, metrics)))
        return f"{self.stage}: {said}" if said else self.stage


class Forgetting(Document):
    """Accuracy on the holdout photos that the champion was measured on when it was made."""

    photos: int = Field(ge=1)
    before: float = Field(ge=0, le=1, description="of the champion")
    after: float = Field(ge=0, le=1, description="of the model of this run")

    def describe(self) -> str:
        return f"On {self.photos} holdout photos of before: {self.before:.4f} by the champion, {self.after:.4f} now."


class RunResult(Document):
    """`result.json`, the last file that is written."""

    outcome: Outcome
    reasons: tuple[str, ...]
    forgetting: Forgetting | None = Field(
        default=None, description="null: no champion, or none of those photos is left"
    )


class RunLocked(Exception):
    """Another process trains in this directory."""


class RunDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"
        self.recipe = path / "recipe.json"
        self.progress = path / "progress.json"
        self.history = path / "history.json"
        self.validation = path / "validation.json"
        self.checkpoints = path / "checkpoints"
        self.tensorboard = path / "tensorboard"
        self.release = path / "release"
        self.champion_evaluation = path / "champion_evaluation.json"
        self.holdout_outputs = path / "holdout.npz"
        self.quantization = path / "quantization.json"
        self.validation_outputs = path / "validation.npz"
        self.report = path / "report.html"
        self.result = path / "result.json"

    def read_progress(self) -> Progress | None:
        return Progress.read(self.progress) if self.progress.is_file() else None

    def read_result(self) -> RunResult | None:
        return RunResult.read(self.result) if self.result.is_file() else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory, or raise `RunLocked`; the lock ends with the process, however it ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunLocked(f"another process trains in {self.path}") from None
            yield
