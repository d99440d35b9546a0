"""What makes a review worth its time, and how much each of it weighs.

Guarantees: weights are shares of 1, whatever numbers were set; each part is a number from 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ReviewWeights:
    """One for each part of the value (`opinions.value_parts`)."""

    uncertainty: float = 0.25
    models_disagree: float = 0.25
    resident_disagrees: float = 0.25
    rarity: float = 0.15
    novelty: float = 0.10

    def value_of(self, parts: Mapping[str, float]) -> float:
        """Return the weighted mean of `parts`, 0 to 1; a part that is missing counts as 0."""
        whole = sum(vars(self).values())
        return sum(weight * parts.get(name, 0.0) for name, weight in vars(self).items()) / whole if whole else 0.0

    def reasons(self, parts: Mapping[str, float], from_part: float = 0.3) -> tuple[str, ...]:
        """Return the names of the parts that speak for a review, the weightiest first."""
        weighed = {name: weight * parts.get(name, 0.0) for name, weight in vars(self).items()}
        speaking = [name for name, found in weighed.items() if found > 0 and parts[name] >= from_part]
        return tuple(sorted(speaking, key=lambda name: -weighed[name]))
