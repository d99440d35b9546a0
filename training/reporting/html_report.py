"""The HTML report: one file with everything in it, of one model or of several side by side.

Guarantees: the page loads nothing (no script, no font, no picture from elsewhere, and a policy forbids it), follows the
reader's light or dark setting, and every chart stands beside the same figures as text or table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from training.evaluation.measured_model import MeasuredModel
from training.reporting import comparison, report_charts, report_page
from training.reporting.report_page import ReportPage

TEMPLATES = Path(__file__).with_name("templates")
CONTENTS = (
    ("classes", "Each class"),
    ("confusions", "Confusions"),
    ("curves", "Learning curves"),
    ("confidence", "Confidence"),
    ("elsewhere", "Beyond these photos"),
    ("errors", "Worst errors"),
    ("labels", "Label errors"),
    ("slices", "Slices"),
    ("file", "Model file"),
)


@dataclass(frozen=True)
class Drawn:
    """The charts of a page; empty where there is nothing to draw."""

    accuracy: Markup
    loss: Markup
    reliability: Markup
    coverage: Markup


def write(path: Path, models: Sequence[MeasuredModel]) -> None:
    """Replace `path` by the report of one model, or of several compared with the first."""
    content = render([report_page.of_model(model) for model in models])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)


def render(pages: Sequence[ReportPage]) -> str:
    names = [page.model.name for page in pages]
    title = f"Evaluation of {names[0]}" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} compared"
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            title=title,
            style=Markup((TEMPLATES / "style.css").read_text()),  # noqa: S704  # It is our own file.
            pages=pages,
            charts=[_draw(page) for page in pages],
            pairings=comparison.of_models([page.model for page in pages]),
            contents=CONTENTS,
        )
    )


def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _draw(page: ReportPage) -> Drawn:
    epochs = page.model.history.epochs if page.model.history else ()
    charts = (
        report_charts.learning(epochs, page.stages, "accuracy") if epochs else "",
        report_charts.learning(epochs, page.stages, "loss") if epochs else "",
        report_charts.reliability(page.reliability),
        report_charts.coverage(page.coverage, page.operating_points),
    )
    return Drawn(*map(Markup, charts))  # Their texts were escaped when they were drawn.
