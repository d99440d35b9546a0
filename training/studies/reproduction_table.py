"""`reproduction.json` and `reproduction.md`: what papers report beside what we measured, and from which weights.

Guarantees: a figure stands in the table only if it was measured on the holdout of that split; weights that are random
are called so. No Keras here.
"""

from typing import Any, Self

from pydantic import Field

from mobile_models.document import Document, Sha256
from mobile_models.evaluation import EvaluationReport
from training.papers import PaperResult
from training.recipe import RANDOM, RANDOM_FROZEN

TABLE_FILE, MARKDOWN_FILE = "reproduction.json", "reproduction.md"


class Measured(Document):
    """The int8 model on the holdout of one split."""

    accuracy: float
    worst_precision: float
    worst_recall: float
    photos: int

    @classmethod
    def of(cls, report: EvaluationReport) -> Self:
        return cls(
            accuracy=report.accuracy,
            worst_precision=min(metrics.precision for metrics in report.per_class.values()),
            worst_recall=min(metrics.recall for metrics in report.per_class.values()),
            photos=len(report.answers),
        )

    def __str__(self) -> str:
        return f"{self.accuracy:.2%}"


class Row(Document):
    recipe: str
    paper: PaperResult | None
    weights: str = Field(description="imagenet, random, random_frozen, or the name of a file")
    random_split: Measured | None = None
    grouped_split: Measured | None = None
    remarks: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells under `HEADS`."""
        paper = "" if self.paper is None else f"{self.paper.accuracy:.2%} ({self.paper.split})"
        figures = ("" if each is None else str(each) for each in (self.random_split, self.grouped_split))
        return (self.recipe, paper, *figures, _WEIGHTS.get(self.weights, self.weights), "; ".join(self.remarks))


HEADS = ("recipe", "paper's figure", "ours, random split", "ours, grouped split", "weights used", "remarks")
_WEIGHTS = {RANDOM: "random weights", RANDOM_FROZEN: "random weights, frozen body", "imagenet": "ImageNet, by Keras"}


class ReproductionTable(Document):
    data: str = Field(description="name of the folder of photos")
    photos: int
    labels: tuple[str, ...]
    epochs: int = Field(description="at most in each stage")
    settings: dict[str, Any] = Field(default_factory=dict, description="dotted path to value, changed in each recipe")
    seed: int
    datasets: tuple[Sha256, ...] = Field(description="digests of the snapshots, of every split")
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        changed = "".join(f", {path} = {value}" for path, value in self.settings.items())
        lines = [
            "# Papers and reproduction",
            "",
            f"{self.photos} photos of {self.data} in {len(self.labels)} classes ({', '.join(self.labels)}); at most "
            f"{self.epochs} epochs in each stage{changed}, seed {self.seed}. Ours: the int8 model on a holdout that "
            "chose nothing. A random split has photos of one object on both sides, which flatters.",
            "",
            f"| {' | '.join(HEADS)} |",
            f"| {' | '.join('---' for _ in HEADS)} |",
            *(f"| {' | '.join(cell.replace('|', '/') for cell in row.cells)} |" for row in self.rows),
        ]
        return "\n".join(lines) + "\n"
