"""The curves of a fit as TensorBoard event files.

Guarantees: the files tell what the epochs that are kept tell; a resumed run writes them anew instead of twice. Needs no
TensorFlow.
"""

import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from tensorboardX import SummaryWriter

from training.fitting.checkpoints import Epoch


def writer(folder: Path | None, epochs: Iterable[Epoch]) -> AbstractContextManager["Curves | NoCurves"]:
    """Return what takes the epochs of a fit; those that are done stand there already."""
    return NoCurves() if folder is None else Curves(folder, epochs)


class NoCurves(AbstractContextManager["NoCurves"]):
    """For a fit that nobody watches."""

    def add(self, epoch: Epoch) -> None:
        """Forget it."""

    def __exit__(self, *raised: object) -> None:
        """Nothing is open."""


class Curves(AbstractContextManager["Curves"]):
    """The writer of `folder`; each split is a run of its own there, so that its curves share a chart."""

    def __init__(self, folder: Path, epochs: Iterable[Epoch]) -> None:
        """Replace what is in `folder` by `epochs`."""
        shutil.rmtree(folder, ignore_errors=True)
        self._train, self._validation = (SummaryWriter(str(folder / name)) for name in ("train", "validation"))
        self._count, self._stage = 0, -1
        for epoch in epochs:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """Write one more epoch; where a stage begins, a text says so."""
        self._count += 1
        values = {
            self._train: {
                "loss": epoch.loss,
                "accuracy": epoch.accuracy,
                "learning_rate": epoch.learning_rate,
                "stage": epoch.stage,
                "data_seconds": epoch.data_seconds,
            },
            self._validation: {"loss": epoch.val_loss, "accuracy": epoch.val_accuracy},
        }
        for writer, scalars in values.items():
            for name, value in scalars.items():
                writer.add_scalar(name, value, self._count)
        if epoch.stage != self._stage:
            self._train.add_text("stage", f"{epoch.name} begins", self._count)
            self._stage = epoch.stage
        self._train.flush()
        self._validation.flush()

    def __exit__(self, *raised: object) -> None:
        self._train.close()
        self._validation.close()
