from collections.abc import Sequence

import numpy as np
import pytest

from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Answer, Blessing, EvaluationReport, GatePolicy, Verdict
from mobile_models.label_set import TRASHNET, Label, LabelSet
from training import gate
from training.evaluation import evaluate

GREW = LabelSet(id="trashnet", version=2, labels=(*TRASHNET.labels, Label(id="shoes", name="Shoes")))
LABELS = np.repeat(np.arange(6), 40)


def report(
    predicted: Sequence[int],
    labels: Sequence[int] = tuple(LABELS),
    label_set: LabelSet = TRASHNET,
    holdout: Sha256 | None = None,
    names: Sequence[str] = GREW.ids,
) -> EvaluationReport:
    """A report on photos 0 to n with these gold labels and predictions, as positions in `names`."""
    ids = label_set.ids
    known = [(gold, answer) for gold, answer in zip(labels, predicted, strict=True) if names[gold] in ids]
    matrix = evaluate.confusion_matrix(*(np.array(column) for column in zip(*known, strict=True)), len(ids))
    return EvaluationReport(
        model=sha256(bytes(predicted)),
        holdout=holdout or sha256(b"holdout"),
        label_set=label_set,
        answers=tuple(
            Answer(photo=sha256(str(n).encode()), label=names[gold], predicted=names[answer], confidence=0.9)
            for n, (gold, answer) in enumerate(zip(labels, predicted, strict=True))
            if names[gold] in ids
        ),
        accuracy=float(np.mean([gold == answer for gold, answer in known])),
        per_class=evaluate.class_metrics(ids, matrix),
        confusion_matrix=tuple(tuple(map(int, row)) for row in matrix),
        expected_calibration_error=0.0,
        temperature=1.0,
        size_bytes=1,
        latency_milliseconds=1.0,
    )


def wrong(mistakes: dict[int, int], to: int = 0) -> list[int]:
    """Perfect answers but for so many mistakes of each class, called `to` (or the next class where that is right)."""
    answers = LABELS.copy()
    for label, count in mistakes.items():
        answers[np.flatnonzero(label == LABELS)[:count]] = to if to != label else (label + 1) % 6
    return list(answers)


def judge(
    challenger: EvaluationReport | None, champion: EvaluationReport | None, *, has_champion: bool = True
) -> Blessing:
    return gate.judge(challenger, champion, GatePolicy(), has_champion=has_champion)


def blocks(blessing: Blessing, *words: str) -> bool:
    assert blessing.verdict is Verdict.BLOCKED
    assert not blessing.rubber_stamped
    return all(any(word in reason for reason in blessing.reasons) for word in words)


def test_a_first_model_that_reaches_the_floors_is_rubber_stamped() -> None:
    challenger = report(wrong({1: 5}))
    blessing = judge(challenger, None, has_champion=False)
    assert blessing.verdict is Verdict.PASSED
    assert blessing.rubber_stamped
    assert blessing.challenger == challenger.digest
    assert "no champion to beat" in blessing.reasons[0]


def test_a_better_challenger_passes_and_is_not_rubber_stamped() -> None:
    champion, challenger = report(wrong({1: 15, 2: 10})), report(wrong({1: 5, 2: 10}))
    blessing = judge(challenger, champion)
    assert blessing.verdict is Verdict.PASSED
    assert not blessing.rubber_stamped
    assert (blessing.challenger, blessing.champion) == (challenger.digest, champion.digest)
    assert min(blessing.p_values.values()) == 1


def test_a_missing_report_of_the_challenger_blocks() -> None:
    assert blocks(judge(None, report(wrong({}))), "no evaluation report of the challenger")


def test_a_missing_report_of_the_champion_blocks() -> None:
    assert blocks(judge(report(wrong({})), None), "no evaluation report of the champion")


def test_reports_on_different_holdouts_block() -> None:
    other = report(wrong({}), holdout=sha256(b"another holdout"))
    assert blocks(judge(report(wrong({})), other), "different holdouts")


def test_reports_that_do_not_answer_for_the_same_photos_block() -> None:
    shorter = report(wrong({})[:-1], LABELS[:-1])
    assert blocks(judge(shorter, report(wrong({}))), "same photos")


def test_a_label_set_that_does_not_extend_the_champions_blocks() -> None:
    shuffled = LabelSet(id="trashnet", version=1, labels=tuple(reversed(TRASHNET.labels)))
    assert blocks(judge(report(wrong({}), label_set=shuffled), report(wrong({}))), "does not extend")


def test_a_missed_recall_floor_blocks_and_names_the_class() -> None:
    assert blocks(judge(report(wrong({5: 21})), None, has_champion=False), "recall of trash 0.475 is below its floor")


def test_a_missed_precision_floor_blocks_and_names_the_class() -> None:
    many = wrong({1: 15, 2: 15, 3: 15})
    assert blocks(judge(report(many), None, has_champion=False), "precision of cardboard 0.471 is below its floor")


def test_too_few_photos_of_a_class_block() -> None:
    few = np.flatnonzero(LABELS != 5).tolist() + np.flatnonzero(LABELS == 5)[:4].tolist()
    assert blocks(judge(report(LABELS[few], LABELS[few]), None, has_champion=False), "only 4 photos of trash")


def test_float_operators_block() -> None:
    floating = report(wrong({})).model_copy(update={"float_operators": ("CONV_2D",)})
    assert blocks(judge(floating, None, has_champion=False), "computes in float: CONV_2D")


def test_a_significant_loss_in_one_class_blocks_although_all_else_is_better() -> None:
    champion, challenger = report(wrong({1: 10, 2: 10, 3: 10})), report(wrong({4: 15}))
    blessing = judge(challenger, champion)
    assert challenger.accuracy > champion.accuracy
    assert blocks(blessing, "significantly worse than the champion in recall of plastic")
    assert len(blessing.reasons) == 1
    assert blessing.p_values["recall of plastic"] < 0.05


def test_a_significant_overall_loss_that_no_class_shows_blocks() -> None:
    challenger = list(LABELS)
    for label in range(6):
        for n, place in enumerate(np.flatnonzero(label == LABELS)[:4]):
            challenger[place] = (label + 1 + n) % 6
    blessing = judge(report(challenger), report(wrong({})))
    assert blocks(blessing, "significantly worse than the champion in accuracy")
    assert len(blessing.reasons) == 1


def test_many_new_false_alarms_for_one_class_block() -> None:
    challenger = report(wrong(dict.fromkeys(range(1, 6), 3), to=0))
    assert blocks(judge(challenger, report(wrong({}))), "precision of cardboard")


def test_a_small_loss_is_not_held_against_the_challenger() -> None:
    blessing = judge(report(wrong({4: 3})), report(wrong({})))
    assert blessing.verdict is Verdict.PASSED
    assert blessing.p_values["recall of plastic"] > 0.05


def test_a_new_label_has_floors_only() -> None:
    labels = [*LABELS, *([6] * 10)]
    champion = report([*wrong({}), *([0] * 10)], labels)
    good = report([*wrong({}), *([6] * 6), *([0] * 4)], labels, GREW)
    assert judge(good, champion).verdict is Verdict.PASSED
    bad = report([*wrong({}), *([6] * 4), *([0] * 6)], labels, GREW)
    assert blocks(judge(bad, champion), "recall of shoes 0.400 is below its floor")


def test_losing_old_labels_to_a_new_one_blocks() -> None:
    labels = [*LABELS, *([6] * 10)]
    champion = report([*wrong({}), *([0] * 10)], labels)
    greedy = report([*wrong({4: 15}, to=6), *([6] * 10)], labels, GREW)
    assert blocks(judge(greedy, champion), "recall of plastic")


def test_holm_multiplies_the_smallest_most_and_keeps_the_order() -> None:
    assert gate.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert gate.holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_chance_blocks_an_equally_good_challenger_in_fewer_cases_than_alpha() -> None:
    """Both models answer each photo from the same distribution: 85 % right, mistakes anywhere."""
    chance, policy, trials = np.random.default_rng(7), GatePolicy(), 300
    blocked = 0
    for _ in range(trials):
        champion, challenger = (
            np.where(chance.random(len(LABELS)) < 0.85, LABELS, chance.integers(0, 6, len(LABELS))) for _ in range(2)
        )
        losses = gate.holm(gate.paired_losses(report(list(challenger)), report(list(champion))))
        blocked += min(losses.values()) < policy.alpha
    assert blocked / trials <= policy.alpha


def test_a_clearly_worse_challenger_is_nearly_always_blocked() -> None:
    chance, trials = np.random.default_rng(7), 40
    blocked = 0
    for _ in range(trials):
        champion = np.where(chance.random(len(LABELS)) < 0.92, LABELS, chance.integers(0, 6, len(LABELS)))
        challenger = np.where(chance.random(len(LABELS)) < 0.75, LABELS, chance.integers(0, 6, len(LABELS)))
        blocked += judge(report(list(challenger)), report(list(champion))).verdict is Verdict.BLOCKED
    assert blocked / trials > 0.9
