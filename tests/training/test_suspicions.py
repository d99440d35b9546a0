"""Which photos are doubted first, and why."""

import numpy as np

from mobile_models.document import sha256
from mobile_models.evaluation import Answer
from mobile_models.label_set import TRASHNET
from tests.training.reports import report_of
from training.evaluation.measured_model import MeasuredModel
from training.evaluation.model_outputs import ModelOutputs
from training.reporting import suspicions

SURE = 9


def test_look_alikes_come_before_doubts_and_no_photo_is_named_twice() -> None:
    """The first photo looks like the second, which has another label, and its own scores doubt it, too."""
    gold = ["glass", "metal", *["paper"] * 6, "trash"]
    predicted = ["metal", "metal", *["paper"] * 5, "trash", "trash"]
    photos = tuple(sha256(bytes([place])) for place in range(len(gold)))
    answers = [
        Answer(photo=photo, label=label, predicted=best, confidence=0.9)
        for photo, label, best in zip(photos, gold, predicted, strict=True)
    ]
    labels, best = (np.array([TRASHNET.index(label) for label in each]) for each in (gold, predicted))
    embedding = np.eye(len(gold), dtype=np.float32)
    embedding[1] = embedding[0]
    outputs = ModelOutputs(photos, labels, SURE * np.eye(6, dtype=np.float32)[best], None, embedding)
    found = suspicions.of_model(MeasuredModel("model", report_of(answers), outputs=outputs)).found
    assert [each.photo for each in found] == [photos[0], photos[1], photos[7]]
    assert [each.reason[:5] for each in found] == ["looks", "looks", "proba"]
