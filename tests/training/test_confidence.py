"""Fitted for the tiny model on drawn pictures."""

from dataclasses import replace

import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET
from mobile_models.litert_model import ModelError
from tests.pictures import draw
from tests.tiny_model import EDGE, model_bytes
from training import recipe
from training.dataset import SnapshotPhoto, Split
from training.evaluation import confidence, evaluate
from training.evaluation import subject as subjects
from training.evaluation.subject import Subject
from training.fitting.pipeline import Pictures


@pytest.fixture
def subject() -> Subject:
    return subjects.of_tflite(model_bytes(), "tiny", TRASHNET, InputSpec(width=EDGE, height=EDGE))


def pictures(labels: tuple[str, ...], first: int, count: int) -> Pictures:
    named = [(label, number) for label in labels for number in range(first, first + count)]
    photos = tuple(
        SnapshotPhoto(sha256=sha256(f"{label} {number}".encode()), label=label, split=Split.TRAIN, group=str(number))
        for label, number in named
    )
    pixels = np.stack([np.asarray(draw(label, number, (EDGE, EDGE))) for label, number in named])
    return Pictures(photos, pixels, np.array([TRASHNET.index(label) for label, _ in named]))


def test_everything_is_fitted_for_each_label(subject: Subject) -> None:
    train, validation = pictures(TRASHNET.ids, 0, 8), pictures(TRASHNET.ids, 50, 6)
    outputs = evaluate.outputs_of(subject, validation)
    wanted = recipe.load("tiny").with_changes(target_precision=0.8, novelty_kept=0.9)
    fitted = confidence.fit(subject, wanted, train, outputs, seed=0)
    assert tuple(fitted.thresholds) == TRASHNET.ids
    assert fitted.target_precision == 0.8
    assert fitted.temperature == fitted.calibration.temperature
    sure = replace(subject, thresholds=fitted.thresholds, novelty=fitted.novelty, temperature=fitted.temperature)
    assert sure.novel(outputs).mean() == pytest.approx(0.1, abs=0.05)
    assert confidence.fit(subject, wanted, train, outputs, seed=0) == fitted


def test_a_label_that_was_not_trained_on_this_time_keeps_its_place(subject: Subject) -> None:
    """Fine-tuned on new photos of two labels alone, the model still knows the other four."""
    validation = evaluate.outputs_of(subject, pictures(TRASHNET.ids, 50, 6))
    few = pictures(("glass", "paper"), 0, 8)
    fitted = confidence.fit(subject, recipe.load("tiny"), few, validation, seed=0)
    assert len(fitted.novelty.means.scales) == len(TRASHNET.ids)
    assert np.isfinite(fitted.novelty.means.matrix).all()
    assert validation.embedding is not None
    trash = validation.embedding[validation.labels == TRASHNET.index("trash")]
    assert (fitted.novelty.distances(trash) <= fitted.novelty.threshold).mean() > 0.8


def test_of_many_photos_each_label_gives_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confidence, "PHOTOS", 60)
    labels = np.array([0] * 500 + [1] * 100 + [2] * 7)
    chosen = confidence._some_of_each(labels, seed=3)
    assert np.bincount(labels[chosen]).tolist() == [20, 20, 7]
    assert (np.diff(chosen) > 0).all()


def test_a_model_without_an_embedding_cannot_be_released(subject: Subject) -> None:
    blind = replace(subject, run=lambda picture: (subject.run(picture)[0], None))
    few = pictures(TRASHNET.ids, 0, 2)
    with pytest.raises(ModelError, match="gives no embedding"):
        confidence.fit(blind, recipe.load("tiny"), few, evaluate.outputs_of(blind, few), seed=0)
