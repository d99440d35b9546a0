"""Training the recipes of the papers in turn, each on a random and on a grouped split, into one table.

Guarantees: finished runs are kept, and the table is written anew after each; where pretrained weights cannot be had,
the row says that its weights are random, and why. One recipe that cannot be run stops no other.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobile_models.document import sha256
from mobile_models.evaluation import EvaluationReport
from training import dataset, recipe_changes
from training import recipe as recipes
from training.backbone_facts import FACTS
from training.child import TrainerFailed
from training.data import photo_source
from training.data.labelled_files import LabelledFile, Reading
from training.data.photo_source import PhotoSource
from training.dataset import DataError, SplitFractions, SplitPlan
from training.order import Order
from training.recipe import IMAGENET, RANDOM, RANDOM_FROZEN, Recipe
from training.run_directory import Outcome, RunDirectory, RunResult
from training.studies import runs
from training.studies.reproduction_table import MARKDOWN_FILE, TABLE_FILE, Measured, ReproductionTable, Row
from training.studies.runs import PlannedRun, Watch

WEIGHT_ENDINGS = (".weights.h5", ".h5", ".keras", ".pth", ".safetensors")
OWN = "mobilenet_v2"
SPLITS = {"random": False, "grouped": True}
"""Name of a split, and whether photos of one object stay together in it."""


@dataclass(frozen=True)
class Plan:
    source: PhotoSource
    folder: Path
    names: tuple[str, ...]
    epochs: int
    """At most so many in each stage."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Changed in each recipe."""
    photos_per_class: int | None = None
    weights_folder: Path | None = None
    """Files named by backbone, such as densenet169.pth."""
    online: bool = True
    """Whether to ask Keras for ImageNet weights where there is no file."""
    seed: int = 0
    threads: int = 0


def seeds() -> tuple[str, ...]:
    """The recipes that a paper stands behind, and ours for small phones."""
    return tuple(name for name in recipes.names() if name == OWN or recipes.paper(name) is not None)


def run(plan: Plan, watch: Watch) -> ReproductionTable:
    """Train and measure all, write the table and return it. Raise `RecipeError` or `DataError` before anything is run
    if a recipe or the photos cannot be used."""
    for name in plan.names:
        _recipe(plan, name)
    if plan.source.is_snapshot:
        raise DataError("A snapshot is split already: give the folder of photos that it was frozen from.")
    work = _Reproduction(plan, _reading(plan), watch)
    rows: list[Row] = []
    for name in plan.names:
        rows.append(work.row(name))
        table = work.table(rows)
        table.write(plan.folder / TABLE_FILE)
        (plan.folder / MARKDOWN_FILE).write_text(table.markdown())
    return table


def weights_for(recipe: Recipe, folder: Path | None) -> Path | None:
    """The weights file of the recipe's backbone in `folder`, if there is one."""
    candidates = [folder / f"{recipe.backbone}{ending}" for ending in WEIGHT_ENDINGS] if folder else []
    return next((file for file in candidates if file.is_file()), None)


@dataclass
class _Reproduction:
    plan: Plan
    reading: Reading
    watch: Watch
    snapshots: dict[str, dataset.DatasetSnapshot] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    """Backbones whose ImageNet weights cannot be had, and what was said."""

    def row(self, name: str) -> Row:
        recipe, paper = _recipe(self.plan, name), recipes.paper(name)
        row = Row(
            recipe=name, paper=paper, weights="", remarks=() if paper is None or not paper.note else (paper.note,)
        )
        for split in SPLITS:
            row = self._with_split(row, recipe, split)
        return row

    def table(self, rows: Sequence[Row]) -> ReproductionTable:
        labels = self.plan.source.label_set_of(self.reading)
        return ReproductionTable(
            data=self.plan.source.directory.name,
            photos=len(self.reading.files),
            labels=labels.ids,
            epochs=self.plan.epochs,
            settings=dict(self.plan.settings),
            seed=self.plan.seed,
            datasets=tuple(snapshot.digest for snapshot in self.snapshots.values()),
            rows=tuple(rows),
        )

    def _with_split(self, row: Row, recipe: Recipe, split: str) -> Row:
        try:
            snapshot = self._snapshot(recipe, split)
            run, weights, result = self._trained(recipe, split, snapshot)
        except (DataError, TrainerFailed) as failure:
            return _remarked(row, f"{split} split: {str(failure).splitlines()[0]}")
        if result.outcome is Outcome.REFUSED:
            return _remarked(row, f"{split} split: {'; '.join(result.reasons)}")
        report = EvaluationReport.read(RunDirectory(run).release / "evaluation.json")
        remark = self.unavailable.get(recipe.backbone, "")
        done = row.model_copy(update={f"{split}_split": Measured.of(report), "weights": Path(weights).name})
        return _remarked(done, f"no ImageNet weights: {remark}") if remark else done

    def _trained(self, recipe: Recipe, split: str, snapshot: Path) -> tuple[Path, str, RunResult]:
        """Train from the best weights that can be had, and return the run, those weights and the result."""
        result = None
        for weights in self._weights(recipe):
            planned = self._planned(recipe, split, snapshot, weights)
            name = f"{recipe.name}, {split} split"
            result = runs.carry_out(planned, self.plan.threads, lambda progress: self.watch(name, progress))  # noqa: B023
            if weights != IMAGENET or result.outcome is not Outcome.REFUSED:
                break
            self.unavailable[recipe.backbone] = "; ".join(result.reasons)
        if result is None:
            raise DataError("there are no weights to begin with")
        return planned.run, weights, result

    def _weights(self, recipe: Recipe) -> Iterator[str]:
        file = weights_for(recipe, self.plan.weights_folder)
        if file is not None:
            yield str(file.resolve())
            return
        if self.plan.online and FACTS[recipe.backbone].pretrained and recipe.backbone not in self.unavailable:
            yield IMAGENET
        yield RANDOM if any(stage.trains_body for stage in recipe.stages) else RANDOM_FROZEN

    def _planned(self, recipe: Recipe, split: str, snapshot: Path, weights: str) -> PlannedRun:
        order = Order(recipe=recipe, data=str(snapshot.resolve()), split=split, weights=weights, seed=self.plan.seed)
        origin = "file" if Path(weights).is_file() else weights
        folder = self.plan.folder / recipe.name / f"{split}-{origin}-{order.digest[:8]}"
        return PlannedRun(recipe.name, order, folder, snapshot)

    def _snapshot(self, recipe: Recipe, split: str) -> Path:
        """Freeze the photos with the recipe's shares, once for all recipes that share alike."""
        plan = SplitPlan(SplitFractions(*recipe.split), self.plan.seed, grouped=SPLITS[split])
        shares = "-".join(f"{share * 100:.0f}" for share in recipe.split)
        asked = sha256(f"{self.plan.seed} {[(str(file.path), file.label) for file in self.reading.files]}".encode())
        target = self.plan.folder / "snapshots" / f"{split}-{shares}-{asked[:8]}"
        if target.name not in self.snapshots:
            if not (target / dataset.SNAPSHOT_FILE).is_file():
                dataset.freeze(self.reading, target, self.plan.source.label_set_of(self.reading), plan)
            self.snapshots[target.name] = photo_source.prepare(PhotoSource(target), target).snapshot
        dataset.check(self.snapshots[target.name])
        return target


def _recipe(plan: Plan, name: str) -> Recipe:
    return recipe_changes.shortened(recipe_changes.with_settings(recipes.load(name), plan.settings), plan.epochs)


def _reading(plan: Plan) -> Reading:
    """The labelled photos, or some of each label: whole groups, chosen by the seed, up to the number or just above."""
    reading = plan.source.read()
    if plan.photos_per_class is None:
        return reading
    groups: dict[tuple[str, str], list[LabelledFile]] = defaultdict(list)
    for file in reading.files:
        groups[file.label, file.group].append(file)
    order = sorted(groups, key=lambda key: sha256(f"{plan.seed} {key}".encode()))
    chosen: dict[str, list[LabelledFile]] = defaultdict(list)
    for label, group in order:
        if len(chosen[label]) < plan.photos_per_class:
            chosen[label] += groups[label, group]
    return replace(reading, files=tuple(file for files in chosen.values() for file in files))


def _remarked(row: Row, remark: str) -> Row:
    one_line = " ".join(remark.split())
    return row if one_line in row.remarks else row.model_copy(update={"remarks": (*row.remarks, one_line)})
