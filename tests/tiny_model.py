"""A model of the published format in a few kilobytes, for tests that need no TensorFlow.

It answers by mean colour: the label whose colour in `tests.pictures.COLOURS` is nearest. `model_bytes` rewrites its
constants, so that tests get good, bad and merely different models.
"""

import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models import self_tests
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Answer, Blessing, ClassMetrics, EvaluationReport, Verdict
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET, LabelSet
from mobile_models.litert_model import LiteRtModel
from mobile_models.manifest import EvaluationSummary, Lineage, ModelFile, ReleaseManifest
from tests.pictures import COLOURS

FILE = Path(__file__).with_name("tiny_model.tflite")
EDGE = 32
EMBEDDING_LENGTH = 16
SHARPNESS = 60.0


def _constants(colours: tuple[tuple[int, int, int], ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """-|x - c|^2 without |x|^2, which all labels share: weights [3, 6] and biases [6] on colours 0 to 1."""
    centres = np.asarray(colours, dtype=np.float32) / np.float32(255)
    return np.float32(2 * SHARPNESS) * centres.T, np.float32(-SHARPNESS) * (centres**2).sum(axis=1)


BASE_WEIGHTS, BASE_BIASES = _constants(tuple(COLOURS.values()))


def model_bytes(version: int = 1, *, confused: bool = False, padding_bytes: int = 0) -> bytes:
    """Return a .tflite that differs for each version; a `confused` one takes each label for the next one."""
    colours = list(COLOURS.values())
    weights, biases = _constants(tuple(colours[1:] + colours[:1] if confused else colours))
    biases = biases + np.float32(version * 2**-12)
    content = FILE.read_bytes()
    for old, new in ((BASE_WEIGHTS.T, weights.T), (BASE_BIASES, biases)):
        before, after = (np.ascontiguousarray(constant).tobytes() for constant in (old, new))
        assert content.count(before) == 1, "run tests/make_tiny_model.py again"
        content = content.replace(before, after)
    return content + struct.pack("<I", version) * (padding_bytes // 4)


def manifest(model: bytes, version: int = 1, *, label_set: LabelSet = TRASHNET) -> ReleaseManifest:
    report, blessing = evidence(model, label_set)
    return ReleaseManifest(
        version=version,
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        model=ModelFile(sha256=sha256(model), size_bytes=len(model), embedding_length=EMBEDDING_LENGTH),
        label_set=label_set,
        input_spec=InputSpec(width=EDGE, height=EDGE),
        temperature=1.0,
        thresholds=dict.fromkeys(label_set.ids, 0.5),
        lineage=Lineage(
            recipe="tiny",
            recipe_digest=sha256(b"recipe"),
            dataset_snapshot=sha256(b"snapshot"),
            training_run="00000000-0000-0000-0000-000000000001",
            code_version="0",
            seed=1,
        ),
        evaluation=EvaluationSummary(
            evaluation_digest=report.digest,
            blessing_digest=blessing.digest,
            holdout_photos=len(report.answers),
            accuracy=report.accuracy,
            macro_f1=report.macro_f1,
            recall={label: metrics.recall for label, metrics in report.per_class.items()},
            rubber_stamped=blessing.rubber_stamped,
        ),
        licence="Apache-2.0",
        self_tests=self_tests.make(model, len(label_set.ids)),
    )


def release_folder(
    folder: Path,
    version: int = 1,
    *,
    confused: bool = False,
    padding_bytes: int = 0,
    label_set: LabelSet = TRASHNET,
) -> Path:
    """Write a valid release folder with true self-tests and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model_bytes(version, confused=confused, padding_bytes=padding_bytes)
    report, blessing = evidence(model, label_set)
    (folder / "model.tflite").write_bytes(model)
    manifest(model, version, label_set=label_set).write(folder / "manifest.json")
    report.write(folder / "evaluation.json")
    blessing.write(folder / "blessing.json")
    (folder / "MODEL_CARD.md").write_text(f"# Release {version}\nAnswers by mean colour; for tests.\n")
    (folder / "checkpoint.keras").write_bytes(b"no checkpoint")
    (folder / "recipe.json").write_text("{}\n")
    (folder / "dataset.json").write_text('{"holdout":[],"train":[],"validation":[]}\n')
    return folder


def evidence(model: bytes, label_set: LabelSet) -> tuple[EvaluationReport, Blessing]:
    ids = label_set.ids
    answers = tuple(
        Answer(photo=Sha256(f"{place:064x}"), label=label, predicted=label, confidence=0.9)
        for place, label in enumerate(ids)
    )
    report = EvaluationReport(
        model=sha256(model),
        holdout=sha256(b"holdout"),
        label_set=label_set,
        answers=answers,
        accuracy=1.0,
        per_class={label: ClassMetrics(precision=1, recall=1, f1=1, support=1) for label in ids},
        confusion_matrix=tuple(tuple(int(row == column) for column in ids) for row in ids),
        expected_calibration_error=0.1,
        temperature=1.0,
        size_bytes=len(model),
        latency_milliseconds=0.1,
    )
    blessing = Blessing(
        verdict=Verdict.PASSED,
        reasons=("all floors are met, and there is no champion",),
        challenger=report.digest,
        champion=None,
        rubber_stamped=True,
    )
    return report, blessing


def tiny(model: bytes | None = None) -> LiteRtModel:
    return LiteRtModel(model_bytes() if model is None else model, len(TRASHNET.ids))
