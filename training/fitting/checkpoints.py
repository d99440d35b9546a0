"""What a fit keeps on disk, to go on from after a kill at any moment.

Guarantees: `state.json` is replaced whole and after the files that it names, which are removed only when it no longer
names them. Where the disk is full, the last whole state stays.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import Field

from mobile_models.document import Document, Sha256
from training import disk_space
from training.dataset import DataError

STATE_FILE = "state.json"


class Epoch(Document):
    """What one epoch measured. Validation is unweighted, without label smoothing, and of the averaged weights if any.

    Where photos are mixed, `accuracy` counts the label with the largest share and says little.
    """

    stage: int
    name: str = Field(default="", description="of the stage")
    learning_rate: float = Field(default=0, description="0: written by an older version, which did not keep it")
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    data_seconds: float = Field(default=0, description="of these, how long training waited for a batch")

    @property
    def metrics(self) -> dict[str, float]:
        return self.model_dump(include={"loss", "accuracy", "val_loss", "val_accuracy"})


class History(Document):
    """`history.json`: the curves of a finished fit, epoch by epoch over all stages."""

    epochs: tuple[Epoch, ...]


class FitState(Document):
    """`state.json`: where to go on. It is written after the files that it names."""

    fit: Sha256 = Field(description="digest of what is fitted: recipe, data set, seed, weights")
    stage: int = 0
    epochs: tuple[Epoch, ...] = ()
    start: str | None = Field(default=None, description="the whole model as the stage began; null: as it was built")
    last: str | None = Field(default=None, description="what is trained, with its optimiser, after the last epoch")
    best: str | None = Field(default=None, description="what is trained, at the best epoch of the stage")
    forward_seconds: float | None = Field(default=None, description="that all train photos took through the backbone")


class Checkpoints:
    """The folder of one fit, and the state in it."""

    def __init__(self, folder: Path, digest: Sha256) -> None:
        """Raise `DataError` if the folder holds the state of another fit than `digest` names."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / STATE_FILE
        self.state = FitState.read(file) if file.is_file() else FitState(fit=digest)
        if self.state.fit != digest:
            raise DataError(
                f"{folder} belongs to another run (recipe, data set, seed or weights differ). Use a new one."
            )

    def save(self, name: str, variables: Sequence[Any]) -> str:
        """Write the values of Keras `variables` and return the name of the file."""
        values = [np.asarray(variable) for variable in variables]
        with self._written(name, sum(value.nbytes for value in values)) as partial:
            np.savez(partial, *values)
        return name

    def require_space(self, weight_bytes: int) -> None:
        """Raise `DataError` unless there is room for the checkpoints of a model with so many bytes of weights.

        At most, a start, two best and two last states lie there together; Adam and averages keep up to three numbers
        beside each weight.
        """
        present = sum(path.stat().st_size for path in self.folder.iterdir())
        disk_space.require(self.folder, (1 + 2 + 2 * 4) * weight_bytes - present, "the checkpoints")

    @contextmanager
    def _written(self, name: str, needed_bytes: int) -> Iterator[BinaryIO]:
        """Lend a file that gets its name when it is whole."""
        partial = self.folder / f"partial-{name}"
        try:
            with (
                disk_space.needing(self.folder, needed_bytes, f"the checkpoint {name}"),
                partial.open("wb") as file,
            ):
                yield file
            partial.replace(self.folder / name)
        finally:
            partial.unlink(missing_ok=True)

    def load(self, name: str | None, variables: Sequence[Any]) -> None:
        """Give `variables` the values in that file; without a name leave them."""
        if name is None:
            return
        with np.load(self.folder / name) as saved:
            for variable, key in zip(variables, saved.files, strict=True):
                variable.assign(saved[key])

    def keep(self, **changes: object) -> None:
        """Write the state with `changes`, then remove the files that it no longer names."""
        state = self.state.model_copy(update=changes)
        with disk_space.needing(self.folder, len(state.to_bytes()), "the state of the fit"):
            state.write(self.folder / STATE_FILE)
        self.state = state
        kept = {STATE_FILE, state.start, state.last, state.best}
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in kept:
                path.unlink()
