"""The model card: what a release is, how it was made and measured, in words and tables for people."""

from mobile_models.evaluation import Blessing, EvaluationReport
from mobile_models.manifest import ReleaseManifest
from training.dataset import DatasetSnapshot
from training.recipe import Recipe


def model_card(
    manifest: ReleaseManifest, recipe: Recipe, snapshot: DatasetSnapshot, report: EvaluationReport, blessing: Blessing
) -> str:
    """Return the card as Markdown (after Mitchell et al. 2019, Model Cards for Model Reporting)."""
    sections = (
        _heading(manifest, recipe),
        _measured(manifest, report),
        _confusions(report),
        _data(snapshot),
        _decision(blessing),
        _limits(),
        _lineage(manifest),
    )
    return "\n\n".join(sections) + "\n"


def _heading(manifest: ReleaseManifest, recipe: Recipe) -> str:
    spec = manifest.input_spec
    return (
        f"# Model card: release {manifest.version}\n\n"
        f"{recipe.description} Full-integer int8, {manifest.model.size_bytes / 1e6:.1f} MB, "
        f"{spec.width} x {spec.height} pixels in, {len(manifest.label_set.ids)} labels out. "
        f"Licence: {manifest.licence}."
    )


def _measured(manifest: ReleaseManifest, report: EvaluationReport) -> str:
    rows = [
        f"| {label} | {metrics.precision:.3f} | {metrics.recall:.3f} | {metrics.f1:.3f} | {metrics.support} "
        f"| {manifest.thresholds[label]:.2f} |"
        for label, metrics in report.per_class.items()
    ]
    float_line = ""
    if report.float_accuracy is not None and report.float_agreement is not None:
        float_line = (
            f" The float model reaches {report.float_accuracy:.4f} and agrees with int8 on "
            f"{report.float_agreement:.4f} of the photos."
        )
    if report.group_accuracy is not None:
        float_line += f" The group of the answer is right on {report.group_accuracy:.4f} of them."
    return (
        "## Measured\n\n"
        f"The .tflite file itself, through LiteRT, on {len(report.answers)} photos it has never seen: accuracy "
        f"**{report.accuracy:.4f}**, macro F1 {report.macro_f1:.4f}, expected calibration error "
        f"{report.expected_calibration_error:.4f} at temperature {report.temperature:.3f}.{float_line} Median latency "
        f"{report.latency_milliseconds:.1f} ms on one thread of the training host.\n\n"
        "| label | precision | recall | F1 | photos | unsure below |\n| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
    )


def _confusions(report: EvaluationReport) -> str:
    ids = report.label_set.ids
    cells = [
        (count, ids[gold], ids[predicted])
        for gold, row in enumerate(report.confusion_matrix)
        for predicted, count in enumerate(row)
        if gold != predicted and count
    ]
    lines = [
        f"- {gold} taken for {predicted}: {count} of {report.per_class[gold].support}"
        for count, gold, predicted in sorted(cells, reverse=True)[:5]
    ]
    return "## Most frequent confusions\n\n" + ("\n".join(lines) or "None.")


def _data(snapshot: DatasetSnapshot) -> str:
    counts = snapshot.counts()
    rows = [
        f"| {label} | " + " | ".join(str(counts[split][label]) for split in counts) + " |"
        for label in snapshot.label_set.ids
    ]
    sources = ", ".join(sorted({photo.source for photo in snapshot.photos}))
    return (
        f"## Data\n\nSources: {sources}. Split by group: photos of one object stand on one side.\n\n"
        "| label | train | validation | holdout |\n| --- | --- | --- | --- |\n" + "\n".join(rows)
    )


def _decision(blessing: Blessing) -> str:
    stamp = " It is rubber-stamped: there was no champion to beat." if blessing.rubber_stamped else ""
    return f"## Gate\n\n**{blessing.verdict}.**{stamp}\n\n" + "\n".join(f"- {reason}" for reason in blessing.reasons)


def _limits() -> str:
    return (
        "## Limits\n\nThe holdout is like the photos it was trained on. On photos from elsewhere expect less: "
        "published models trained on plain backgrounds fall to between 0.5 and 0.6. Where the best label stays "
        "below its threshold, the answer is unsure."
    )


def _lineage(manifest: ReleaseManifest) -> str:
    lineage = manifest.lineage
    parent = "none" if lineage.parent_version is None else f"release {lineage.parent_version}"
    return (
        "## Lineage\n\n"
        f"- recipe `{lineage.recipe}` ({lineage.recipe_digest[:16]}), seed {lineage.seed}, "
        f"code {lineage.code_version}\n"
        f"- dataset snapshot {lineage.dataset_snapshot[:16]}, training run {lineage.training_run}, parent: {parent}\n"
        f"- model {manifest.model.sha256}"
    )
