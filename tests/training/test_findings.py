"""What a report says, from answers that were written down."""

from collections.abc import Sequence

import pytest

from mobile_models.document import sha256
from mobile_models.evaluation import Answer, EvaluationReport
from mobile_models.label_set import TRASHNET
from tests.training.reports import report_of
from training import recipe
from training.fitting.checkpoints import Epoch, History
from training.reporting import findings, learning_curves


def answer(label: str, predicted: str, confidence: float, number: int = 0) -> Answer:
    photo = sha256(f"{label} {predicted} {confidence} {number}".encode())
    return Answer(photo=photo, label=label, predicted=predicted, confidence=confidence)


def each(label: str, predicted: str, count: int, confidence: float = 0.8) -> list[Answer]:
    return [answer(label, predicted, confidence, number) for number in range(count)]


@pytest.fixture
def report() -> EvaluationReport:
    """Right in all classes, but seven of ten plastic things are taken for glass."""
    right = [one for label in TRASHNET.ids if label != "plastic" for one in each(label, label, 30)]
    return report_of([*right, *each("plastic", "plastic", 3), *each("plastic", "glass", 7)])


def test_targets_are_met_or_unmet_by_the_worst_class(report: EvaluationReport) -> None:
    accuracy, precision, recall = findings.targets(report)
    assert (accuracy.met, precision.met, recall.met) == (True, False, False)
    assert (accuracy.wanted, precision.wanted, recall.wanted) == (0.90, 0.85, 0.85)
    assert precision.measured == pytest.approx(30 / 37)
    assert recall.measured == pytest.approx(0.3)


def test_confusions_are_said_in_words(report: EvaluationReport) -> None:
    assert [confusion.words() for confusion in findings.confusions(report)] == ["plastic taken for glass: 7 of 10"]


def test_a_bin_of_the_reliability_diagram_holds_the_answers_of_its_confidence() -> None:
    answers = [*each("glass", "glass", 8, 0.95), *each("glass", "metal", 2, 0.95), *each("glass", "glass", 1, 0.5)]
    low, high = findings.reliability(answers, bins=10)
    assert (low.photos, high.photos) == (1, 10)
    assert (high.low, high.high) == (0.9, 1.0)
    assert high.accuracy.value == 0.8
    assert high.confidence == pytest.approx(0.95)
    assert findings.reliability([answer("glass", "glass", 1.0)], bins=10)[0].low == 0.9


def test_fewer_answers_are_surer_answers() -> None:
    answers = [*each("glass", "glass", 6, 0.95), *each("glass", "metal", 4, 0.4)]
    everything, surest = findings.coverage_curve(answers)
    assert (everything.share, everything.accuracy, everything.wrong) == (1.0, 0.6, 4)
    assert (surest.share, surest.accuracy, surest.wrong) == (0.6, 1.0, 0)


def test_operating_points_keep_what_reaches_their_threshold() -> None:
    answers = [*each("glass", "glass", 5, 0.95), *each("metal", "metal", 3, 0.6), *each("glass", "metal", 2, 0.55)]
    everything, wastenet, calibrated = findings.operating_points(answers, {"glass": 0.5, "metal": 0.58})
    assert (everything.share, everything.accuracy) == (1.0, 0.8)
    assert (wastenet.share, wastenet.accuracy, wastenet.threshold) == (0.5, 1.0, 0.9)
    assert (calibrated.share, calibrated.accuracy, calibrated.wrong) == (0.8, 1.0, 0)
    assert len(findings.operating_points(answers, {})) == 2, "no thresholds are known"


def test_where_nothing_is_answered_there_is_no_accuracy() -> None:
    (_, wastenet) = findings.operating_points(each("glass", "glass", 3, 0.4), {})
    assert (wastenet.share, wastenet.accuracy) == (0, None)
    assert wastenet.words().endswith("no photo is answered.")


def test_the_surest_errors_are_the_worst() -> None:
    answers = [answer("glass", "metal", 0.7), answer("glass", "glass", 0.99), answer("paper", "trash", 0.9)]
    assert [one.label for one in findings.worst_errors(answers, 5)] == ["paper", "glass"]
    assert len(findings.worst_errors(answers, 1)) == 1


def epochs(stage: int, name: str, pairs: Sequence[tuple[float, float]]) -> list[Epoch]:
    return [
        Epoch(
            stage=stage,
            name=name,
            loss=1 - train,
            accuracy=train,
            val_loss=1 - validation,
            val_accuracy=validation,
            seconds=1,
        )
        for train, validation in pairs
    ]


def test_stages_are_marked_with_the_gap_of_the_epoch_that_was_kept() -> None:
    head = epochs(0, "head", [(0.5, 0.5), (0.6, 0.62)])
    tail = epochs(1, "tail", [(0.7, 0.7), (0.95, 0.8), (0.97, 0.79)])
    first, second = learning_curves.stages(History(epochs=(*head, *tail)), None)
    assert (first.name, first.first, first.last, first.kept) == ("head", 1, 2, 2)
    assert (second.name, second.first, second.last, second.kept) == ("tail", 3, 5, 4)
    assert second.gap == pytest.approx(0.15)
    assert second.words().endswith("gap +0.150: it fits the photos it learns from better than new ones.")
    assert first.words().endswith("gap -0.020.")


def test_a_history_without_stage_names_takes_them_from_the_recipe() -> None:
    history = History(epochs=tuple(epochs(0, "", [(0.5, 0.5)])))
    assert learning_curves.stages(history, recipe.load("tiny"))[0].name == recipe.load("tiny").stages[0].name
    assert learning_curves.stages(history, None)[0].name == "1"
