"""What a report shows of one model, gathered once: figures with intervals, curves, errors, slices.

Guarantees: what could not be found out is named in `missing`, in a sentence for people.
"""

from dataclasses import dataclass

from mobile_models import photo as photos
from mobile_models.document import Sha256
from mobile_models.input_spec import InputSpec
from training.evaluation.measured_model import MeasuredModel
from training.reporting import findings, gallery, intervals, learning_curves, outside_figures, slices, suspicions
from training.reporting.findings import Bin, Confusion, Coverage, Target
from training.reporting.gallery import Gallery
from training.reporting.intervals import Intervals
from training.reporting.learning_curves import StageCurve
from training.reporting.outside_figures import Outside
from training.reporting.slices import Slice
from training.reporting.suspicions import Suspicions

WORST_ERRORS = 12
SUSPICIOUS_SHOWN = 12
LOOKED_AT = InputSpec(width=224, height=224)
"""Brightness, blur and size are measured at one size for all models, so that their slices are the same photos."""


@dataclass(frozen=True)
class ReportPage:
    model: MeasuredModel
    intervals: Intervals
    targets: tuple[Target, ...]
    confusions: tuple[Confusion, ...]
    reliability: tuple[Bin, ...]
    coverage: tuple[Coverage, ...]
    operating_points: tuple[Coverage, ...]
    stages: tuple[StageCurve, ...]
    gallery: Gallery
    suspicions: Suspicions
    suspicious: dict[str, str]
    """Digest of a photo whose label is likely wrong to its picture; only the likeliest of them."""
    slices: tuple[Slice, ...]
    slice_words: tuple[str, ...]
    file_facts: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    outside: Outside | None
    """None where it was not measured."""

    @property
    def outside_accuracy(self) -> str:
        report = self.model.report.outside
        return "not measured" if report is None else f"{report.accuracy:.4f}"


def of_model(model: MeasuredModel) -> ReportPage:
    """Look at everything that `model` has left; this decodes its photos, where they are at hand."""
    answers = model.report.answers
    suspected = suspicions.of_model(model)
    found = _slices(model)
    shown = gallery.of_errors(model, findings.worst_errors(answers, WORST_ERRORS))
    return ReportPage(
        model=model,
        intervals=intervals.of_answers(answers, model.report.label_set.ids, model.groups),
        targets=findings.targets(model.report),
        confusions=findings.confusions(model.report),
        reliability=findings.reliability(answers),
        coverage=findings.coverage_curve(answers),
        operating_points=findings.operating_points(answers, model.thresholds),
        stages=() if model.history is None else learning_curves.stages(model.history, model.recipe),
        gallery=shown,
        suspicions=suspected,
        suspicious=_pictures(model, suspected),
        slices=found,
        slice_words=slices.words(found),
        file_facts=tuple(_file_facts(model)),
        missing=tuple(_missing(model, shown, not found)),
        outside=outside_figures.of_report(model.report),
    )


def _slices(model: MeasuredModel) -> tuple[Slice, ...]:
    """Return no slice where not all of the photos can be read."""
    files = [model.file_of(answer) for answer in model.report.answers]
    if not all(files):
        return ()
    try:
        pictures = (LOOKED_AT.prepare(photos.decode(file.read_bytes()))[0] for file in files if file)
        return slices.of_photos(pictures, model.right)
    except (OSError, photos.PhotoError):
        return ()


def _file_facts(model: MeasuredModel) -> list[tuple[str, str]]:
    report = model.report
    facts = [("accuracy of this file", f"{report.accuracy:.4f}")]
    if report.float_accuracy is not None and report.float_agreement is not None:
        facts += [
            ("accuracy of the float model", f"{report.float_accuracy:.4f}"),
            ("loss by quantisation", f"{100 * (report.float_accuracy - report.accuracy):+.2f} points"),
            ("same answer by both", f"{report.float_agreement:.4f} of the photos"),
        ]
    if report.group_accuracy is not None:
        facts.append(("accuracy of the group of the answer", f"{report.group_accuracy:.4f}"))
    operators = ", ".join(report.float_operators) or "none"
    facts += [
        ("float operators inside", operators),
        ("size", f"{report.size_bytes / 1e6:.2f} MB"),
        ("latency", f"{report.latency_milliseconds:.1f} ms, median of one photo on one thread of this machine"),
        ("SHA-256", report.model),
    ]
    return facts


def _pictures(model: MeasuredModel, suspected: Suspicions) -> dict[str, str]:
    answers = {answer.photo: answer for answer in model.report.answers}
    named = [each.photo for each in suspected.found if each.photo is not None][:SUSPICIOUS_SHOWN]
    pictures = {photo: gallery.picture_of(model.file_of(answers[Sha256(photo)])) for photo in named}
    return {photo: picture for photo, picture in pictures.items() if picture is not None}


def _missing(model: MeasuredModel, shown: Gallery, no_slices: bool) -> list[str]:
    missing = list(model.unreadable)
    if model.history is None:
        missing.append("Learning curves: this is a model without a record of its training (history.json).")
    if not model.thresholds:
        missing.append("Calibrated thresholds: the model comes without a manifest.")
    if no_slices:
        missing.append("Slices by brightness, blur and object size: not all of the photos are at hand.")
    if shown.missing:
        missing.append(f"Gallery of errors: {shown.missing}")
    if model.report.float_accuracy is None:
        missing.append("Float against int8: there is no float model beside it, or it was not run on these photos.")
    if not model.groups_known:
        missing.append("Groups of photos are not known, so intervals take each photo for itself and may be too narrow.")
    return missing
