"""`tuning.json`: the trials of a search, the best of them, and the frontier of worst precision against worst recall.

Guarantees: all figures are of the validation split. A trial is on the frontier exactly when no other is better in one
of the two without being worse in the other. No Keras and no Optuna here.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Self

from pydantic import Field

from mobile_models.document import Document, Sha256
from training.reporting import html_report
from training.reporting.charts import Axis, Chart, Line, Mark
from training.studies.tuning_space import Value

SUMMARY_FILE, BEST_FILE, PAGE_FILE = "tuning.json", "best.json", "tuning.html"
TABLE_HEADS = ("trial", "state", "accuracy", "worst precision", "worst recall", "settings", "remark")


class Trial(Document):
    number: int
    state: str = Field(description="complete, pruned (given up early, or impossible), or failed")
    settings: dict[str, Value]
    run: str = Field(default="", description="folder in trials/ of the machine that ran it")
    host: str = ""
    accuracy: float | None = None
    worst_precision: float | None = None
    worst_recall: float | None = None
    reason: str = Field(default="", description="why it has no figures")

    @property
    def worst(self) -> tuple[float, float] | None:
        if self.worst_precision is None or self.worst_recall is None:
            return None
        return self.worst_precision, self.worst_recall


class TuningReport(Document):
    recipe: str
    search: str = Field(description="grid, or tree-structured Parzen estimator with median pruning")
    dataset: Sha256
    seed: int
    trials: tuple[Trial, ...]
    best: int | None = Field(default=None, description="number of the trial with the highest validation accuracy")
    frontier: tuple[int, ...] = Field(default=(), description="numbers of trials, by falling worst precision")

    @classmethod
    def of(cls, recipe: str, search: str, dataset: Sha256, seed: int, trials: Sequence[Trial]) -> Self:
        measured = [trial for trial in trials if trial.accuracy is not None]
        best = max(measured, key=lambda trial: (trial.accuracy, -trial.number), default=None)
        return cls(
            recipe=recipe,
            search=search,
            dataset=dataset,
            seed=seed,
            trials=tuple(trials),
            best=None if best is None else best.number,
            frontier=tuple(trial.number for trial in frontier(measured)),
        )

    def trial(self, number: int) -> Trial:
        return next(trial for trial in self.trials if trial.number == number)

    def page(self) -> str:
        """One HTML file that needs no network: the frontier as a chart, and all trials as a table."""
        style = (html_report.TEMPLATES / "style.css").read_text()
        title = f"Search of {escape(self.recipe)}"
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width"><style>{style}</style><main><h1>{title}</h1>'
            "<p>Worst precision against worst recall of any label, on the validation split. The line is the frontier: "
            "no trial is better than one on it in both.</p>"
            f"<figure>{self._chart().svg()}</figure>{self._table()}</main></html>\n"
        )

    def _chart(self) -> Chart:
        measured = {trial.number: trial.worst for trial in self.trials if trial.worst is not None}
        least = min((min(worst) for worst in measured.values()), default=0.0)
        low = max(0.0, math.floor(least * 10 - 0.5) / 10)
        others = [Line(f"trial {number}", [worst], "two") for number, worst in measured.items()]
        front = Line("frontier", [measured[number] for number in self.frontier], "one", dots=True)
        return Chart(
            title="Worst precision against worst recall",
            description="; ".join(f"trial {number}: {x:.3f}, {y:.3f}" for number, (x, y) in measured.items()),
            across=Axis("worst precision", low, 1, digits=2),
            up=Axis("worst recall", low, 1, digits=2),
            lines=(*others, front),
            marks=[Mark(measured[number][0], f"trial {number}", measured[number][1]) for number in self.frontier],
        )

    def _table(self) -> str:
        heads = "".join(f"<th>{head}</th>" for head in TABLE_HEADS)
        rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows()]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f'<div class="scroll" tabindex="0"><table><tr>{heads}</tr>{body}</table></div>'

    def rows(self) -> list[tuple[str, ...]]:
        """The cells under `TABLE_HEADS`: trials with figures first, the most accurate on top."""
        ordered = sorted(self.trials, key=lambda trial: (-(trial.accuracy or -1), trial.number))
        return [self._row(trial) for trial in ordered]

    def _row(self, trial: Trial) -> tuple[str, ...]:
        chosen = ", best" if trial.number == self.best else ""
        front = ", frontier" if trial.number in self.frontier else ""
        figures = (trial.accuracy, trial.worst_precision, trial.worst_recall)
        settings = ", ".join(f"{path}={_shown(value)}" for path, value in trial.settings.items())
        state = trial.state + chosen + front
        return (str(trial.number), state, *("" if x is None else f"{x:.4f}" for x in figures), settings, trial.reason)


def frontier(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other dominates in worst precision and worst recall (Pareto front), equal ones once."""
    found: list[Trial] = []
    measured = [(trial.worst, -trial.number, trial) for trial in trials if trial.worst is not None]
    for worst, _, trial in sorted(measured, key=lambda each: each[:2], reverse=True):
        if not found or found[-1].worst is None or worst[1] > found[-1].worst[1]:
            found.append(trial)
    return found


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
