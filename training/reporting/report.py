"""The model card: what a release is, how it was made and measured, in words and tables for people."""

from mobile_models.evaluation import Blessing, EvaluationReport
from mobile_models.manifest import ReleaseManifest
from mobile_models.quantization import QuantizationAttempt
from training.dataset import DatasetSnapshot
from training.recipe import Recipe
from training.reporting import findings
from training.run_directory import Forgetting


def model_card(
    manifest: ReleaseManifest,
    recipe: Recipe,
    snapshot: DatasetSnapshot,
    report: EvaluationReport,
    blessing: Blessing,
    forgetting: Forgetting | None = None,
) -> str:
    """Return the card as Markdown (after Mitchell et al. 2019, Model Cards for Model Reporting)."""
    sections = (
        _heading(manifest, recipe),
        _measured(manifest, report),
        _outside(report),
        _unsure(manifest, report),
        _quantization(report),
        _confusions(report),
        _data(snapshot),
        _decision(blessing),
        _forgotten(forgetting),
        _limits(report),
        _lineage(manifest),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


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


def _outside(report: EvaluationReport) -> str:
    outside = report.outside
    if outside is None:
        return "## On photos taken elsewhere\n\nNot measured."
    recalls = ", ".join(f"{label} {there.right} of {there.photos}" for label, there in outside.recall.items())
    lines = [
        f"On {outside.photos} photos of {outside.name}: accuracy **{outside.accuracy:.4f}**, beside "
        f"{report.accuracy:.4f} on the holdout. Right: {recalls}.",
        f"{outside.unsure:.1%} are answered unsure; of the other answers {_share(outside.sure_accuracy)} are right.",
    ]
    if outside.unmeasured:
        lines.append(f"Without a photo there, and so not measured: {', '.join(outside.unmeasured)}.")
    if outside.not_waste_unsure is not None:
        lines.append(
            f"Of {outside.not_waste_photos} photos that show none of the labels, {outside.not_waste_unsure:.1%} are "
            "answered unsure."
        )
    return "## On photos taken elsewhere\n\n" + "\n".join(lines)


def _unsure(manifest: ReleaseManifest, report: EvaluationReport) -> str:
    if report.thresholds is None or report.unsure is None:
        return ""
    rows = [
        f"| {label} | {fit.threshold:.2f} | {fit.precision:.3f} | {fit.lower_bound:.3f} | {fit.kept:.3f} "
        f"| {fit.answers} | {'yes' if fit.reached else 'no'} |"
        for label, fit in report.thresholds.items()
    ]
    far = "" if manifest.novelty is None else f", {report.novel or 0:.1%} for being too far from all it learnt from"
    return (
        f"## When it is unsure\n\nOn the holdout {report.unsure:.1%} are answered unsure{far}; of the other answers "
        f"{_share(report.sure_accuracy)} are right. Thresholds were fitted on the validation split, for a precision of "
        f"{report.target_precision or 0:.2f} in each label:\n\n"
        "| label | unsure below | precision | at least (95 %) | answers kept | of photos | reached |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows)
    )


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _quantization(report: EvaluationReport) -> str:
    found = report.quantization
    if found is None:
        return ""
    lines = [f"- {attempt.effort}: {_attempt(attempt)}" for attempt in found.attempts]
    return (
        f"## From float to int8\n\nThe float model reaches {found.float_accuracy:.4f} on {found.views} views of the "
        f"validation photos. Chosen: **{found.chosen}**. {found.reason}\n\n" + "\n".join(lines)
    )


def _attempt(attempt: QuantizationAttempt) -> str:
    if attempt.accuracy is None or attempt.agreement is None:
        return attempt.skipped or "not measured"
    return f"accuracy {attempt.accuracy:.4f}, same answer as float on {attempt.agreement:.4f}"


def _forgotten(forgetting: Forgetting | None) -> str:
    return "" if forgetting is None else f"## What it forgot\n\n{forgetting.describe()}"


def _confusions(report: EvaluationReport) -> str:
    lines = [f"- {each.words()}" for each in findings.confusions(report, most=5)]
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


def _limits(report: EvaluationReport) -> str:
    elsewhere = "published models trained on plain backgrounds fall to between 0.5 and 0.6."
    if report.outside is not None:
        elsewhere = f"{report.outside.accuracy:.2f} on those above, which do not show every label."
    return (
        "## Limits\n\nThe holdout is like the photos it was trained on. On photos from elsewhere expect less: "
        f"{elsewhere} Where the best label stays below its threshold, or the photo is too far from all that the model "
        "learnt from, the answer is unsure."
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
