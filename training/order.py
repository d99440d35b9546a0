"""`asked.json`: what a person asked of a run, and which run directory that is.

Guarantees: the same order goes on in the run directory where it was left unfinished, and another order never does. No
Keras here.
"""

import re
from pathlib import Path

from mobile_models.document import Document
from training.child import TrainingCommand
from training.data.rehearsal import LearnFrom
from training.dataset import DataError
from training.recipe import Recipe
from training.run_directory import Outcome, RunDirectory

ORDER_FILE, RECIPE_FILE = "asked.json", "asked_recipe.json"


class Order(Document):
    recipe: Recipe
    data: str
    layout: str | None = None
    names: str | None = None
    label_map: str | None = None
    label_set: str | None = None
    split: str = "grouped"
    weights: str
    seed: int = 0
    version: int = 1
    champion: str | None = None
    teacher: str | None = None
    outside: str | None = None
    outside_labels: str | None = None
    learn_from: LearnFrom = LearnFrom.ALL

    def is_of(self, run: Path) -> bool:
        """Whether `run` was begun with this order."""
        return _read(run) == self

    def check_place(self, run: Path) -> None:
        """Raise `DataError` if something else was begun in `run`."""
        earlier = _read(run)
        if earlier is not None and earlier != self and any(RunDirectory(run).checkpoints.glob("*")):
            differing = [name for name, value in earlier if getattr(self, name) != value]
            raise DataError(
                f"{run} was begun with another {' and '.join(differing)}. Give the same again to go on, or name "
                "another run directory."
            )

    def place(self, run: Path) -> None:
        """Write the order into `run`. Raise `DataError` if something else was begun there."""
        self.check_place(run)
        self.write(run / ORDER_FILE)
        self.recipe.write(run / RECIPE_FILE)

    def command(
        self,
        run: Path,
        snapshot: Path,
        threads: int = 0,
        loaders: int | None = None,
        features: Path | None = None,
        features_gigabytes: float | None = None,
    ) -> TrainingCommand:
        """What does not change the result is no part of the order."""
        return TrainingCommand(
            snapshot=snapshot,
            run=run,
            recipe=run / RECIPE_FILE,
            seed=self.seed,
            version=self.version,
            weights=self.weights,
            champion=None if self.champion is None else Path(self.champion),
            teacher=None if self.teacher is None else Path(self.teacher),
            threads=threads,
            loaders=loaders,
            outside=None if self.outside is None else Path(self.outside),
            outside_labels=self.outside_labels,
            learn_from=self.learn_from,
            features=features,
            features_gigabytes=features_gigabytes,
        )


def directory_for(order: Order, folder: Path) -> Path:
    """The newest run directory of the recipe in `folder` if the same order is unfinished there, else a new one."""
    pattern = re.compile(rf"{order.recipe.name}-(\d+)")
    there = [int(match[1]) for path in folder.glob("*") if (match := pattern.fullmatch(path.name))]
    newest = folder / f"{order.recipe.name}-{max(there, default=0)}"
    if _read(newest) == order and _is_unfinished(newest):
        return newest
    return folder / f"{order.recipe.name}-{max(there, default=0) + 1}"


def _is_unfinished(run: Path) -> bool:
    result = RunDirectory(run).read_result()
    return result is None or result.outcome is Outcome.REFUSED


def _read(run: Path) -> Order | None:
    """The order in `run`; None where there is none that this version can read, which no order equals."""
    try:
        return Order.read(run / ORDER_FILE)
    except (OSError, ValueError):
        return None
