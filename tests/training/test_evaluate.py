"""Measured with a model that answers by mean colour, so drawn pictures of a class are right."""

from pathlib import Path

import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.evaluation import EvaluationReport
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET, Label, LabelSet
from mobile_models.litert_model import ModelError
from tests.pictures import COLOURS, jpeg
from tests.tiny_model import EMBEDDING_LENGTH, model_bytes, release_folder
from training.dataset import DataError, DatasetSnapshot, SnapshotPhoto, Split, holdout_digest
from training.evaluation import evaluate
from training.evaluation import subject as subjects
from training.evaluation.model_outputs import ModelOutputs
from training.fitting.pipeline import Pictures

GREW = LabelSet(id="trashnet", version=2, labels=(*TRASHNET.labels, Label(id="shoes", name="Shoes")))


def snapshot(directory: Path, gold: list[tuple[str, str]], label_set: LabelSet = TRASHNET) -> DatasetSnapshot:
    """Write a snapshot whose holdout shows things drawn as the first of each pair, with the second as gold label."""
    (directory / "photos").mkdir(parents=True)
    photos = []
    for number, (drawn, label) in enumerate(gold):
        content = jpeg(drawn, number, size=(32, 32))
        (directory / "photos" / f"{sha256(content)}.jpg").write_bytes(content)
        photos.append(SnapshotPhoto(sha256=sha256(content), label=label, split=Split.HOLDOUT, group=str(number)))
    return DatasetSnapshot(label_set=label_set, photos=tuple(photos))


def measured(release: Path, directory: Path, frozen: DatasetSnapshot) -> EvaluationReport:
    return evaluate.measure(subjects.of_release(release), directory, frozen, directory.parent).report


def test_a_release_is_measured_on_the_holdout(tmp_path: Path) -> None:
    gold = [("glass", "glass"), ("glass", "metal"), ("plastic", "plastic"), ("trash", "trash")]
    frozen = snapshot(tmp_path / "snapshot", gold)
    report = measured(release_folder(tmp_path / "1"), tmp_path / "snapshot", frozen)
    assert report.accuracy == 0.75
    assert report.per_class["glass"].precision == 0.5
    assert report.per_class["glass"].recall == 1
    assert report.per_class["metal"].recall == 0
    assert report.confusion_matrix[TRASHNET.index("metal")][TRASHNET.index("glass")] == 1
    assert report.holdout == holdout_digest(frozen)
    assert report.model == sha256(model_bytes())
    assert report.size_bytes == len(model_bytes())
    assert report.latency_milliseconds > 0


def test_a_champion_is_not_asked_for_labels_that_it_does_not_know(tmp_path: Path) -> None:
    frozen = snapshot(tmp_path / "snapshot", [("glass", "glass"), ("trash", "shoes")], GREW)
    report = measured(release_folder(tmp_path / "1"), tmp_path / "snapshot", frozen)
    assert [answer.label for answer in report.answers] == ["glass"]
    assert report.holdout == holdout_digest(frozen)
    only_new = snapshot(tmp_path / "new", [("trash", "shoes")], GREW)
    with pytest.raises(DataError, match="no photo of a label that release 1 knows"):
        measured(tmp_path / "1", tmp_path / "new", only_new)


def test_a_model_that_its_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    frozen = snapshot(tmp_path / "snapshot", [("glass", "glass")])
    release = release_folder(tmp_path / "1")
    (release / "model.tflite").write_bytes(model_bytes(2))
    with pytest.raises(ModelError, match="not the model that its manifest names"):
        measured(release, tmp_path / "snapshot", frozen)


def two_pictures() -> Pictures:
    """One of glass, one of plastic."""
    pixels = np.stack([np.full((32, 32, 3), COLOURS[label], dtype=np.uint8) for label in ("glass", "plastic")])
    photos = tuple(
        SnapshotPhoto(sha256=sha256(bytes([n])), label=label, split=Split.HOLDOUT, group=label)
        for n, label in enumerate(("glass", "plastic"))
    )
    return Pictures(photos, pixels, np.array([1, 4]))


def test_float_and_int8_are_compared_photo_by_photo() -> None:
    subject = subjects.of_tflite(model_bytes(), "tiny", TRASHNET, InputSpec(width=32, height=32), 1.0)
    float_logits = np.eye(6, dtype=np.float32)[[1, 2]]
    measured = evaluate.measure_pictures(subject, two_pictures(), sha256(b""), float_logits)
    report = measured.report
    assert (report.accuracy, report.float_accuracy, report.float_agreement) == (1.0, 0.5, 0.5)
    assert measured.outputs.logits.argmax(axis=1).tolist() == [1, 4]
    assert measured.outputs.embedding is not None
    assert measured.outputs.embedding.shape == (2, EMBEDDING_LENGTH)


def test_what_a_model_gave_is_kept_for_reports(tmp_path: Path) -> None:
    given = ModelOutputs(("a" * 64, "b" * 64), np.array([0, 1]), np.eye(2, dtype=np.float32))
    given.write(tmp_path / "run" / "holdout.npz")
    kept = ModelOutputs.read(tmp_path / "run" / "holdout.npz")
    assert kept.photos == given.photos
    assert kept.labels.tolist() == [0, 1]
    assert kept.logits.dtype == np.float32
    assert kept.float_logits is kept.embedding is None
    given.write(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "run" / "holdout.npz").read_bytes()
    np.savez(tmp_path / "other.npz", photos=np.array(["a"]))
    with pytest.raises(ValueError, match="lacks labels, logits"):
        ModelOutputs.read(tmp_path / "other.npz")


def test_metrics_follow_from_the_confusion_matrix() -> None:
    matrix = evaluate.confusion_matrix(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    metrics = evaluate.class_metrics(("a", "b", "c"), matrix)
    assert (metrics["a"].precision, metrics["a"].recall, metrics["a"].support) == (2 / 3, 2 / 3, 3)
    assert metrics["b"].f1 == 0.5
    assert (metrics["c"].precision, metrics["c"].recall, metrics["c"].f1, metrics["c"].support) == (0, 0, 0, 0)


def test_a_group_is_right_where_its_labels_together_have_the_largest_sum() -> None:
    groups = ("dry", "dry", "wet")
    labels = LabelSet(
        id="three", version=1, labels=tuple(Label(id=f"l{n}", name="x", group=group) for n, group in enumerate(groups))
    )
    probabilities = np.array([[0.35, 0.25, 0.4], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])
    assert evaluate.group_accuracy(labels, probabilities, np.array([1, 2, 2])) == 2 / 3
    assert evaluate.group_accuracy(TRASHNET, np.eye(6), np.arange(6)) is None
