"""What an evaluation says, as tables and sentences for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from training.evaluation.measured_model import MeasuredModel
    from training.reporting.intervals import ClassIntervals, Interval


def print_model(model: "MeasuredModel") -> None:
    """Figures of each class with intervals, then what follows from them in sentences."""
    from training.reporting import findings, intervals, outside_figures  # noqa: PLC0415  # --help must not wait for it.

    report = model.report
    found = intervals.of_answers(report.answers, report.label_set.ids, model.groups)
    table = Table("label", "precision", "recall", "F1", "photos", title=f"{model.name}: figures with 95 % intervals")
    for label, row in found.per_class.items():
        table.add_row(label, *_cells(row))
    table.add_section()
    table.add_row("macro average", *_cells(found.macro))
    table.add_row("weighted average", *_cells(found.weighted))
    _print(table)
    print_summary(model)
    _print_section("Targets of the ConvNeXt project", [target.words() for target in findings.targets(report)])
    _print_section("Most frequent confusions", [each.words() for each in findings.confusions(report)] or ["none"])
    points = findings.operating_points(report.answers, model.thresholds)
    _print_section("Answers and thresholds", [point.words() for point in points])
    outside = outside_figures.of_report(report)
    lines = ["not measured; see --outside"] if outside is None else _outside(outside.rows, outside.notes)
    _print_section("On photos from elsewhere", lines)


def print_summary(model: "MeasuredModel") -> None:
    report = model.report
    grouped = "" if report.group_accuracy is None else f", groups {report.group_accuracy:.4f}"
    print(
        f"accuracy {report.accuracy:.4f}{grouped} on {len(report.answers)} photos, macro F1 {report.macro_f1:.4f}, "
        f"calibration error {report.expected_calibration_error:.4f}, {report.size_bytes / 1e6:.1f} MB, "
        f"{report.latency_milliseconds:.1f} ms"
    )
    if report.float_accuracy is not None and report.float_agreement is not None:
        print(f"float {report.float_accuracy:.4f}, same answer as int8 on {report.float_agreement:.4f} of the photos")
    for line in model.unreadable:
        print(line)
    if model.seen:
        print(f"not unseen: {model.seen} of these photos were used to train or tune this model, which flatters it")


def print_comparison(models: "Sequence[MeasuredModel]") -> None:
    """The models side by side, then each against the first on the same photos."""
    from training.reporting import comparison, findings, intervals  # noqa: PLC0415

    table = Table("model", "accuracy", "macro F1", "worst precision", "worst recall", "outside", "photos", "MB", "ms")
    for model in models:
        report = model.report
        found = intervals.of_answers(report.answers, report.label_set.ids, model.groups)
        _, precision, recall = findings.targets(report)
        table.add_row(
            model.name,
            _cell(found.accuracy),
            _cell(found.macro.f1),
            f"{precision.measured:.3f}",
            f"{recall.measured:.3f}",
            "not measured" if report.outside is None else f"{report.outside.accuracy:.3f}",
            str(len(report.answers)),
            f"{report.size_bytes / 1e6:.1f}",
            f"{report.latency_milliseconds:.1f}",
        )
    _print(table)
    for pairing in comparison.of_models(models):
        print(pairing.words())


def _cells(row: "ClassIntervals") -> tuple[str, ...]:
    return (_cell(row.precision), _cell(row.recall), _cell(row.f1), str(row.support))


def _cell(interval: "Interval | None") -> str:
    return "undefined" if interval is None else f"{interval.value:.3f}\n{interval.low:.2f} to {interval.high:.2f}"


def _outside(rows: Sequence[tuple[str, str, str]], notes: Sequence[str]) -> list[str]:
    lines = [f"{what}: {there}" + (f" (here {here})" if here else "") for what, here, there in rows]
    return [*lines, *notes]


def _print_section(title: str, lines: Sequence[str]) -> None:
    print(f"\n{title}:")
    for line in lines:
        print(f"  {line}")


def _print(table: Table) -> None:
    Console().print(table)
