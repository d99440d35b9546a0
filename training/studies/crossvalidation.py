"""k-fold cross-validation by group: how good a recipe is, and how much of that is the luck of a split.

Guarantees: each photo is in the holdout of exactly one fold of a repeat, and the photos of a group are in the same one;
each fold is a whole run (fit, int8, evaluation of the .tflite) in a directory of its own, kept where it is finished.
The holdout of a snapshot is left alone: it judges releases, and must not be looked at while recipes are compared.
"""

import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field

from mobile_models.document import Document, Sha256
from mobile_models.evaluation import ClassMetrics, EvaluationReport
from training import dataset
from training.data import photo_source
from training.data.photo_source import PhotoSource, Prepared
from training.data.splits import fold_groups, split_groups
from training.dataset import SNAPSHOT_FILE, DataError, DatasetSnapshot, Split, SplitFractions, SplitItem, SplitPlan
from training.order import Order
from training.recipe import Recipe
from training.run_directory import Outcome, RunResult
from training.studies import runs
from training.studies.runs import PlannedRun, Watch

SUMMARY_FILE = "crossvalidation.json"
EVERYTHING = SplitPlan(SplitFractions(1, 0, 0))


class Spread(Document):
    """Over folds. Their training photos overlap, so the deviation understates that of a new data set (Bengio and
    Grandvalet 2004, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation")."""

    mean: float
    deviation: float = Field(ge=0, description="standard deviation, n - 1 in the denominator; 0 of a single value")
    lowest: float
    highest: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Self:
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(mean=statistics.fmean(values), deviation=deviation, lowest=min(values), highest=max(values))

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.deviation:.4f} ({self.lowest:.4f} to {self.highest:.4f})"


class FoldResult(Document):
    name: str
    photos: int = Field(description="that were measured")
    accuracy: float
    macro_f1: float
    float_accuracy: float | None
    per_class: dict[str, ClassMetrics]

    @classmethod
    def of(cls, name: str, report: EvaluationReport) -> Self:
        return cls(
            name=name,
            photos=len(report.answers),
            accuracy=report.accuracy,
            macro_f1=report.macro_f1,
            float_accuracy=report.float_accuracy,
            per_class=report.per_class,
        )

    @property
    def measures(self) -> dict[str, float]:
        return {
            "accuracy": self.accuracy,
            "macro F1": self.macro_f1,
            "worst precision": min(metrics.precision for metrics in self.per_class.values()),
            "worst recall": min(metrics.recall for metrics in self.per_class.values()),
        }


class CrossValidation(Document):
    """`crossvalidation.json`."""

    recipe: str
    recipe_digest: Sha256
    dataset: Sha256 = Field(description="digest of all the photos, before they were divided")
    weights: str
    seed: int
    folds: tuple[FoldResult, ...]
    measures: dict[str, Spread]
    precision: dict[str, Spread]
    recall: dict[str, Spread]


@dataclass(frozen=True)
class Plan:
    order: Order
    """What each fold is asked for; its seed is that of the first repeat."""
    source: PhotoSource
    folder: Path
    folds: int = 5
    repeats: int = 1
    parallel: int = 1
    threads: int = 0


def prepare(plan: Plan) -> Prepared:
    """Freeze the photos into the folder. Raise `DataError` as `photo_source.prepare` does."""
    return photo_source.prepare(plan.source, plan.folder / "snapshot", EVERYTHING)


def run(plan: Plan, prepared: Prepared, watch: Watch) -> CrossValidation:
    """Train and measure every fold, write the summary and return it.

    Raise `DataError` for too few groups or a fold that cannot be trained on, else as `runs.carry_out_all` does.
    """
    planned = [fold for repeat in range(plan.repeats) for fold in _folds(plan, prepared, repeat)]
    results = runs.carry_out_all(planned, plan.parallel, plan.threads, watch)
    _check(planned, results)
    summary = summarise(plan.order, prepared.snapshot, [_measured(fold) for fold in planned])
    summary.write(plan.folder / SUMMARY_FILE)
    return summary


def summarise(order: Order, snapshot: DatasetSnapshot, folds: Sequence[FoldResult]) -> CrossValidation:
    labels = snapshot.label_set.ids
    return CrossValidation(
        recipe=order.recipe.name,
        recipe_digest=order.recipe.digest,
        dataset=snapshot.digest,
        weights=order.weights,
        seed=order.seed,
        folds=tuple(folds),
        measures={name: Spread.over([fold.measures[name] for fold in folds]) for name in folds[0].measures},
        precision={label: Spread.over([fold.per_class[label].precision for fold in folds]) for label in labels},
        recall={label: Spread.over([fold.per_class[label].recall for fold in folds]) for label in labels},
    )


def divided(snapshot: DatasetSnapshot, recipe: Recipe, folds: int, seed: int) -> Iterator[DatasetSnapshot]:
    """Yield for each fold a snapshot whose holdout it is; the rest is train and validation, as the recipe shares them.

    Raise `DataError` if there are too few groups of a label.
    """
    photos = [photo for photo in snapshot.photos if photo.split is not Split.HOLDOUT]
    items = [SplitItem(photo.sha256, photo.label, photo.group) for photo in photos]
    fold_of = fold_groups(items, folds, seed)
    shares = SplitFractions(*recipe.split).among((Split.TRAIN, Split.VALIDATION))
    for fold in range(folds):
        rest = [item for item in items if fold_of[item.photo] != fold]
        splits = dict.fromkeys(fold_of, Split.HOLDOUT) | split_groups(rest, shares, seed=seed)
        moved = tuple(photo.model_copy(update={"split": splits[photo.sha256]}) for photo in photos)
        yield DatasetSnapshot(label_set=snapshot.label_set, photos=moved)


def _folds(plan: Plan, prepared: Prepared, repeat: int) -> Iterable[PlannedRun]:
    seed = plan.order.seed + repeat
    order = plan.order.model_copy(update={"seed": seed})
    for number, snapshot in enumerate(divided(prepared.snapshot, order.recipe, plan.folds, seed), start=1):
        folder = plan.folder / f"repeat-{repeat + 1}" / f"fold-{number}"
        dataset.check(snapshot)
        _write_snapshot(snapshot, folder / "snapshot", prepared.directory / "photos")
        name = f"fold {number}" if plan.repeats == 1 else f"repeat {repeat + 1}, fold {number}"
        yield PlannedRun(name, order, folder, folder / "snapshot")


def _write_snapshot(snapshot: DatasetSnapshot, directory: Path, photos: Path) -> None:
    """Write a snapshot directory whose photos are those of another one. Raise `DataError` if others are there."""
    directory.mkdir(parents=True, exist_ok=True)
    link, file = directory / "photos", directory / SNAPSHOT_FILE
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(photos.resolve(), directory.resolve()), target_is_directory=True)
    if not file.exists():
        snapshot.write(file)
    elif DatasetSnapshot.read(file).digest != snapshot.digest:
        raise DataError(f"{directory} holds another division of photos. Name a new folder with --run.")


def _check(planned: Sequence[PlannedRun], results: Sequence[RunResult]) -> None:
    for fold, result in zip(planned, results, strict=True):
        if result.outcome is Outcome.REFUSED:
            raise DataError(f"{fold.name} cannot be trained on: {'; '.join(result.reasons)}")


def _measured(fold: PlannedRun) -> FoldResult:
    return FoldResult.of(fold.name, EvaluationReport.read(fold.run / "release" / "evaluation.json"))
