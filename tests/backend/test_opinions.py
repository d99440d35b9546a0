"""Gold labels and the value of a review follow from opinions alone."""

import pytest

from backend.opinions import Decision, Evidence, ModelOpinion, ReviewerOpinion, decide, review_value
from backend.tables import ReviewVerdict

ADA, BOB, EVE = 1, 2, 3


def says(who: int, label: str) -> ReviewerOpinion:
    return ReviewerOpinion(who, ReviewVerdict.RELABEL, label)


def rejects(who: int) -> ReviewerOpinion:
    return ReviewerOpinion(who, ReviewVerdict.REJECT, None)


def asks(who: int) -> ReviewerOpinion:
    return ReviewerOpinion(who, ReviewVerdict.SECOND_OPINION, None)


UNDECIDED = Decision(needs_second_opinion=True)


@pytest.mark.parametrize(
    ("opinions", "decision"),
    [
        ([], Decision()),
        ([says(ADA, "glass")], Decision(gold_label="glass")),
        ([rejects(ADA)], Decision(rejected=True)),
        ([asks(ADA)], UNDECIDED),
        ([asks(ADA), says(BOB, "glass")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(BOB, "glass")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "glass")], Decision(gold_label="glass")),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "metal")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "metal"), says(ADA, "metal")], Decision(gold_label="metal")),
        ([asks(ADA), rejects(BOB), rejects(EVE)], Decision(rejected=True)),
        ([says(ADA, "glass"), says(ADA, "metal")], Decision(gold_label="metal")),
        ([says(ADA, "glass"), says(BOB, "metal")], UNDECIDED),
        ([says(ADA, "glass"), rejects(BOB)], UNDECIDED),
        ([says(ADA, "glass"), says(BOB, "metal"), says(EVE, "glass")], Decision(gold_label="glass")),
        ([says(ADA, "glass"), says(BOB, "metal"), says(EVE, "glass"), says(4, "metal")], UNDECIDED),
    ],
)
def test_one_decides_unless_people_disagree_or_ask(opinions: list[ReviewerOpinion], decision: Decision) -> None:
    assert decide(opinions) == decision


SURE = ModelOpinion("metal", {"metal": 1.0, "glass": 0.0})
HALF = ModelOpinion("metal", {"metal": 0.5, "glass": 0.5})
GLASS = ModelOpinion("glass", {"metal": 0.0, "glass": 1.0})
GOLD = {"metal": 100, "glass": 25}


def test_a_photo_that_all_agree_on_and_that_is_common_is_worth_nothing() -> None:
    assert review_value(Evidence(SURE, SURE, "metal"), GOLD) == 0


@pytest.mark.parametrize(
    ("evidence", "value"),
    [
        (Evidence(HALF, HALF, None), 0.35),
        (Evidence(SURE, GLASS, None), 0.25 + 0.15 * 0.75),
        (Evidence(SURE, SURE, "glass"), 0.25 + 0.15 * 0.75),
        (Evidence(GLASS, GLASS, None), 0.15 * 0.75),
        (Evidence(None, None, None), 0.35 + 0.15),
    ],
)
def test_each_kind_of_doubt_adds_its_part(evidence: Evidence, value: float) -> None:
    assert review_value(evidence, GOLD) == pytest.approx(value)


def test_the_most_valuable_photo_is_worth_one() -> None:
    torn = ModelOpinion("glass", {"glass": 0.5, "metal": 0.5})
    assert review_value(Evidence(SURE, torn, "trash"), GOLD) == pytest.approx(1)


def test_an_unsure_model_is_taken_by_its_best_score() -> None:
    unsure = ModelOpinion("unsure", {"glass": 0.4, "metal": 0.35})
    likely = review_value(Evidence(unsure, None, None), GOLD)
    assert likely == pytest.approx(0.35 * 0.95 + 0.15 * 0.75)
