"""The model card says what was measured, and says so where something was not."""

import numpy as np

from mobile_models.document import sha256
from mobile_models.evaluation import Counted, EvaluationReport, OutsideReport, ThresholdFit
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from mobile_models.novelty import Novelty, Rows
from mobile_models.quantization import Effort, QuantizationAttempt, QuantizationReport
from tests import tiny_model
from training import recipe
from training.dataset import DatasetSnapshot, SnapshotPhoto, Split
from training.reporting import report
from training.run_directory import Forgetting

NOVELTY = Novelty(
    means=Rows.of(np.eye(6, tiny_model.EMBEDDING_LENGTH)),
    directions=Rows.of(np.eye(1, tiny_model.EMBEDDING_LENGTH)),
    weights=(1.0,),
    other_weight=1.0,
    threshold=1.0,
)
OUTSIDE = OutsideReport(
    name="web",
    photos_digest=sha256(b"web"),
    photos=8,
    accuracy=0.625,
    recall={"glass": Counted(right=4, photos=5), "metal": Counted(right=1, photos=3)},
    unmeasured=("cardboard", "paper", "plastic", "trash"),
    unsure=0.25,
    sure_accuracy=0.75,
    not_waste_photos=40,
    not_waste_unsure=0.9,
)
QUANTIZATION = QuantizationReport(
    float_accuracy=0.95,
    views=400,
    allowed_drop=0.005,
    least_agreement=0.97,
    attempts=(
        QuantizationAttempt(effort=Effort.POST_TRAINING, accuracy=0.94, agreement=0.96),
        QuantizationAttempt(effort=Effort.CALIBRATED, accuracy=0.95, agreement=0.98),
        QuantizationAttempt(effort=Effort.QUANTIZATION_AWARE, skipped="not needed"),
    ),
    chosen=Effort.CALIBRATED,
    reason="It is the first that is good enough.",
)


def card(forgetting: Forgetting | None = None, **changes: object) -> str:
    model = tiny_model.model_bytes()
    manifest, (evaluation, blessing) = tiny_model.manifest(model), tiny_model.evidence(model, TRASHNET)
    known = ReleaseManifest.model_validate(manifest.model_dump() | {"novelty": NOVELTY.model_dump()})
    photo = SnapshotPhoto(sha256=sha256(b"1"), label="glass", split=Split.TRAIN, group="1", source="drawn")
    snapshot = DatasetSnapshot(label_set=TRASHNET, photos=(photo,))
    measured: EvaluationReport = evaluation.model_copy(update=changes)
    return report.model_card(known, recipe.load("tiny"), snapshot, measured, blessing, forgetting)


def fit(*, reached: bool) -> ThresholdFit:
    return ThresholdFit(threshold=0.62, precision=0.93, lower_bound=0.81, answers=30, kept=0.9, reached=reached)


def test_what_was_not_measured_is_called_so() -> None:
    written = card()
    assert "## On photos taken elsewhere\n\nNot measured." in written
    for absent in ("When it is unsure", "From float to int8", "What it forgot"):
        assert absent not in written


def test_figures_from_elsewhere_stand_beside_those_of_the_holdout() -> None:
    written = card(outside=OUTSIDE)
    assert "On 8 photos of web: accuracy **0.6250**, beside 1.0000 on the holdout." in written
    assert "Right: glass 4 of 5, metal 1 of 3." in written
    assert "not measured: cardboard, paper, plastic, trash." in written
    assert "Of 40 photos that show none of the labels, 90.0% are answered unsure." in written
    assert "expect less: 0.62 on those above" in written


def test_thresholds_say_which_label_does_not_reach_the_precision() -> None:
    fits = {label: fit(reached=label != "trash") for label in TRASHNET.ids}
    written = card(thresholds=fits, target_precision=0.9, unsure=0.1, novel=0.02, sure_accuracy=0.96)
    assert "10.0% are answered unsure, 2.0% for being too far" in written
    assert "of the other answers 96.0% are right" in written
    assert "| glass | 0.62 | 0.930 | 0.810 | 0.900 | 30 | yes |" in written
    assert "| trash | 0.62 | 0.930 | 0.810 | 0.900 | 30 | no |" in written


def test_each_effort_of_quantisation_is_named() -> None:
    written = card(quantization=QUANTIZATION)
    assert "Chosen: **calibrated**. It is the first that is good enough." in written
    assert "- post_training: accuracy 0.9400, same answer as float on 0.9600" in written
    assert "- quantization_aware: not needed" in written


def test_what_was_forgotten_is_said() -> None:
    assert "0.9000 by the champion, 0.8000 now" in card(Forgetting(photos=20, before=0.9, after=0.8))
