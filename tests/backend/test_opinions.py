"""Gold labels and the value of a review follow from opinions alone."""

from collections.abc import Mapping

import pytest

from backend.review_weights import ReviewWeights
from backend.reviewing.opinions import Decision, Evidence, ModelOpinion, ReviewerOpinion, decide, value_parts
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
        ([rejects(ADA)], Decision(rejected=True, rejected_as=ReviewVerdict.REJECT)),
        ([asks(ADA)], UNDECIDED),
        ([asks(ADA), says(BOB, "glass")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(BOB, "glass")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "glass")], Decision(gold_label="glass", is_sure=True)),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "metal")], UNDECIDED),
        ([asks(ADA), says(BOB, "glass"), says(EVE, "metal"), says(ADA, "metal")], Decision(gold_label="metal")),
        ([asks(ADA), rejects(BOB), rejects(EVE)], Decision(rejected=True, rejected_as=ReviewVerdict.REJECT)),
        ([says(ADA, "glass"), says(ADA, "metal")], Decision(gold_label="metal")),
        ([says(ADA, "glass"), says(BOB, "metal")], UNDECIDED),
        ([says(ADA, "glass"), rejects(BOB)], UNDECIDED),
        ([says(ADA, "glass"), says(BOB, "metal"), says(EVE, "glass")], Decision(gold_label="glass")),
        ([says(ADA, "glass"), says(BOB, "metal"), says(EVE, "glass"), says(4, "metal")], UNDECIDED),
    ],
)
def test_one_decides_unless_people_disagree_or_ask(opinions: list[ReviewerOpinion], decision: Decision) -> None:
    assert decide(opinions) == decision


def test_unsure_asks_for_another_and_one_that_does_not_decide_alone_needs_another() -> None:
    unsure = ReviewerOpinion(ADA, ReviewVerdict.UNSURE, None)
    assert decide([unsure, says(BOB, "glass")]) == UNDECIDED
    hazard = [ReviewerOpinion(who, ReviewVerdict.RELABEL, "battery", decides_alone=False) for who in (ADA, BOB)]
    assert decide(hazard[:1]) == UNDECIDED
    assert decide(hazard) == Decision(gold_label="battery", is_sure=True)
    assert decide([hazard[0], says(BOB, "battery")]) == Decision(gold_label="battery", is_sure=True)


def test_a_rejection_is_called_what_most_called_it() -> None:
    kinds = (ReviewVerdict.NOT_WASTE, ReviewVerdict.BAD_PHOTO, ReviewVerdict.BAD_PHOTO)
    opinions = [ReviewerOpinion(who, kind, None) for who, kind in enumerate(kinds)]
    assert decide(opinions[:1]) == Decision(rejected=True, rejected_as=ReviewVerdict.NOT_WASTE)
    assert decide(opinions[:2]) == Decision(rejected=True, rejected_as=ReviewVerdict.BAD_PHOTO), "the newest"
    assert decide(opinions) == Decision(rejected=True, rejected_as=ReviewVerdict.BAD_PHOTO)


def worth(evidence: Evidence, gold_counts: Mapping[str, int]) -> float:
    return ReviewWeights().value_of(value_parts(evidence, gold_counts))


SURE = ModelOpinion("metal", {"metal": 1.0, "glass": 0.0})
HALF = ModelOpinion("metal", {"metal": 0.5, "glass": 0.5})
GLASS = ModelOpinion("glass", {"metal": 0.0, "glass": 1.0})
GOLD = {"metal": 100, "glass": 25}


def test_a_photo_that_all_agree_on_and_that_is_common_is_worth_nothing() -> None:
    assert worth(Evidence(SURE, SURE, "metal"), GOLD) == 0


@pytest.mark.parametrize(
    ("evidence", "value"),
    [
        (Evidence(HALF, HALF, None), 0.25),
        (Evidence(SURE, GLASS, None), 0.25 + 0.15 * 0.75),
        (Evidence(SURE, SURE, "glass"), 0.25 + 0.15 * 0.75),
        (Evidence(GLASS, GLASS, None), 0.15 * 0.75),
        (Evidence(None, None, None), 0.25 + 0.15),
    ],
)
def test_each_kind_of_doubt_adds_its_part(evidence: Evidence, value: float) -> None:
    assert worth(evidence, GOLD) == pytest.approx(value)


def test_the_most_valuable_photo_is_worth_one() -> None:
    torn = ModelOpinion("glass", {"glass": 0.5, "metal": 0.5})
    assert worth(Evidence(SURE, torn, "trash", novelty=1.2), GOLD) == pytest.approx(1)


def test_an_unsure_model_is_taken_by_its_best_score() -> None:
    unsure = ModelOpinion("unsure", {"glass": 0.4, "metal": 0.35})
    likely = worth(Evidence(unsure, None, None), GOLD)
    assert likely == pytest.approx(0.25 * 0.95 + 0.15 * 0.75)


def test_what_is_far_from_all_that_the_model_knows_is_worth_more() -> None:
    parts = [value_parts(Evidence(SURE, SURE, None, novelty=far), GOLD)["novelty"] for far in (None, 0.5, 0.75, 1, 3)]
    assert parts == [0, 0, 0.5, 1, 1]


def test_a_resident_who_is_often_wrong_moves_less() -> None:
    trusted, doubted = (worth(Evidence(SURE, SURE, "glass", resident_trust=trust), GOLD) for trust in (1.0, 0.4))
    assert trusted - doubted == pytest.approx(0.25 * 0.6)


def test_weights_are_shares_whatever_their_size() -> None:
    heavy = ReviewWeights(uncertainty=2, models_disagree=0, resident_disagrees=0, rarity=2, novelty=0)
    assert heavy.value_of({"uncertainty": 1.0, "models_disagree": 1.0}) == 0.5
    assert heavy.reasons({"uncertainty": 0.2, "rarity": 0.9}) == ("rarity",)
    assert ReviewWeights(0, 0, 0, 0, 0).value_of({"rarity": 1.0}) == 0
