"""Residents: they photograph, read the answer, and sometimes say that it is wrong.

Guarantees: what a resident does follows from the release's true accuracy and the dice alone; nobody sees the release's
name. Wrong answers are corrected more often than right ones, and most of both are left alone, as in life.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

WRONG_IS_CORRECTED, RIGHT_IS_CORRECTED, RIGHT_IS_ACCEPTED = 0.35, 0.01, 0.25
"""Chances that a resident says so: of a wrong answer, of a right one by mistake, that a right one is right."""
MOST_PHOTOS_A_DAY = 12
LABEL_SHARES = {"cardboard": 0.16, "glass": 0.20, "metal": 0.16, "paper": 0.23, "plastic": 0.20, "trash": 0.05}
"""What is thrown away; labels that are not here share what `trash` has."""


@dataclass(frozen=True)
class Day:
    """What one resident did with one release on one day."""

    answers: int = 0
    corrected: int = 0
    accepted: int = 0


def photos(dice: random.Random, photos_per_day: float) -> int:
    """Draw from the Poisson distribution (Knuth, The Art of Computer Programming, volume 2, 3.4.1), with an end."""
    limit, product = math.exp(-photos_per_day), dice.random()
    drawn = 0
    while product > limit and drawn < MOST_PHOTOS_A_DAY:
        product *= dice.random()
        drawn += 1
    return drawn


def live(dice: random.Random, count: int, accuracy: Mapping[str, float]) -> Day:
    """Answer `count` photos with a release of this true accuracy per label."""
    labels = list(accuracy)
    weights = [LABEL_SHARES.get(label, LABEL_SHARES["trash"]) for label in labels]
    corrected = accepted = 0
    for label in dice.choices(labels, weights, k=count):
        said = react(dice, is_right=dice.random() < accuracy[label])
        corrected += said is False
        accepted += said is True
    return Day(count, corrected, accepted)


def react(dice: random.Random, *, is_right: bool) -> bool | None:
    """Return what the resident says of an answer: it is right, it is wrong, or (None) nothing."""
    if not is_right:
        return False if dice.random() < WRONG_IS_CORRECTED else None
    drawn = dice.random()
    if drawn < RIGHT_IS_CORRECTED:
        return False
    return True if drawn < RIGHT_IS_CORRECTED + RIGHT_IS_ACCEPTED else None
