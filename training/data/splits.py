"""Dividing photos: into train, validation and holdout, or into folds, whole groups together.

Guarantees: the photos of a group stay on one side, each label comes near its shares as far as groups allow, and equal
input gives equal sides whatever its order. `split_groups` never moves a photo out of the holdout and never puts one
into the holdout that was trained on. No Keras here, so the backend may read it.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from training.data.labelled_files import DataError

Side = TypeVar("Side", bound=Hashable)


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"


@dataclass(frozen=True)
class SplitItem:
    photo: str
    """Any id that is unique among the items."""
    label: str
    group: str


@dataclass(frozen=True)
class SplitFractions:
    """Shares of the photos of each label; they sum to one."""

    train: float = 0.7
    validation: float = 0.1
    holdout: float = 0.2

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.holdout)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"fractions must be positive and sum to 1, got {shares}")

    def of(self, split: Split) -> float:
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.HOLDOUT: self.holdout}[split]

    def among(self, sides: Iterable[Split]) -> "SplitFractions":
        """The shares of `sides` among themselves, and none for the others."""
        shares = {side.value: self.of(side) for side in sides}
        total = sum(shares.values())
        return SplitFractions(**{split.value: shares.get(split.value, 0.0) / total for split in Split})


@dataclass(frozen=True)
class SplitPlan:
    """How a folder is split: by group unless `grouped` is false, anew unless `own_split` keeps the layout's own."""

    fractions: SplitFractions = field(default_factory=SplitFractions)
    seed: int = 0
    grouped: bool = True
    own_split: bool = False

    def described(self) -> dict[str, Any]:
        """The plan as `FrozenRecord` keeps it."""
        shares = tuple(self.fractions.of(split) for split in Split)
        return {"fractions": shares, "seed": self.seed, "grouped": self.grouped, "own_split": self.own_split}


def split_groups(
    items: Sequence[SplitItem],
    fractions: SplitFractions | None = None,
    assigned: Mapping[str, Split] | None = None,
    seed: int = 0,
) -> dict[str, Split]:
    """Give each photo a split, whole groups together, each label near its fractions, equal for equal input.

    `assigned` are splits that photos were given before. A group with a member in the holdout goes to the holdout, and
    its members that were in train or validation are left out (they are missing in the answer), since models have
    seen them. A group with members in both train and validation goes to train.
    """
    fractions, assigned = fractions or SplitFractions(), assigned or {}
    shares = {split: fractions.of(split) for split in Split}
    filled: Counter[tuple[Split, str]] = Counter()
    answer: dict[str, Split] = {}
    totals = Counter(item.label for item in items)
    order = sorted(_groups(items), key=lambda members: _place_in_order(members, assigned, seed))
    for members in order:
        split = _given_split(members, assigned) or _emptiest(members, totals, filled, shares)
        for item in members:
            if split == Split.HOLDOUT and assigned.get(item.photo, Split.HOLDOUT) != Split.HOLDOUT:
                continue
            answer[item.photo] = split
            filled[split, item.label] += 1
    return answer


def fold_groups(items: Sequence[SplitItem], folds: int, seed: int = 0) -> dict[str, int]:
    """Give each photo a fold from 0 to `folds` - 1 for cross-validation, whole groups together.

    Raise `DataError` for fewer than two folds, or for a label with fewer groups than folds, since some fold would then
    measure nothing of that label.
    """
    _check_folds(items, folds)
    filled: Counter[tuple[int, str]] = Counter()
    sizes = Counter(dict.fromkeys(range(folds), 0))
    answer: dict[str, int] = {}
    totals = Counter(item.label for item in items)
    for members in sorted(_groups(items), key=lambda members: _place_in_order(members, {}, seed)):
        smallest_first = sorted(sizes, key=lambda fold: (sizes[fold], fold))
        fold = _emptiest(members, totals, filled, dict.fromkeys(smallest_first, 1 / folds))
        answer |= {item.photo: fold for item in members}
        filled.update((fold, item.label) for item in members)
        sizes[fold] += len(members)
    return answer


def keep_own_split(
    items: Sequence[SplitItem], own: Mapping[str, str | None], fractions: SplitFractions, seed: int = 0
) -> dict[str, Split]:
    """Keep the split that a data set came with; a split that it lacks is taken from its train photos.

    Photos to train on whose group is in its holdout are left out (they are missing in the answer).
    """
    given = {photo: Split(side) for photo, side in own.items() if side is not None}
    there = set(given.values()) - {Split.TRAIN}
    lacking = [split for split in Split if split not in there]
    shares = fractions.among(lacking)
    assigned = given if len(lacking) == 1 else {photo: side for photo, side in given.items() if side is not Split.TRAIN}
    splits = split_groups(items, shares, assigned, seed)
    if Split.HOLDOUT not in there:
        return splits
    return {photo: side for photo, side in splits.items() if side != Split.HOLDOUT or given.get(photo) == side}


def each_photo_alone(items: Iterable[SplitItem]) -> list[SplitItem]:
    """The items without their groups: what papers do that split photos at random, and what flatters a model."""
    return [replace(item, group=item.photo) for item in items]


def _check_folds(items: Sequence[SplitItem], folds: int) -> None:
    if folds < 2:
        raise DataError(f"Cross-validation needs two folds or more, not {folds}.")
    groups: dict[str, set[str]] = defaultdict(set)
    for item in items:
        groups[item.label].add(item.group)
    if short := sorted(label for label, found in groups.items() if len(found) < folds):
        fewest = min(len(groups[label]) for label in short)
        raise DataError(
            f"{folds} folds need {folds} groups of photos of each label, and there are fewer of {', '.join(short)}: "
            f"choose {fewest} folds or fewer, or add photos."
        )


def _groups(items: Iterable[SplitItem]) -> list[list[SplitItem]]:
    groups: dict[str, list[SplitItem]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    return list(groups.values())


def _place_in_order(members: list[SplitItem], assigned: Mapping[str, Split], seed: int) -> tuple[bool, int, bytes]:
    """Groups with a split come first; then by size, so that each split gets its share of large and of small ones."""
    chance = hashlib.sha256(f"{seed}:{members[0].group}".encode()).digest()
    return (_given_split(members, assigned) is None, -len(members), chance)


def _given_split(members: list[SplitItem], assigned: Mapping[str, Split]) -> Split | None:
    given = {assigned[item.photo] for item in members if item.photo in assigned}
    return next((split for split in (Split.HOLDOUT, Split.TRAIN, Split.VALIDATION) if split in given), None)


def _emptiest(
    members: list[SplitItem],
    totals: Counter[str],
    filled: Counter[tuple[Side, str]],
    shares: Mapping[Side, float],
) -> Side:
    """Return the side that is furthest from its share of the labels of the group; of equals the first."""
    own = Counter(item.label for item in members)

    def missing(side: Side) -> float:
        """The share that would still be missing with this group in it, over the labels of the group."""
        if not shares[side]:
            return float("-inf")
        wanted = {label: max(1.0, shares[side] * totals[label]) for label in own}
        return sum(n * (wanted[label] - filled[side, label] - n) / wanted[label] for label, n in own.items())

    return max(shares, key=missing)
