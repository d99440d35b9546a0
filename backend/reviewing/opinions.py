"""What follows from opinions: the gold label of a photo, and how much a review of it is worth.

Guarantees: pure rules; the same opinions always give the same answer, and a label never comes from a model alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.tables import ReviewVerdict
from mobile_models.label_set import UNSURE

REJECTED = "(rejected)"
"""Stands for the opinion that a photo must not be used; it is no label id."""

REJECTING = (
    ReviewVerdict.REJECT,
    ReviewVerdict.NOT_WASTE,
    ReviewVerdict.BAD_PHOTO,
    ReviewVerdict.SEVERAL_THINGS,
)
ASKING = (ReviewVerdict.SECOND_OPINION, ReviewVerdict.UNSURE)


@dataclass(frozen=True)
class ReviewerOpinion:
    """One `Review`, as far as the decision is concerned."""

    staff_id: int
    verdict: ReviewVerdict
    label: str | None
    decides_alone: bool = True


@dataclass(frozen=True)
class Decision:
    gold_label: str | None = None
    rejected: bool = False
    needs_second_opinion: bool = False
    rejected_as: ReviewVerdict | None = None
    """What most of those who rejected it said; of equally many, the newest."""
    is_sure: bool = False
    """Two people or more gave the gold label, and nobody said anything else."""


def decide(opinions: Sequence[ReviewerOpinion]) -> Decision:
    """Decide from all reviews of a photo that were not taken back, oldest first.

    The newest opinion of each person counts. One person decides, unless a second opinion was ever asked for, people
    disagree, or nobody who says so decides alone: then two must agree, and be more than those of any other opinion.
    """
    newest = {opinion.staff_id: opinion for opinion in opinions}
    votes = Counter(choice for choice in map(_choice, newest.values()) if choice is not None)
    asked = any(opinion.verdict in ASKING for opinion in opinions)
    ranked = votes.most_common(2)
    if not ranked:
        return Decision(needs_second_opinion=bool(opinions))
    choice, most = ranked[0]
    alone = any(opinion.decides_alone for opinion in newest.values() if _choice(opinion) == choice)
    needed = 1 if alone and len(votes) == 1 and not asked else 2
    if most < needed or (len(ranked) > 1 and most == ranked[1][1]):
        return Decision(needs_second_opinion=True)
    if choice == REJECTED:
        return Decision(rejected=True, rejected_as=_rejected_as(newest.values()))
    return Decision(gold_label=choice, is_sure=most > 1 and len(votes) == 1)


def _choice(opinion: ReviewerOpinion) -> str | None:
    return REJECTED if opinion.verdict in REJECTING else opinion.label


def _rejected_as(opinions: Iterable[ReviewerOpinion]) -> ReviewVerdict:
    said = [opinion.verdict for opinion in opinions if opinion.verdict in REJECTING]
    return Counter(reversed(said)).most_common(1)[0][0]


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
    novelty: float | None = None
    """Distance from what the server's model learnt from; from 1 on it is too far."""
    resident_trust: float = 1.0
    """0 to 1: how much a correction of this resident counts (`reliability`)."""


def value_parts(evidence: Evidence, gold_counts: Mapping[str, int]) -> dict[str, float]:
    """Return why a review is worth its time, each reason from 0 to 1; `ReviewWeights` weighs them.

    - uncertainty: 1 - (best score - second best score), of the server's model, else of the phone's; 1 without a model
    - models_disagree: 1 if phone and server give different labels, else 0
    - resident_disagrees: the trust in the resident if they corrected the phone, else 0
    - rarity: 1 - gold labels of the likeliest label / gold labels of the commonest one; 1 while nothing has any
    - novelty: 0 up to half of the distance that is too far, 1 from there on
    """
    phone, server = evidence.phone, evidence.server
    best = server or phone
    models_disagree = phone is not None and server is not None and phone.label != server.label
    resident_disagrees = evidence.correction is not None and (phone is None or evidence.correction != phone.label)
    return {
        "uncertainty": 1.0 if best is None else 1 - _margin(best.scores),
        "models_disagree": float(models_disagree),
        "resident_disagrees": evidence.resident_trust * resident_disagrees,
        "rarity": _rarity(_likeliest(evidence), gold_counts),
        "novelty": min(1.0, max(0.0, 2 * (evidence.novelty or 0.0) - 1)),
    }


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
