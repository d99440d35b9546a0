"""How far one may rely on somebody's word: of each reviewer and each resident, for each label that they give.

Guarantees: it is computed from what they said and from what turned out, never stored, so an opinion that is taken back
or overruled changes it at once. It rises and falls: what was said long ago counts less and less.

A Beta distribution whose evidence is forgotten exponentially (Josang and Ismail 2002, The Beta Reputation System). A
reviewer's evidence are checks: photos that were decided already, shown without saying so. A resident's are corrections
of photos that reviewers decided since.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, col, select

from backend.tables import Correction, GoldCheck, Photo

FORGETTING = 0.97
"""Each newer word makes an older one count for 3 % less: the last 33 weigh as much as all before them ever did."""
PRIOR_STRENGTH = 5.0
REVIEWERS_PRIOR, RESIDENTS_PRIOR = 0.9, 0.7
"""What is assumed of somebody unknown, with the weight of `PRIOR_STRENGTH` words."""
MOST_WORDS = 300
_GRID = 2001


@dataclass(frozen=True)
class Reliability:
    """A Beta distribution of the chance that the next word is right."""

    right: float
    wrong: float
    """Evidence, forgotten in part."""
    prior: float
    words: int

    @property
    def mean(self) -> float:
        return (self.right + self.prior * PRIOR_STRENGTH) / (self.right + self.wrong + PRIOR_STRENGTH)

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 90 %, from the density on a grid: exact to a thousandth."""
        alpha = self.right + self.prior * PRIOR_STRENGTH
        beta = self.wrong + (1 - self.prior) * PRIOR_STRENGTH
        chance = (np.arange(_GRID) + 0.5) / _GRID
        logarithm = (alpha - 1) * np.log(chance) + (beta - 1) * np.log1p(-chance)
        below = np.cumsum(np.exp(logarithm - logarithm.max()))
        low, high = np.interp((0.05, 0.95), below / below[-1], chance)
        return float(low), float(high)

    @property
    def trust(self) -> float:
        """How much such a word counts beside that of somebody unknown, 0 to 1."""
        return min(1.0, self.mean / self.prior)


def of_words(outcomes: Sequence[bool], prior: float) -> Reliability:
    """Return what follows from words that turned out right or wrong, oldest first."""
    weights = FORGETTING ** np.arange(len(outcomes) - 1, -1, -1)
    right = float((weights * np.array(outcomes, dtype=float)).sum()) if outcomes else 0.0
    return Reliability(right, float(weights.sum()) - right, prior, len(outcomes))


def of_reviewer(session: Session, staff_id: int) -> dict[str, Reliability]:
    """For each label that the reviewer gave in checks; what they rejected wrongly stands under the empty label."""
    newest = (
        select(GoldCheck.said, GoldCheck.is_right)
        .where(GoldCheck.staff_id == staff_id)
        .order_by(col(GoldCheck.id).desc())
        .limit(MOST_WORDS)
    )
    return _by_label(((said or "", is_right) for said, is_right in session.exec(newest)), REVIEWERS_PRIOR)


def of_reviewer_with(session: Session, staff_id: int, label: str) -> Reliability:
    newest = (
        select(GoldCheck.is_right)
        .where(GoldCheck.staff_id == staff_id, GoldCheck.said == label)
        .order_by(col(GoldCheck.id).desc())
        .limit(MOST_WORDS)
    )
    return of_words(list(reversed(session.exec(newest).all())), REVIEWERS_PRIOR)


def of_resident(session: Session, device_id: str) -> dict[str, Reliability]:
    """For each label that the resident corrected a photo to, where reviewers have decided since."""
    newest = (
        select(Correction.label, Photo.gold_label)
        .join(Photo, col(Photo.id) == col(Correction.photo_id))
        .where(Photo.device_id == device_id, col(Photo.gold_label).is_not(None))
        .order_by(col(Correction.id).desc())
        .limit(MOST_WORDS)
    )
    return _by_label(((label, label == gold) for label, gold in session.exec(newest)), RESIDENTS_PRIOR)


def of_reviewers(session: Session) -> dict[int, dict[str, Reliability]]:
    """For each member of the staff who was ever checked, what `of_reviewer` says."""
    checked = session.exec(select(GoldCheck.staff_id).distinct().order_by(col(GoldCheck.staff_id))).all()
    return {staff_id: of_reviewer(session, staff_id) for staff_id in checked}


def of_residents(session: Session, most: int) -> list[tuple[str, str, Reliability]]:
    """Return device, label and reliability where corrections were wrong most lately, the least reliable first."""
    wrong = (
        select(Photo.device_id)
        .join(Correction, col(Correction.photo_id) == col(Photo.id))
        .where(
            col(Photo.device_id).is_not(None),
            col(Photo.gold_label).is_not(None),
            col(Correction.label) != col(Photo.gold_label),
        )
        .order_by(col(Correction.id).desc())
        .limit(MOST_WORDS)
    )
    devices = dict.fromkeys(device for device in session.exec(wrong) if device is not None)
    found = [(device, label, each) for device in devices for label, each in of_resident(session, device).items()]
    return sorted(found, key=lambda row: row[2].mean)[:most]


def trust_in_resident(session: Session, device_id: str | None, label: str | None) -> float:
    """Return how much a correction to `label` counts, 0 to 1; of somebody unknown, 1."""
    if device_id is None or label is None:
        return 1.0
    known = of_resident(session, device_id).get(label)
    return 1.0 if known is None else known.trust


def _by_label(newest_first: Iterable[tuple[str, bool]], prior: float) -> dict[str, Reliability]:
    words: dict[str, list[bool]] = defaultdict(list)
    for label, is_right in newest_first:
        words[label].append(is_right)
    return {label: of_words(outcomes[::-1], prior) for label, outcomes in sorted(words.items())}
