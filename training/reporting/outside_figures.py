"""In-domain figures beside those on photos from elsewhere, in rows for a table.

Guarantees: labels without photos there are named as unmeasured, and a figure that was not measured says so.
"""

from dataclasses import dataclass

from mobile_models.evaluation import EvaluationReport, OutsideReport

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Outside:
    name: str
    rows: tuple[tuple[str, str, str], ...]
    """What, on the holdout, on photos from elsewhere."""
    notes: tuple[str, ...]


def of_report(report: EvaluationReport) -> Outside | None:
    """Return None where the model was not measured on photos from elsewhere."""
    outside = report.outside
    if outside is None:
        return None
    recalls = [_recall(label, report, outside) for label in report.label_set.ids]
    rows = [
        ("accuracy", f"{report.accuracy:.4f} of {len(report.answers)}", f"{outside.accuracy:.4f} of {outside.photos}"),
        ("answered unsure", _percent(report.unsure), _percent(outside.unsure)),
        ("accuracy of the sure answers", _fraction(report.sure_accuracy), _fraction(outside.sure_accuracy)),
        *recalls,
    ]
    return Outside(outside.name, tuple(rows), tuple(_notes(outside)))


def _recall(label: str, report: EvaluationReport, outside: OutsideReport) -> tuple[str, str, str]:
    inside = report.per_class[label]
    there = outside.recall.get(label)
    words = NOT_MEASURED if there is None else f"{there.right / there.photos:.3f} ({there.right} of {there.photos})"
    return (f"recall of {label}", f"{inside.recall:.3f} of {inside.support}", words)


def _notes(outside: OutsideReport) -> list[str]:
    notes = []
    if outside.unmeasured:
        notes.append(f"Without a photo there, and so not measured: {', '.join(outside.unmeasured)}.")
    if outside.not_waste_photos and outside.not_waste_unsure is not None:
        notes.append(
            f"Of {outside.not_waste_photos} photos that show none of the labels, {outside.not_waste_unsure:.1%} are "
            "answered unsure; the others get a wrong answer."
        )
    if outside.novelty_auroc is not None:
        notes.append(
            f"The novelty score tells such photos from those of the holdout with an AUROC of "
            f"{outside.novelty_auroc:.3f}."
        )
    return notes


def _percent(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.1%}"


def _fraction(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.4f}"
