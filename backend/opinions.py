"""What follows from opinions: the gold label of a photo, and how much a review of it is worth.

Guarantees: pure rules; the same opinions always give the same answer, and a label never comes from a model alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.tables import ReviewVerdict
from mobile_models.label_set import UNSURE

REJECTED = "(rejected)"
"""Stands for the opinion that a photo must not be used; it is no label id."""

UNCERTAINTY_WEIGHT = 0.35
MODELS_DISAGREE_WEIGHT = 0.25
RESIDENT_DISAGREES_WEIGHT = 0.25
RARITY_WEIGHT = 0.15


@dataclass(frozen=True)
class ReviewerOpinion:
    """One `Review`, as far as the decision is concerned."""

    staff_id: int
    verdict: ReviewVerdict
    label: str | None


@dataclass(frozen=True)
class Decision:
    gold_label: str | None = None
    rejected: bool = False
    needs_second_opinion: bool = False


def decide(opinions: Sequence[ReviewerOpinion]) -> Decision:
    """Decide from all reviews of a photo, oldest first.

    The newest opinion of each person counts. One person decides, unless a second opinion was ever asked for or people
    disagree: then two must agree, and be more than those of any other opinion.
    """
    newest = {opinion.staff_id: _choice(opinion) for opinion in opinions}
    votes = Counter(choice for choice in newest.values() if choice is not None)
    asked = any(opinion.verdict == ReviewVerdict.SECOND_OPINION for opinion in opinions)
    needed = 2 if asked or len(votes) > 1 else 1
    ranked = votes.most_common(2)
    leads = bool(ranked) and ranked[0][1] >= needed and (len(ranked) == 1 or ranked[0][1] > ranked[1][1])
    if not leads:
        return Decision(needs_second_opinion=bool(opinions))
    choice = ranked[0][0]
    return Decision(rejected=True) if choice == REJECTED else Decision(gold_label=choice)


def _choice(opinion: ReviewerOpinion) -> str | None:
    return REJECTED if opinion.verdict == ReviewVerdict.REJECT else opinion.label


@dataclass(frozen=True)
class ModelOpinion:
    label: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """What is known of a photo before anybody has reviewed it."""

    phone: ModelOpinion | None
    server: ModelOpinion | None
    correction: str | None


def review_value(evidence: Evidence, gold_counts: Mapping[str, int]) -> float:
    """Return how much a review is worth, 0 to 1: a weighted sum of four parts, each 0 to 1.

    - uncertainty: 1 - (best score - second best score), of the server's model, else of the phone's; 1 without a model
    - models disagree: 1 if phone and server give different labels, else 0
    - resident disagrees: 1 if the resident corrected the phone, else 0
    - rarity: 1 - gold labels of the likeliest label / gold labels of the commonest one; 1 while nothing has any
    """
    phone, server = evidence.phone, evidence.server
    best = server or phone
    models_disagree = phone is not None and server is not None and phone.label != server.label
    resident_disagrees = evidence.correction is not None and (phone is None or evidence.correction != phone.label)
    return (
        UNCERTAINTY_WEIGHT * (1.0 if best is None else 1 - _margin(best.scores))
        + MODELS_DISAGREE_WEIGHT * models_disagree
        + RESIDENT_DISAGREES_WEIGHT * resident_disagrees
        + RARITY_WEIGHT * _rarity(_likeliest(evidence), gold_counts)
    )


def _likeliest(evidence: Evidence) -> str | None:
    """The resident's word, else the best score of the server's model, else of the phone's."""
    if evidence.correction is not None:
        return evidence.correction
    best = evidence.server or evidence.phone
    if best is None:
        return None
    return best.label if best.label != UNSURE or not best.scores else max(best.scores, key=best.scores.__getitem__)


def _margin(scores: Mapping[str, float]) -> float:
    first, second = sorted((*scores.values(), 0.0, 0.0), reverse=True)[:2]
    return min(1.0, first - second)


def _rarity(label: str | None, gold_counts: Mapping[str, int]) -> float:
    commonest = max(gold_counts.values(), default=0)
    if label is None or commonest == 0:
        return 1.0
    return 1 - gold_counts.get(label, 0) / commonest
