"""The release folder that a run writes: model, manifest, evidence, model card, and the checkpoint to fine-tune from.

    model.tflite  manifest.json  evaluation.json  blessing.json
    MODEL_CARD.md  checkpoint.keras  recipe.json  dataset.json

Guarantees: every file is named by digest in the manifest or can be traced from it, and the manifest is written last.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import keras

from mobile_models import self_tests
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Blessing, EvaluationReport
from mobile_models.manifest import EvaluationSummary, Lineage, ModelFile, OutsideSummary, ReleaseManifest
from mobile_models.quantization import QuantizationReport
from training import backbones
from training.dataset import DatasetSnapshot, SeenPhotos
from training.evaluation.confidence import Confidence
from training.recipe import CHAMPION
from training.reporting import report
from training.run_directory import Forgetting
from training.run_request import RunRequest


@dataclass(frozen=True)
class Exported:
    """The int8 model with what was fitted on the validation split."""

    content: bytes
    confidence: Confidence
    quantization: QuantizationReport


@dataclass(frozen=True)
class Evidence:
    report: EvaluationReport
    blessing: Blessing
    seen: SeenPhotos
    forgetting: Forgetting | None = None


def write(
    release: Path,
    request: RunRequest,
    model: keras.Model,
    exported: Exported,
    snapshot: DatasetSnapshot,
    evidence: Evidence,
) -> None:
    """Write the folder whole; the manifest, which makes it a release folder, comes last."""
    release.mkdir(parents=True, exist_ok=True)
    manifest = _manifest(request, exported, snapshot, evidence)
    (release / "model.tflite").write_bytes(exported.content)
    backbones.save(model, release / "checkpoint.keras")
    request.recipe.write(release / "recipe.json")
    evidence.seen.write(release / "dataset.json")
    evidence.report.write(release / "evaluation.json")
    evidence.blessing.write(release / "blessing.json")
    card = report.model_card(
        manifest, request.recipe, snapshot, evidence.report, evidence.blessing, evidence.forgetting
    )
    (release / "MODEL_CARD.md").write_text(card)
    manifest.write(release / "manifest.json")


def _manifest(
    request: RunRequest, exported: Exported, snapshot: DatasetSnapshot, evidence: Evidence
) -> ReleaseManifest:
    challenger, blessing = evidence.report, evidence.blessing
    model = ModelFile(
        sha256=sha256(exported.content),
        size_bytes=len(exported.content),
        embedding_length=exported.confidence.novelty.means.columns,
    )
    return ReleaseManifest(
        version=request.version,
        created_at=datetime.now(UTC).replace(microsecond=0),
        model=model,
        label_set=snapshot.label_set,
        input_spec=request.recipe.input_spec,
        temperature=exported.confidence.temperature,
        thresholds=exported.confidence.thresholds,
        novelty=exported.confidence.novelty,
        lineage=_lineage(request, snapshot.digest),
        evaluation=EvaluationSummary(
            evaluation_digest=challenger.digest,
            blessing_digest=blessing.digest,
            holdout_photos=len(challenger.answers),
            accuracy=challenger.accuracy,
            macro_f1=challenger.macro_f1,
            recall={label: metrics.recall for label, metrics in challenger.per_class.items()},
            rubber_stamped=blessing.rubber_stamped,
            outside=_outside(challenger),
        ),
        licence=request.licence,
        self_tests=self_tests.make(exported.content, len(snapshot.label_set.ids)),
    )


def _outside(challenger: EvaluationReport) -> OutsideSummary | None:
    found = challenger.outside
    if found is None:
        return None
    return OutsideSummary(
        name=found.name,
        photos=found.photos,
        accuracy=found.accuracy,
        unmeasured=found.unmeasured,
        not_waste_unsure=found.not_waste_unsure,
    )


def _lineage(request: RunRequest, snapshot_digest: Sha256) -> Lineage:
    parent = None
    if request.weights == CHAMPION and request.champion is not None:
        parent = ReleaseManifest.read(request.champion / "manifest.json").version
    return Lineage(
        recipe=request.recipe.name,
        recipe_digest=request.recipe.digest,
        dataset_snapshot=snapshot_digest,
        training_run=request.run_id,
        parent_version=parent,
        code_version=installed_version("wastelens"),
        seed=request.seed,
    )
