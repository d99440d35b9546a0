"""The charts of a report: what a `ReportPage` found, as SVG."""

from collections.abc import Sequence
from typing import Literal

from training.fitting.checkpoints import Epoch
from training.reporting.charts import Axis, Bar, Chart, Line, Mark
from training.reporting.findings import Bin, Coverage
from training.reporting.learning_curves import StageCurve


def learning(epochs: Sequence[Epoch], stages: Sequence[StageCurve], figure: Literal["accuracy", "loss"]) -> str:
    """Train and validation over all epochs; the beginning of each stage is marked."""
    train = [(number + 1.0, float(getattr(epoch, figure))) for number, epoch in enumerate(epochs)]
    validation = [(number + 1.0, float(getattr(epoch, f"val_{figure}"))) for number, epoch in enumerate(epochs)]
    values = [value for _, value in (*train, *validation)]
    top = 1.0 if figure == "accuracy" else _round_up(max(values))
    chart = Chart(
        title=f"{figure.capitalize()} over the epochs",
        description=f"{figure} on train and validation, {len(epochs)} epochs in {len(stages)} stages",
        across=Axis("epoch", 1, max(2, len(epochs)), digits=0),
        up=Axis(figure, 0, top, digits=2),
        lines=(Line("train", train, "one", len(epochs) < 3), Line("validation", validation, "two", len(epochs) < 3)),
        marks=[Mark(stage.first, stage.name) for stage in stages],
    )
    return chart.svg()


def reliability(bins: Sequence[Bin]) -> str:
    """Accuracy of the answers by their confidence, beside the diagonal of a model that is as sure as it is right."""
    chart = Chart(
        title="Reliability diagram",
        description="accuracy of the answers in each bin of confidence; on the diagonal the two are equal",
        across=Axis("confidence", 0, 1),
        up=Axis("accuracy", 0, 1),
        bars=[Bar(each.low, each.high, each.accuracy.value) for each in bins],
        lines=(
            Line("as sure as right", ((0, 0), (1, 1)), "guide"),
            Line("measured", [(each.confidence, each.accuracy.value) for each in bins], "one", dots=True),
        ),
    )
    return chart.svg()


def coverage(curve: Sequence[Coverage], marked: Sequence[Coverage]) -> str:
    """Accuracy of the answers that are left, by the share of photos that is answered."""
    points = [(each.share, each.accuracy) for each in curve if each.accuracy is not None]
    floor = _floor([accuracy for _, accuracy in points])
    chart = Chart(
        title="Accuracy against coverage",
        description="the fewer photos are answered, the surest first, the more of the answers are right",
        across=Axis("share of the photos that is answered", 0, 1),
        up=Axis("accuracy of the answers", floor, 1, digits=2),
        lines=(Line("accuracy", points, "one"),),
        marks=[
            Mark(each.share, each.name, each.accuracy)
            for each in marked
            if each.accuracy is not None and each.share < 1
        ],
    )
    return chart.svg()


def _round_up(value: float) -> float:
    return max(0.5, -(-value // 0.5) * 0.5)


def _floor(values: Sequence[float]) -> float:
    """The tenth below the lowest value, so that the curve fills the chart."""
    return max(0.0, int(min(values, default=0.0) * 10 - 1e-9) / 10)
