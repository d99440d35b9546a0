"""Evaluation reports from answers that a test writes down, as `evaluate` would make them."""

from collections.abc import Sequence

import numpy as np

from mobile_models.document import sha256
from mobile_models.evaluation import Answer, EvaluationReport
from mobile_models.label_set import TRASHNET, LabelSet
from training.evaluation import calibration, evaluate


def report_of(
    answers: Sequence[Answer], label_set: LabelSet = TRASHNET, *, holdout: str = "holdout", model: str = "model"
) -> EvaluationReport:
    labels = np.array([label_set.index(answer.label) for answer in answers])
    predicted = np.array([label_set.index(answer.predicted) for answer in answers])
    matrix = evaluate.confusion_matrix(labels, predicted, len(label_set.ids))
    confidence = np.array([answer.confidence for answer in answers])
    return EvaluationReport(
        model=sha256(model.encode()),
        holdout=sha256(holdout.encode()),
        label_set=label_set,
        answers=tuple(answers),
        accuracy=float((labels == predicted).mean()),
        per_class=evaluate.class_metrics(label_set.ids, matrix),
        confusion_matrix=tuple(tuple(map(int, row)) for row in matrix),
        expected_calibration_error=calibration.expected_calibration_error(confidence, labels == predicted),
        temperature=1.0,
        size_bytes=2_000_000,
        latency_milliseconds=12.5,
    )
